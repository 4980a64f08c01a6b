package link

import (
	"errors"
	"fmt"
	"net"
	"os"
	"unsafe"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// Socket is a packet socket for one protocol of one interface. It carries whole
// Ethernet frames.
type Socket struct {
	*packet.Conn
	index int
}

// Listen opens a socket. The filter is in force before the first frame can
// arrive. groups are Ethernet group addresses to be received besides those that
// the kernel listens to anyway. The error is ErrNotPermitted without CAP_NET_RAW.
func Listen(i Interface, p Protocol, f Filter, groups ...frame.MAC) (*Socket, error) {
	program, err := f.Assemble()
	if err != nil {
		return nil, fmt.Errorf("assembling the filter for %s: %w", i.Name, err)
	}
	conn, err := packet.Listen(&net.Interface{Index: i.Index, Name: i.Name, HardwareAddr: i.MAC[:]},
		packet.Raw, int(p), &packet.Config{Filter: program})
	if errors.Is(err, os.ErrPermission) {
		return nil, ErrNotPermitted
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", i.Name, err)
	}
	s := &Socket{Conn: conn, index: i.Index}
	for _, g := range groups {
		if err := conn.JoinGroup(g[:]); err != nil {
			return nil, errors.Join(fmt.Errorf("joining %s on %s: %w", g, i.Name, err), conn.Close())
		}
	}
	return s, nil
}

// SetFilter replaces the filter; no frame is lost or seen twice by it.
func (s *Socket) SetFilter(f Filter) error {
	program, err := f.Assemble()
	if err != nil {
		return fmt.Errorf("assembling a filter: %w", err)
	}
	return s.SetBPF(program)
}

// Drops returns how many frames the kernel has thrown away since the last call
// because nobody read them in time.
func (s *Socket) Drops() (uint32, error) {
	stats, err := s.Stats()
	if err != nil {
		return 0, err
	}
	return stats.Drops, nil
}

// SetReceiveBuffer asks for room for that many bytes; without CAP_NET_ADMIN the
// kernel gives at most net.core.rmem_max.
func (s *Socket) SetReceiveBuffer(size int) error {
	return s.control(func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) == nil {
			return nil
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	})
}

func (s *Socket) control(do func(fd int) error) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return err
	}
	return result
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// SendBatch sends frames by one system call and returns how many the kernel
// took; the rest must be sent again. It waits while the queue is full.
func (s *Socket) SendBatch(frames [][]byte) (int, error) {
	if len(frames) == 0 {
		return 0, nil
	}
	messages, vectors := make([]mmsghdr, len(frames)), make([]unix.Iovec, len(frames))
	for i, f := range frames {
		vectors[i].Base = &f[0]
		vectors[i].SetLen(len(f))
		messages[i].header.Iov = &vectors[i]
		messages[i].header.SetIovlen(1)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	var sent uintptr
	var errno unix.Errno
	// The socket is bound, so that the frames need no address.
	err = raw.Write(func(fd uintptr) bool {
		sent, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), 0, 0, 0)
		return errno != unix.EAGAIN
	})
	if err != nil {
		return 0, err
	}
	if errno == unix.ENOBUFS || errno == unix.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, os.NewSyscallError("sendmmsg", errno)
	}
	return int(sent), nil
}
