//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// served is a running ipguard-server, a process of its own.
type served struct {
	cmd  *exec.Cmd
	log  *os.File
	host string // address and port
	// admin is a token that may do anything.
	admin string
}

// serve starts the server on a database and a fleet file; empty: it has none.
func (s *settings) serve(database, fleet string) (v *served, err error) {
	options := []string{"--database", database}
	secret, err := exec.Command(s.server, append([]string{"token", "bench", "--scope", "ipguard.admin"}, options...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("no token was made: %w", err)
	}
	v = &served{admin: strings.TrimSpace(string(secret))}
	if v.log, err = os.Create(filepath.Join(s.work, "server.log")); err != nil {
		return nil, err
	}
	if fleet != "" {
		options = append(options, "--fleet", fleet)
	}
	v.cmd = exec.Command(s.server, append(options, "--listen", "127.0.0.1:0")...)
	v.cmd.Stderr = v.log
	stdout, err := v.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	u, other := url.Parse(strings.TrimSpace(strings.TrimPrefix(line, "ipguard-server listens on ")))
	if err != nil || other != nil || u.Host == "" {
		return nil, errors.Join(fmt.Errorf("the server did not start: %q", line), err, other, v.stop())
	}
	v.host = u.Host
	go io.Copy(io.Discard, stdout)
	return v, nil
}

// stop lets the server end, and waits for it.
func (v *served) stop() error {
	err := errors.Join(v.cmd.Process.Signal(syscall.SIGTERM), v.cmd.Wait(), v.log.Close())
	if err != nil {
		return fmt.Errorf("the server did not end well: %w", err)
	}
	return nil
}

// peak is the most resident memory, in bytes, that the server has had.
func (v *served) peak() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	var kilobytes int64
	_, line, found := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(line, &kilobytes); !found || err != nil {
		return 0, fmt.Errorf("the peak of memory is not known: %w", err)
	}
	return kilobytes << 10, nil
}

// busy is how long the server has had a processor, in user and system mode (proc(5)).
func (v *served) busy() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%q has no times", text)
	}
	var total time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ticks) * tick
	}
	return total, nil
}

// asker is one connection to the server, which stays open. It is as lean as can be, for
// it shares the processors with the server.
type asker struct {
	conn  net.Conn
	in    *bufio.Reader
	host  string
	token string
}

func (v *served) connect(token string) (*asker, error) {
	conn, err := net.Dial("tcp", v.host)
	if err != nil {
		return nil, err
	}
	return &asker{conn: conn, in: bufio.NewReader(conn), host: v.host, token: token}, nil
}

// ask sends one request and reads the whole answer. body is JSON; empty: there is none.
func (a *asker) ask(method, path, body string) (status int, text []byte, err error) {
	request := method + " " + path + " HTTP/1.1\r\nHost: " + a.host + "\r\nAuthorization: Bearer " + a.token + "\r\n"
	if body != "" {
		request += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	if _, err := io.WriteString(a.conn, request+"\r\n"+body); err != nil {
		return 0, nil, err
	}
	answer, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// makeToken makes a token with a scope.
func (a *asker) makeToken(name, scope, ends string) (string, error) {
	status, text, err := a.ask(http.MethodPost, "/api/v1/tokens", fmt.Sprintf(`{"name": %q, "scopes": [%q], "ends": %q}`, name, scope, ends))
	if err != nil || status != http.StatusCreated {
		return "", fmt.Errorf("no token was made: status %d: %s: %w", status, text, err)
	}
	return field(text, "secret")
}

// field is a text of a JSON object, found without reading all of it.
func field(object []byte, name string) (string, error) {
	_, rest, found := strings.Cut(string(object), `"`+name+`":"`)
	value, _, ends := strings.Cut(rest, `"`)
	if !found || !ends {
		return "", fmt.Errorf("the answer has no %s: %s", name, object)
	}
	return value, nil
}
