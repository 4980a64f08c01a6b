package gate

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// earlierVariable tells an ipguard that a script started what one before it, in the
// same command, has done: a script called bosh may be a wrapper of the real bosh, or
// of ipguard. Nobody can tell by looking at it; by being started again by it, ipguard
// can.
const earlierVariable = "IPGUARD_GATE"

// Earlier is what a gate before this one did.
type Earlier struct {
	// PID is the process that became the script, Script the path that was run.
	PID     int      `json:"pid"`
	Scripts []string `json:"scripts"`
	// Judged is the fingerprint of the change that it let pass; empty for none.
	Judged string `json:"judged,omitempty"`
}

// FindEarlier returns what a gate before this one told in the environment, if it
// was this process or started it; else nothing was done before.
func FindEarlier(environ []string) Earlier {
	var e Earlier
	for _, variable := range environ {
		if text, ok := strings.CutPrefix(variable, earlierVariable+"="); ok {
			if json.Unmarshal([]byte(text), &e) != nil {
				return Earlier{}
			}
		}
	}
	if e.PID != os.Getpid() && e.PID != os.Getppid() || len(e.Scripts) == 0 {
		return Earlier{}
	}
	return e
}

// Let reports whether the earlier gate let this very change pass.
func (e Earlier) Let(c *Change) bool { return e.Judged != "" && e.Judged == c.fingerprint() }

// fingerprint is one text for changes that are the same, also in the paths of their
// files.
func (c *Change) fingerprint() string {
	text := fmt.Sprintf("%q", []any{c.Command, c.Kind, c.Name, c.Environment, c.ConfigPath, c.CACert, c.VarKVs, c.VarsEnvs, c.values()})
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
}

// Environ is the environment with which the program is run, after change was let
// pass; nil: nothing was judged. Only a script can lead back here.
func (e Earlier) Environ(environ []string, program *Program, change *Change) []string {
	environ = slices.DeleteFunc(slices.Clone(environ), func(variable string) bool { return strings.HasPrefix(variable, earlierVariable+"=") })
	if !isScript(program.Path) {
		return environ
	}
	e.PID, e.Scripts, e.Judged = os.Getpid(), append(slices.Clone(e.Scripts), program.Path), ""
	if change != nil {
		e.Judged = change.fingerprint()
	}
	text, err := json.Marshal(e)
	if err != nil {
		return environ
	}
	return append(environ, earlierVariable+"="+string(text))
}

func isScript(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return true // it may be one
	}
	defer file.Close()
	begin := make([]byte, 2)
	n, _ := file.Read(begin)
	return string(begin[:n]) == "#!"
}
