//go:build !unix

package gate

import "errors"

var errNotHere = errors.New("ipguard bosh is for Unix: this system cannot replace a process")

// Run fails: the system has no execve.
func (p *Program) Run(_, _ []string) error { return errNotHere }

// Hold fails: the system has no /dev/fd.
func Hold(_ []byte) (path string, err error) { return "", errNotHere }
