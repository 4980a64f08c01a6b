//go:build !race

package snapshot

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// reducedText is what is written again of a snapshot's text.
func reducedText(t *testing.T, text []byte) string {
	t.Helper()
	read, err := Read("x.json", text)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	reduced, err := read.Reduced()
	if err != nil {
		t.Fatal(err)
	}
	return string(reduced.Encode())
}

// TestReducedOnceMore: what collect wrote stays as it is; what somebody wrote beside it,
// into any of its mappings, is gone when it is written again.
func TestReducedOnceMore(t *testing.T) {
	s := example(t)
	k := exampleKeep()
	s.CreateEnvs = []Content{k.ReduceCreateEnv(createEnvText)}
	s.Settings.NoConfigServer = true
	written := s.Encode()
	if again := reducedText(t, written); again != string(written) {
		t.Fatalf("what collect wrote is not as it was:\n%s\nit was:\n%s", again, written)
	}
	var whole yaml.Node
	if err := yaml.Unmarshal(written, &whole); err != nil { // it keeps the order of keys
		t.Fatal(err)
	}
	edited, planted := bytes.Buffer{}, 0
	plant(whole.Content[0], &planted)
	if writeNode(&edited, whole.Content[0]); planted < 50 {
		t.Fatalf("only %d mappings to plant in", planted)
	}
	again := reducedText(t, edited.Bytes())
	for i, l := range strings.Split(again, "\n") {
		if strings.Contains(l, "s3cr3t") {
			t.Errorf("line %d: %s", i+1, l)
		}
	}
}

// plant writes secrets into each mapping, and takes the seals away, as whoever edits one does.
func plant(n *yaml.Node, planted *int) {
	if n.Kind == yaml.MappingNode {
		*planted++
	}
	for _, c := range n.Content {
		plant(c, planted)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	has := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if slices.Contains([]string{"rest", "head", "covers", "uses", "routers", "segments"}, key) {
			continue
		}
		has = has || key == "properties"
		kept = append(kept, n.Content[i], n.Content[i+1])
	}
	n.Content = kept
	secret := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text("s3cr3t"), {Kind: yaml.SequenceNode, Content: []*yaml.Node{text("s3cr3t")}}}}
	put(n, "password", text("s3cr3t"))
	put(n, "more", secret)
	if !has {
		put(n, "properties", &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text("password"), text("s3cr3t")}})
	}
}

// TestPatternThatIsNone: a snapshot that says it kept what is no pattern is refused, and
// what stands there is not quoted.
func TestPatternThatIsNone(t *testing.T) {
	s := example(t)
	s.Kept.VIPProperties = []string{"vip", "a b s3cr3t ["}
	read, err := Read("x.json", s.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Reduced(); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
}
