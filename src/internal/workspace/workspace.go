// Package workspace makes what a run sees: it finds the fleet file, loads it,
// follows its paths, and puts changes into the place of what they replace.
//
//	Search ──Find──▶ path ──Open──▶ Workspace ──Apply(Change)──▶ Workspace ──▶ survey
//
// A Change is one file that is to be deployed, uploaded or made an environment of.
// Whoever asks, lint of a file or the gate before bosh, puts it into the fleet by
// Apply and nothing else, so that the same change gets the same verdict.
package workspace

import (
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Workspace is what a run sees. It is not changed once it is made: Apply and
// Override return another one.
type Workspace struct {
	// Path is the fleet file's, as it is shown; empty without one, and where it
	// could not be read at all.
	Path string
	// Fleet is the fleet as its file tells it, with the changes in it.
	Fleet  survey.Fleet
	Loader *interpolate.Loader
	// Central is what came from the fleet file's server; nil without one.
	Central *Central
	// Troubles say what could not be read of the fleet file.
	Troubles []trouble.Trouble
}

// Reading is what reading a fleet takes from outside.
type Reading struct {
	Files *source.Files
	// Environ is the environment ("NAME=value"), for variables of --vars-env.
	Environ []string
	// Now is what the age of snapshots is reckoned from.
	Now  time.Time
	Mode Mode
	// Central asks the server that a fleet file names for the company's plan; nil: no
	// server is asked, and a fleet file that names one cannot be read whole.
	Central func(*fleet.File) (*Central, error)
	// OfServer says that the fleet file is a server's own, and may name directors that teams
	// push.
	OfServer bool
	// Verbatim says that the files are what directors got, which bosh will not write
	// anew.
	Verbatim bool
}

// Mode is how strict a run is.
type Mode struct {
	// Strict makes what nobody can see an error.
	Strict bool
	// AllowStale makes a snapshot that is too old a finding in place of a failure.
	// CanAllowStale says that the command has a flag for that.
	AllowStale, CanAllowStale bool
}

// Empty is a workspace with one director that has no file yet, for a run without a
// fleet file.
func Empty(r Reading, director fleet.Sources) *Workspace {
	w := blank(r)
	w.Fleet.Directors = []fleet.Sources{director}
	return w
}

func blank(r Reading) *Workspace {
	w := &Workspace{Loader: interpolate.NewLoader(r.Files, r.Environ)}
	if r.Verbatim {
		w.Loader = w.Loader.Verbatim()
	}
	w.Fleet.File = &fleet.File{}
	w.Fleet.Strict = r.Mode.Strict
	w.Fleet.Snapshots = survey.Snapshots{Files: r.Files, Now: r.Now, AllowStale: r.Mode.AllowStale, CanAllow: r.Mode.CanAllowStale}
	w.Fleet.VIPs = bosh.DefaultPatterns()
	return w
}

// Open loads the fleet file at path and follows its paths. What is wrong with it
// is in Troubles.
func Open(path string, r Reading) *Workspace {
	w := blank(r)
	load := fleet.Load
	if r.OfServer {
		load = fleet.LoadOfServer
	}
	file, errs := load(r.Files, path)
	w.Troubles = trouble.All(errs)
	if file == nil {
		return w
	}
	w.Path = path
	if file.Server.URL.Value != "" {
		w.Troubles = append(w.Troubles, w.join(file, r)...)
	}
	resolved, missing := file.Resolve()
	w.Troubles = append(w.Troubles, trouble.All(missing)...)
	for _, left := range file.LeftOut {
		w.Troubles = append(w.Troubles, trouble.Trouble{
			Message: "left out by ipguard init, so that nothing looks at its addresses: " + left.Value, At: left.At,
			Hint: "name what the director gets of it, or be sure that it has no addresses; then remove this line",
		})
	}
	w.use(file, resolved)
	for i := range w.Fleet.Directors {
		w.Fleet.Directors[i].Unresolved = w.Fleet.Directors[i].Unresolved || len(errs) > 0
	}
	return w
}

// use takes over what the fleet file says.
func (w *Workspace) use(file *fleet.File, directors []fleet.Sources) {
	w.Fleet.Directors = append(w.Fleet.Directors, directors...)
	for _, e := range file.External {
		external := claims.External{Owner: e.Owner.Value, Segment: e.Segment.Value}
		for _, a := range e.Addresses {
			external.Blocks = append(external.Blocks, a.Block)
		}
		w.Fleet.Externals = append(w.Fleet.Externals, external)
	}
	w.Fleet.VIPs = file.VIPPatterns()
	w.Fleet.File = file
	w.useSeverities(file.Severities)
	w.Fleet.Snapshots.Wanted = Keep(file)
	if w.Central == nil { // else join knew the server's part
		w.Fleet.Shared = sharedOf(file)
	}
}

// Keep is what a snapshot must keep for a fleet file.
func Keep(file *fleet.File) snapshot.Keep {
	return snapshot.Keep{VIPProperties: file.VIPPatterns().Find, CloudProperties: file.CloudProperties("")}
}

// sharedOf is the part of a server's fleet file that counts for what teams pushed.
func sharedOf(file *fleet.File) survey.Shared {
	shared := survey.Shared{VIPs: file.VIPPatterns(), Wanted: Keep(file)}
	for _, s := range file.Segments {
		shared.Segments = append(shared.Segments, s.Name.Value)
	}
	return shared
}

// Director is the fleet's director of that name; nil if there is none.
func (w *Workspace) Director(name string) *fleet.Sources {
	i := slices.IndexFunc(w.Fleet.Directors, func(d fleet.Sources) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return &w.Fleet.Directors[i]
}

// Names are those of the directors.
func (w *Workspace) Names() []string {
	names := make([]string, len(w.Fleet.Directors))
	for i := range w.Fleet.Directors {
		names[i] = w.Fleet.Directors[i].Name
	}
	return names
}

// WithoutDeployments is the workspace for a question that deployments do not
// answer, such as which networks there are.
func (w *Workspace) WithoutDeployments() *Workspace {
	w = w.clone()
	for i := range w.Fleet.Directors {
		w.Fleet.Directors[i].Deployments = nil
	}
	return w
}

// clone is a copy whose directors and lists of files are its own.
func (w *Workspace) clone() *Workspace {
	own := *w
	own.Fleet.Directors = slices.Clone(w.Fleet.Directors)
	for i := range own.Fleet.Directors {
		d := &own.Fleet.Directors[i]
		for _, kind := range fleet.Kinds() {
			*d.Files(kind) = slices.Clone(*d.Files(kind))
		}
	}
	return &own
}
