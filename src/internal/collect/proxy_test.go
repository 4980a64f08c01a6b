package collect

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cloudfoundry/bosh-utils/httpclient"
	socks5 "github.com/cloudfoundry/go-socks5"
	"golang.org/x/crypto/ssh"
)

// jumpbox is an SSH server that forwards connections, and remembers to where.
type jumpbox struct {
	listener net.Listener
	config   *ssh.ServerConfig
	key      string // path of the user's private key

	mu      sync.Mutex
	forward []string
	logins  int
}

func startJumpbox(t *testing.T) *jumpbox {
	t.Helper()
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authorized, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	j := &jumpbox{key: filepath.Join(t.TempDir(), "key")}
	if err := os.WriteFile(j.key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	j.config = &ssh.ServerConfig{PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if meta.User() != "jump" || string(key.Marshal()) != string(authorized.Marshal()) {
			return nil, fmt.Errorf("no access")
		}
		return nil, nil
	}}
	j.config.AddHostKey(signer)
	if j.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.listener.Close() })
	go j.accept()
	return j
}

func (j *jumpbox) accept() {
	for {
		conn, err := j.listener.Accept()
		if err != nil {
			return
		}
		go j.serve(conn)
	}
}

func (j *jumpbox) serve(conn net.Conn) {
	_, channels, requests, err := ssh.NewServerConn(conn, j.config)
	if err != nil {
		return
	}
	j.mu.Lock()
	j.logins++
	j.mu.Unlock()
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		var to struct {
			Host       string
			Port       uint32
			OriginHost string
			OriginPort uint32
		}
		if channel.ChannelType() != "direct-tcpip" || ssh.Unmarshal(channel.ExtraData(), &to) != nil {
			channel.Reject(ssh.UnknownChannelType, "")
			continue
		}
		target := net.JoinHostPort(to.Host, fmt.Sprint(to.Port))
		j.mu.Lock()
		j.forward = append(j.forward, target)
		j.mu.Unlock()
		go forward(channel, target)
	}
}

func forward(channel ssh.NewChannel, target string) {
	remote, err := net.Dial("tcp", target)
	if err != nil {
		channel.Reject(ssh.ConnectionFailed, "")
		return
	}
	local, requests, err := channel.Accept()
	if err != nil {
		remote.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { io.Copy(remote, local); remote.Close() }()
	io.Copy(local, remote)
	local.Close()
}

func (j *jumpbox) targets() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(j.forward)))
}

// socks is a plain proxy that remembers to where.
type socks struct {
	mu      sync.Mutex
	address string
	forward []string
}

func startSocks(t *testing.T) *socks {
	t.Helper()
	s := &socks{}
	server, err := socks5.New(&socks5.Config{Logger: log.New(io.Discard, "", 0), Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		s.mu.Lock()
		s.forward = append(s.forward, address)
		s.mu.Unlock()
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s.address = listener.Addr().String()
	go server.Serve(listener)
	return s
}

func (s *socks) targets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(s.forward)))
}

// TestProxies reaches five directors at once, two by a jumpbox, one by another
// jumpbox, one by SOCKS and one directly: each by its own way and no other.
func TestProxies(t *testing.T) {
	one, other, plain := startJumpbox(t), startJumpbox(t), startSocks(t)
	ways := []string{
		"ssh+socks5://jump@" + one.listener.Addr().String() + "?private-key=" + one.key,
		"ssh+socks5://jump@" + one.listener.Addr().String() + "?private-key=" + one.key,
		"ssh+socks5://jump@" + other.listener.Addr().String() + "?private-key=" + other.key,
		"socks5://" + plain.address,
		"",
	}
	t.Cleanup(httpclient.ResetDialerContext)        // once the variable is as it was: other tests dial directly
	t.Setenv(proxyVariable, "socks5://127.0.0.1:1") // is in force for none of them
	t.Setenv("NO_PROXY", "")
	var targets []Target
	var hosts []string
	for _, way := range ways {
		target := start(t, director())
		target.Access.Proxy = way
		targets = append(targets, target)
		hosts = append(hosts, strings.TrimPrefix(target.Access.URL, "https://"))
	}
	Run(context.Background(), targets, options(t), func(r Result) {
		if r.Err != nil {
			t.Errorf("%s by %s: %s", r.Target.Access.URL, r.Target.Access.Proxy, r.Err)
		}
	})
	for name, c := range map[string]struct{ got, want []string }{
		"the first jumpbox":  {one.targets(), hosts[:2]},
		"the second jumpbox": {other.targets(), hosts[2:3]},
		"the SOCKS proxy":    {plain.targets(), hosts[3:4]},
	} {
		if want := slices.Sorted(slices.Values(c.want)); !slices.Equal(c.got, want) {
			t.Errorf("%s led to %q, want %q", name, c.got, want)
		}
	}
	if got := os.Getenv(proxyVariable); got != "socks5://127.0.0.1:1" {
		t.Errorf("%s is left as %q", proxyVariable, got)
	}
}

// TestBrokenProxies tells of proxies that lead nowhere, without their passwords.
func TestBrokenProxies(t *testing.T) {
	jump := startJumpbox(t)
	stranger := startJumpbox(t)
	for proxy, want := range map[string]string{
		"socks5://user:" + password + "@127.0.0.1:1":                                          "dial tcp 127.0.0.1:1: connect: connection refused",
		"ssh+socks5://user@127.0.0.1:1":                                                       "its proxy URL names no private-key",
		"ssh+socks5://jump@" + jump.listener.Addr().String() + "?private-key=" + stranger.key: "its proxy cannot be used",
	} {
		t.Run("", func(t *testing.T) {
			target := start(t, director())
			target.Access.Proxy = proxy
			_, err := collectOne(t, target, options(t))
			if err == nil || err.Message != want && !strings.Contains(err.Message, want) {
				t.Errorf("%s: got %v, want %s", proxy, err, want)
			}
			if err != nil && strings.Contains(err.Message+err.Hint, password) {
				t.Errorf("the error tells a secret: %s", err)
			}
		})
	}
}
