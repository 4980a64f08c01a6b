package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// abandon closes sockets without waiting for the kernel. Closing a packet socket
// takes it 4 to 16 ms (packet_release waits until no processor can still be
// delivering to it), and a process that ends waits for each of its sockets.
//
// The sockets are therefore sent into a pair of Unix sockets that holds itself:
// once this process has closed all of them, nobody can reach them any more, and
// the kernel's garbage collector (unix(7), SCM_RIGHTS) closes them in a thread of
// its own. Kernels before 6.9 do it at once, which takes as long as closing.
func abandon(sockets []*Socket) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	fds := []int{pair[1]}
	for _, s := range sockets {
		// The number stays good: nobody else closes the socket.
		err = errors.Join(err, s.control(func(fd int) error { fds = append(fds, fd); return nil }))
	}
	if err == nil {
		err = unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(fds...), nil, 0)
	}
	for _, s := range sockets {
		err = errors.Join(err, s.Close())
	}
	// In this order: the one that holds itself stays, and the end of the other
	// makes the collector look.
	return errors.Join(err, unix.Close(pair[1]), unix.Close(pair[0]))
}
