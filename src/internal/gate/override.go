package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"syscall"
	"time"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
)

// Override is one line of the log of overrides.
type Override struct {
	Time time.Time `json:"time"`
	// User is who ran the command, on which Host.
	User string `json:"user"`
	Host string `json:"host"`
	// Command is bosh's, Director the fleet file's name for it, or what the command
	// line says where the fleet file has none; Name is the deployment or config.
	Command  string `json:"command"`
	Director string `json:"director"`
	Name     string `json:"name,omitempty"`
	Path     string `json:"path"`
	Reason   string `json:"reason"`
	// Findings and Failures are what lint had against it.
	Findings []string `json:"findings,omitempty"`
	Failures []string `json:"failures,omitempty"`
}

// Log appends the override to the log at path, one line of JSON, and returns once
// it is on the disk. User and host are filled in.
func (o Override) Log(path string) (err error) {
	who, err := user.Current()
	if err != nil {
		return fmt.Errorf("who runs this is unknown: %w", err)
	}
	o.User = who.Username
	if o.Host, err = os.Hostname(); err != nil {
		return err
	}
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if unended(path) {
		line = append([]byte{'\n'}, line...)
	}
	if err := atomicfile.Inside(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK /* a pipe that nobody reads */, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(line); err != nil {
		return err
	}
	return file.Sync()
}

// unended reports whether the last line of a file has no end, as an editor may leave it
// or a full disk. What cannot be read is taken for ended: appending tells.
func unended(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	last := make([]byte, 1)
	_, err = file.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}
