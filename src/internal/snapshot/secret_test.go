//go:build !race

package snapshot

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// names are the paths whose text is kept whatever it is: what findings and
// patterns call things by. Everything else is planted with secrets.
var names = regexp.MustCompile(`^(` + strings.Join([]string{
	`name`,
	`(azs|vm_types|vm_extensions|disk_types|networks)\[\]\.name`,
	`azs\[\]\.cpi`,
	`(networks\[\]|networks\[\]\.subnets\[\])\.(name|az|azs\[\])`,
	`(networks\[\]|networks\[\]\.subnets\[\])\.cloud_properties\.(name|subnet|net_id|site|deep\.er)`,
	`compilation\.(network|az|vm_type|vm_extensions\[\])`,
	`instance_groups\[\]\.(name|azs\[\]|resource_pool|stemcell|vm_type|vm_extensions\[\])`,
	`stemcells\[\]\.(alias|os)`,
	`instance_groups\[\]\.(networks|jobs|migrated_from)\[\]\.name`,
	`instance_groups\[\]\.(release|jobs\[\]\.release)`,
	`instance_groups\[\]\.migrated_from\[\]\.az`,
	`addons\[\]\.(name|jobs\[\]\.(name|release))`,
	`addons\[\]\.(include|exclude)\.((deployments|instance_groups|networks|azs|teams)\[\]|jobs\[\]\.(name|release)|stemcell\[\]\.os)`,
	`resource_pools\[\]\.(name|network)`,
	`cloud_provider\.template\.name`,
}, "|") + `)$`)

// secrets are texts of the kinds that stand in manifests.
var secrets = []string{
	"s3cr3t-Pa55word",
	"73311733",         // a number that is no count
	"deadbeefcafebabe", // of characters that IPv6 addresses have, too
	"-----BEGIN RSA PRIVATE KEY-----\nMIIEogIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n",
	"user:s3cr3t@10.0.0.5",
	"10.0.0.5 s3cr3t",
	"x((s3cr3t",
}

// TestNoSecretIsKept puts a secret in the place of every value that is no name,
// and beside every key, and looks for it in what is written.
func TestNoSecretIsKept(t *testing.T) {
	for _, secret := range secrets {
		count := 0
		s := planted(t, func(path string, n *yaml.Node) {
			if n.Kind == yaml.ScalarNode && !names.MatchString(path) {
				count++
				*n = yaml.Node{}
				n.SetString(secret)
				if secret == "73311733" {
					n.Tag, n.Style = "!!int", 0
				}
			}
			if n.Kind == yaml.MappingNode {
				n.Content = append(n.Content, text(secret+"-key"), text(secret))
			}
			n.HeadComment, n.LineComment, n.FootComment = secret, secret, secret
		})
		if count < 80 {
			t.Fatalf("only %d places to plant in", count)
		}
		written := string(s.Encode())
		for i, l := range strings.Split(written, "\n") {
			for _, part := range parts(secret) {
				if strings.Contains(l, part) {
					t.Errorf("secret %q: line %d holds %q:\n%s", secret, i+1, part, l)
				}
			}
		}
	}
}

// parts are what would give the secret away, escaped or cut.
func parts(secret string) []string {
	if strings.HasPrefix(secret, "-----BEGIN") {
		return []string{"BEGIN RSA", "MIIEogIBAAKCAQEA"}
	}
	if strings.Contains(secret, "s3cr3t") {
		return []string{"s3cr3t"}
	}
	return []string{secret}
}

// TestSecretsOfAnyType puts the secret into a map and a list in the place of each
// value.
func TestSecretsOfAnyType(t *testing.T) {
	forms := []string{`{s3cr3t: s3cr3t}`, `[s3cr3t, [s3cr3t]]`, `[{name: s3cr3t}]`, `!!binary czNjcjN0`, `!custom s3cr3t`}
	if sharedtest.Short() {
		forms = forms[1:2]
	}
	for _, form := range forms {
		var value yaml.Node
		if err := yaml.Unmarshal([]byte(form), &value); err != nil {
			t.Fatal(err)
		}
		// One place at a time: what stands in for a whole list hides what is below.
		k := exampleKeep()
		for _, reduced := range []struct {
			text string
			by   func(string) Content
		}{{cloudConfigText, k.ReduceCloudConfig}, {runtimeConfigText, k.ReduceRuntimeConfig}, {manifestText, k.ReduceManifest}, {createEnvText, k.ReduceCreateEnv}} {
			for i, at := 0, "none"; at != ""; i++ {
				at = ""
				seen := 0
				text := changed(t, reduced.text, func(path string, n *yaml.Node) {
					if path == "" || namesWithin.MatchString(path) {
						return
					}
					if seen == i {
						at = path
						*n = *value.Content[0]
					}
					seen++
				})
				s := Snapshot{CloudConfigs: []Config{{Content: reduced.by(text)}}}
				if written := string(s.Encode()); strings.Contains(written, "s3cr3t") {
					t.Errorf("%s in the place of %s is kept:\n%s", form, at, written)
				}
			}
		}
	}
}

// namesWithin are the paths at which a list of names, or of mappings with names,
// belongs: a name in such a list is kept.
var namesWithin = regexp.MustCompile(names.String() +
	`|(^|\.)(azs|networks|subnets|vm_types|vm_extensions|disk_types|instance_groups|jobs|migrated_from|addons|resource_pools|stemcells|stemcell|deployments|teams)(\[\])?$` +
	`|\.cloud_properties(\.deep)?$`)

// TestNamesAreKept holds the list of names against the allow-list: none stands
// there without need.
func TestNamesAreKept(t *testing.T) {
	var paths []string
	s := planted(t, func(path string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && names.MatchString(path) {
			n.SetString(fmt.Sprintf("name-%d-", len(paths)))
			paths = append(paths, path)
		}
	})
	written := string(s.Encode())
	kept := map[string]bool{}
	for i, path := range paths {
		kept[path] = kept[path] || strings.Contains(written, fmt.Sprintf(`name-%d-`, i))
	}
	for path, ok := range kept {
		if !ok {
			t.Errorf("%s is not kept, and need not stand among the names", path)
		}
	}
	if len(kept) < 15 {
		t.Errorf("only %d kinds of names were planted", len(kept))
	}
}

// planted reduces the texts of this package after change was asked about each
// node of them.
func planted(t *testing.T, change func(path string, n *yaml.Node)) *Snapshot {
	t.Helper()
	s := example(t)
	k := exampleKeep()
	s.CloudConfigs[0].Content = k.ReduceCloudConfig(changed(t, cloudConfigText, change))
	s.RuntimeConfigs[0].Content = k.ReduceRuntimeConfig(changed(t, runtimeConfigText, change))
	s.CreateEnvs = []Content{k.ReduceCreateEnv(changed(t, createEnvText, change))}
	s.Deployments[0].Manifest = k.ReduceManifest(changed(t, manifestText, change))
	return s
}

func changed(t *testing.T, text string, change func(path string, n *yaml.Node)) string {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		change(path, n)
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
				walk(key, n.Content[i+1])
			}
		case yaml.SequenceNode:
			for _, item := range n.Content {
				walk(path+"[]", item)
			}
		}
	}
	walk("", doc.Content[0])
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// FuzzReduce reduces any text. What is kept can be written and read, and all of it
// is of a kind that is kept: to reduce it again takes nothing away. That no secret
// is among it is what the other tests look for, in texts that hold one.
func FuzzReduce(f *testing.F) {
	for _, seed := range []string{cloudConfigText, runtimeConfigText, manifestText, createEnvText} {
		f.Add(seed)
	}
	f.Add("networks: [{name: a, subnets: [{range: 10.0.0.0/24, reserved: ((r)), static: [[10.0.0.1]], cloud_properties: {name: ((n))}}]}]")
	f.Add("instance_groups: [{name: a, jobs: [{name: k, properties: {vip: '10.0.0.9, s3cr3t', vips: [{ip: 10.0.0.13/24}]}}]}]")
	f.Fuzz(func(t *testing.T, text string) {
		k := exampleKeep()
		for name, by := range map[string]func(string) Content{
			"cloud-config": k.ReduceCloudConfig, "runtime config": k.ReduceRuntimeConfig, "manifest": k.ReduceManifest, "create-env": k.ReduceCreateEnv,
		} {
			once := by(text)
			if once.node == nil {
				continue
			}
			if encoded := encodedOf(once); encodedOf(by(encoded)) != encoded {
				t.Errorf("%s: reduced once:\n%s\nreduced twice:\n%s", name, encoded, encodedOf(by(encoded)))
			}
			written := (&Snapshot{Head: Head{Collected: time.Unix(0, 0)}, CloudConfigs: []Config{{Content: once}}}).Encode()
			read, err := Read("x", written)
			if err != nil {
				t.Fatalf("%s: %v:\n%s", name, err, written)
			}
			if again := read.Encode(); !bytes.Equal(again, written) {
				t.Errorf("%s: written:\n%s\nread and written again:\n%s", name, written, again)
			}
		}
	})
}

func encodedOf(c Content) string {
	if c.node == nil {
		return ""
	}
	var b bytes.Buffer
	writeNode(&b, c.node)
	return b.String()
}
