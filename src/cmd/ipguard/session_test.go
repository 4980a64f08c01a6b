//go:build !race

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	socks5 "github.com/cloudfoundry/go-socks5"
	"github.com/jessevdk/go-flags"

	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/gate"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// session is a reader of a document at a shell: with a fresh clone, a home, a bosh that
// does nothing, and directors that answer wherever documents say that one is.
type session struct {
	t *testing.T
	// dir holds the clone, and beside it what the reader makes.
	dir, clone string
	environ    []string
}

// documentedDirector is where the examples say that the director promo answers.
const documentedDirector = "10.8.52.10"

func newSession(t *testing.T, checkout string) *session {
	t.Helper()
	s := &session{t: t, dir: t.TempDir()}
	s.clone = filepath.Join(s.dir, "ipguard")
	home, programs := filepath.Join(s.dir, "home"), filepath.Join(s.dir, "programs")
	for _, folder := range []string{s.clone, home, programs} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(programs, "bosh"), []byte("#!/bin/sh\nexec documented-bosh \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.environ = append(os.Environ(), "HOME="+home, "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1")
	s.environ = append(s.environ, asAnn()...)
	s.environ = append(s.environ, goEnvironment(t)...)
	s.environ = append(s.environ, startDocumentedDirector(t)...)
	s.git("clone", "--quiet", checkout, ".")
	return s
}

// compileOnce compiles what several pages build: at once, each of them would compile it all.
func compileOnce(t *testing.T) {
	t.Helper()
	c := exec.Command("go", "build", "./src/cmd/ipguard", "./src/cmd/ipguard-server")
	c.Dir, c.Env = root, append(os.Environ(), goEnvironment(t)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// goEnvironment is what go finds in its home, for who has another one.
func goEnvironment(t *testing.T) (environ []string) {
	t.Helper()
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOTOOLCHAIN", "GOFLAGS"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		value := strings.TrimSpace(string(out))
		if name == "GOFLAGS" && !strings.Contains(value, "-trimpath") {
			value = strings.TrimSpace(value + " -trimpath") // what is built in one clone need not be built in the next
		}
		environ = append(environ, name+"="+value)
	}
	return environ
}

// committed returns a repository with the project as it is, without what is made in a checkout.
func committed(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		from, to := filepath.Join(root, entry.Name()), filepath.Join(folder, entry.Name())
		switch {
		case slices.Contains([]string{".git", "tmp", "blobs", ".blobs", "dev_releases", ".dev_builds"}, entry.Name()):
		case entry.IsDir():
			err = os.CopyFS(to, os.DirFS(from))
		case entry.Type().IsRegular():
			var content []byte
			if content, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, content, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &session{t: t, clone: folder, environ: append(os.Environ(), asAnn()...)}
	s.git("init", "--quiet")
	s.git("add", "--all")
	s.git("commit", "--quiet", "--message", "a clone")
	return folder
}

// asAnn says who commits.
func asAnn() []string {
	return []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=ann", "GIT_AUTHOR_EMAIL=ann@example.org", "GIT_COMMITTER_NAME=ann", "GIT_COMMITTER_EMAIL=ann@example.org",
	}
}

func (s *session) git(args ...string) {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", s.clone}, args...)...)
	cmd.Env = s.environ
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// startDocumentedDirector starts the director promo as it was before the incident, and a
// proxy that leads there wherever somebody wants to go. It returns how to log in.
func startDocumentedDirector(t *testing.T) (environ []string) {
	t.Helper()
	authority, err := directordouble.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	authority.Addresses = []net.IP{net.ParseIP(documentedDirector)}
	read := func(name string) string {
		return readText(t, filepath.Join(root, "manifests-examples/incident/promo", name))
	}
	instance := func(group string, index int, address string) directordouble.Instance {
		return directordouble.Instance{Group: group, ID: fmt.Sprintf("%s-%d", group, index), AZ: "z1", Index: index, IPs: []string{address}}
	}
	d := &directordouble.Director{
		Name: "promo", UUID: "6b1a5c1e-0d0b-4f4e-9d2c-3c1f8c5a7e21", Version: "283.1.3", CPI: "vsphere_cpi",
		Users:   map[string]directordouble.User{"ipguard": {Password: directorSecret, Admin: true}},
		Configs: []directordouble.Config{{ID: 1, Type: "cloud", Name: "default", Content: read("cloud-config.yml")}},
		Deployments: []directordouble.Deployment{{Name: "pgpool", Manifest: read("pgpool.yml"), Configs: []int{1}, Instances: []directordouble.Instance{
			instance("pgpool", 0, "10.8.52.190"), instance("pgpool", 1, "10.8.52.191"),
			instance("postgres", 0, "10.8.53.131"), instance("postgres", 1, "10.8.53.132"),
		}}},
	}
	server, err := authority.Start(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	proxy, err := socks5.New(&socks5.Config{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(server.URL, "https://"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go proxy.Serve(listener)
	return []string{"BOSH_ALL_PROXY=socks5://" + listener.Addr().String(), "BOSH_CA_CERT=" + string(authority.PEM),
		"BOSH_CLIENT=ipguard", "BOSH_CLIENT_SECRET=" + directorSecret}
}

// longest is how long a document's commands may take together.
const longest = 5 * time.Minute

// run types the commands of a document into one shell. It returns how many ran, and what
// went wrong, each beginning with the document's name and the line.
func (s *session) run(d document) (ran int, failures []string) {
	s.t.Helper()
	var commands []command
	for _, b := range d.blocks {
		list, err := b.commands()
		if err != nil {
			failures = append(failures, fmt.Sprintf("%s:%d: %v", d.name, b.line, err))
			continue
		}
		if b.notRun != "" {
			continue
		}
		if b.shared {
			shared := filepath.Dir(sharedtest.Dir(s.t, "director-verdicts"))
			if err := os.Symlink(shared, filepath.Join(s.dir, "shared")); err != nil && !os.IsExist(err) {
				s.t.Fatal(err)
			}
		}
		commands = append(commands, list...)
	}
	s.typeIn(commands)
	for i, c := range commands {
		output, _ := os.ReadFile(s.file("output", i))
		code, err := os.ReadFile(s.file("code", i))
		if err != nil {
			failures = append(failures, fmt.Sprintf("%s:%d: did not end: %s\n%s", d.name, c.line, c.text, output))
			break
		}
		ran++
		if got := strings.TrimSpace(string(code)); got != strconv.Itoa(c.exit) {
			failures = append(failures, fmt.Sprintf("%s:%d: exit code %s, not %d: %s\n%s", d.name, c.line, got, c.exit, c.text, output))
		}
	}
	return ran, failures
}

// file is where the output or the exit code of a command is kept.
func (s *session) file(what string, i int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s-%d", what, i))
}

// typeIn runs commands in one shell, which keeps each one's output and exit code.
func (s *session) typeIn(commands []command) {
	s.t.Helper()
	var script strings.Builder
	script.WriteString("shopt -s expand_aliases\ntrap 'echo $? >\"$code\"' EXIT\n")
	for i, c := range commands {
		fmt.Fprintf(&script, "code='%s'; exec >'%s' 2>&1\n%s\necho $? >\"$code\"\n", s.file("code", i), s.file("output", i), c.text)
	}
	script.WriteString("trap - EXIT\n")
	path := filepath.Join(s.dir, "session")
	if err := os.WriteFile(path, []byte(script.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), longest)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", path)
	shell.Dir, shell.Env, shell.WaitDelay = s.clone, s.environ, time.Second
	shell.Run() // what went wrong is told command by command
}

// documentedBosh stands for bosh in documents: it takes what the real one takes, by its
// own definitions, wants the files that it is given, and makes an empty release.
func documentedBosh() {
	options := &gate.BoshOptions{}
	options.VersionOpt = func() error { return nil }
	parser := flags.NewParser(options, flags.PassDoubleDash)
	if _, err := parser.ParseArgs(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bosh:", err)
		os.Exit(1)
	}
	if tarball := options.CreateRelease.Tarball; tarball != "" {
		if err := os.WriteFile(tarball, nil, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "bosh:", err)
			os.Exit(1)
		}
	}
	files := []string{options.Deploy.Args.Manifest, options.CreateEnv.Args.Manifest, options.UploadRelease.Args.URL,
		options.UpdateRuntimeConfig.Args.RuntimeConfig, options.UpdateCloudConfig.Args.CloudConfig}
	for _, file := range files {
		if file == "" {
			continue
		}
		if _, err := os.ReadFile(file); err != nil {
			fmt.Fprintln(os.Stderr, "bosh:", err)
			os.Exit(1)
		}
	}
}
