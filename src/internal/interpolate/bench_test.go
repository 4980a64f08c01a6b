package interpolate

import (
	"path/filepath"
	"testing"

	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// benchmarkInputs are three ops files and the variables of a usual deployment.
func benchmarkInputs(b *testing.B) (base string, in Inputs) {
	dir := filepath.Join(sharedtest.Dir(b, "public"), "cf-deployment")
	base = filepath.Join(dir, "cf-deployment.yml")
	for _, name := range []string{"scale-to-one-az.yml", "use-compiled-releases.yml", "enable-nfs-volume-service.yml"} {
		in.OpsFiles = append(in.OpsFiles, filepath.Join(dir, "operations", name))
	}
	in.Vars = []KV{{"system_domain", "example.com"}, {"router_static_ips", "[10.0.0.5]"}, {"nfs_server", "10.0.0.9"}}
	return base, in
}

// BenchmarkEngine is what the bosh CLI's code needs to read and apply the files.
func BenchmarkEngine(b *testing.B) {
	base, in := benchmarkInputs(b)
	for b.Loop() {
		if _, err := boshResult(base, in, nil, boshtpl.EvaluateOpts{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is what Load needs for the same.
func BenchmarkLoad(b *testing.B) {
	base, in := benchmarkInputs(b)
	for b.Loop() {
		if _, err := NewLoader(source.NewFiles(nil), nil).Load(base, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadProven is Load with the engine's word for it.
func BenchmarkLoadProven(b *testing.B) {
	base, in := benchmarkInputs(b)
	for b.Loop() {
		if _, err := NewLoader(source.NewFiles(nil), nil).LoadProven(base, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadPlain is Load without inputs.
func BenchmarkLoadPlain(b *testing.B) {
	base, _ := benchmarkInputs(b)
	for b.Loop() {
		if _, err := NewLoader(source.NewFiles(nil), nil).Load(base, Inputs{}); err != nil {
			b.Fatal(err)
		}
	}
}
