// Command directors answers as the directors of a made fleet would if all of it
// were deployed.
//
//	directors [-latency TIME] FOLDER
//
// FOLDER holds a fleet as command fleet writes it with -as-written. directors
// starts a double of each director, writes ca.pem and live.yml beside the fleet,
// a fleet file that names the doubles and their snapshots, prints "ready" and
// answers until its standard input ends. VMs have the addresses that the deploys
// would take. All answers take the same time, beside what they cost. The secret of
// all clients is "secret".
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
)

func main() {
	latency := flag.Duration("latency", 0, "time that passes before each answer")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "directors: name one folder with a fleet")
		os.Exit(2)
	}
	if err := serve(flag.Arg(0), *latency); err != nil {
		fmt.Fprintln(os.Stderr, "directors:", err)
		os.Exit(1)
	}
}

func serve(folder string, latency time.Duration) error {
	if err := os.Chdir(folder); err != nil {
		return err
	}
	doubles, err := read()
	if err != nil {
		return err
	}
	authority, err := directordouble.NewAuthority()
	if err != nil {
		return err
	}
	if err := os.WriteFile("ca.pem", authority.PEM, 0o600); err != nil {
		return err
	}
	var live strings.Builder
	live.WriteString("directors:\n")
	for _, d := range doubles {
		d.Latency, d.Users = latency, map[string]directordouble.User{"ipguard": {Password: "secret", Admin: true}}
		server, err := authority.Start(d)
		if err != nil {
			return err
		}
		defer server.Close()
		fmt.Fprintf(&live, "- name: %s\n  snapshot: snapshots/%s.json\n  environment: {target: '%s', ca_cert: ca.pem, client: ipguard}\n", d.Name, d.Name, server.URL)
	}
	if err := os.WriteFile("live.yml", []byte(live.String()), 0o644); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// read makes doubles of the directors of the fleet file.
func read() ([]*directordouble.Director, error) {
	files := source.NewFiles(strings.NewReader(""))
	file, errs := fleet.Load(files, fleet.FileName)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	directors, errs := file.Resolve()
	if len(errs) > 0 {
		return nil, errs[0]
	}
	f := survey.Fleet{File: file, VIPs: file.VIPPatterns()}
	var doubles []*directordouble.Director
	for i := range directors {
		d := &directors[i]
		double := &directordouble.Director{Name: d.Name, UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Version: "283.1.3 (00000000)", CPI: "vsphere"}
		judged := fleet.Sources{Name: double.Name}
		for id, c := range d.CloudConfigs {
			text, err := os.ReadFile(c.Path)
			if err != nil {
				return nil, err
			}
			double.Configs = append(double.Configs, directordouble.Config{ID: id + 1, Type: "cloud", Name: filepath.Base(c.Path), Content: string(text)})
			judged.CloudConfigs = append(judged.CloudConfigs, fleet.SourceFile{Path: c.Path, Inputs: c.Inputs})
		}
		for _, m := range d.Deployments {
			text, err := os.ReadFile(m.Path)
			if err != nil {
				return nil, err
			}
			name := strings.TrimSuffix(filepath.Base(m.Path), ".yml") // as made fleets name them
			double.Deployments = append(double.Deployments, directordouble.Deployment{Name: name, Manifest: string(text)})
			judged.Deployments = append(judged.Deployments, fleet.SourceFile{Path: m.Path, Inputs: m.Inputs})
		}
		f.Directors = append(f.Directors, judged)
		doubles = append(doubles, double)
	}
	for _, p := range survey.Read(f, interpolate.NewLoader(files, nil)).Predicted {
		give(doubles, p)
	}
	return doubles, nil
}

// give puts the addresses that a deploy would take into its instances.
func give(doubles []*directordouble.Director, p survey.Prediction) {
	for _, d := range doubles {
		if d.Name != p.Director {
			continue
		}
		for i := range d.Deployments {
			if d.Deployments[i].Name == p.Deployment {
				d.Deployments[i].Instances = instances(p.Addresses)
			}
		}
	}
}

func instances(addresses []deploy.PredictedAddress) []directordouble.Instance {
	type key struct {
		group string
		index int
	}
	at := map[key]int{}
	var list []directordouble.Instance
	for _, a := range addresses {
		if a.Kind == deploy.CompilationAddress {
			continue
		}
		k := key{a.InstanceGroup, a.Index}
		if _, ok := at[k]; !ok {
			at[k] = len(list)
			list = append(list, directordouble.Instance{Group: a.InstanceGroup, Index: a.Index, AZ: a.AZ, ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", len(list))})
		}
		text := a.IP.String()
		if a.IP.IsSingleIP() {
			text = a.IP.Addr().String()
		}
		list[at[k]].IPs = append(list[at[k]].IPs, text)
	}
	return list
}
