package regularfile

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestNothingIsWaitedFor: pipes, devices and sockets are refused at once, by their own
// name and through a link.
func TestNothingIsWaitedFor(t *testing.T) {
	folder := t.TempDir()
	pipe, socket := filepath.Join(folder, "pipe"), filepath.Join(folder, "socket")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for i, path := range []string{pipe, socket, "/dev/zero", "/dev/ptmx", folder} {
		link := filepath.Join(folder, "link"+strconv.Itoa(i))
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{path, link} {
			done := make(chan error, 1)
			go func() {
				_, err := Read(path)
				done <- err
			}()
			select {
			case err := <-done:
				if err == nil {
					t.Errorf("%s was read", path)
				}
			case <-time.After(10 * time.Second):
				t.Errorf("%s is waited for", path)
			}
		}
	}
}

// TestPipesThatAreMeant are read to their end, as files are.
func TestPipesThatAreMeant(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		_, _ = io.WriteString(w, "text")
		w.Close()
	}()
	if text, err := Read("/dev/fd/" + strconv.Itoa(int(r.Fd()))); err != nil || string(text) != "text" {
		t.Errorf("a pipe: %q, %v", text, err)
	}
	if text, err := Read(os.DevNull); err != nil || len(text) != 0 {
		t.Errorf("%s: %q, %v", os.DevNull, text, err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(path); err != nil || string(text) != "file" {
		t.Errorf("a file: %q, %v", text, err)
	}
}
