//go:build unix

package gate

import "syscall"

// Run becomes the program: it only returns if that fails. What was held stays
// open.
func (p *Program) Run(args, environ []string) error {
	return syscall.Exec(p.Path, append([]string{p.Name}, args...), environ)
}
