package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/source"
)

// ErrExists is for callers of Init: a fleet file is never overwritten.
var ErrExists = errors.New("there is an " + FileName + " already; remove it first, or write another with --fleet")

// ErrNothingFound says that a folder holds nothing that a director reads.
var ErrNothingFound = errors.New("no cloud-config and no manifest was found")

// Init proposes the text of a fleet file for the folder dir, from the
// cloud-configs and manifests that lie below it, and notes what it passed over.
// Comments in the text say what was guessed. It writes nothing. The error is
// ErrNothingFound, or that dir cannot be read.
//
// Which files belong to one director is guessed from the folders: a manifest
// goes with the nearest folder that has a cloud-config somewhere below it, and a
// create-env manifest in a folder of its own is a director of its own.
func Init(dir string) (text []byte, notes []string, err error) {
	s := &scan{root: dir, kinds: map[Kind][]string{}}
	if err := filepath.WalkDir(dir, s.visit); err != nil {
		return nil, nil, withPath(dir, err)
	}
	if s.others > 0 {
		s.note("%d other YAML files are neither cloud-configs nor manifests, such as ops files and vars files", s.others)
	}
	guesses, unowned := group(s.kinds)
	for _, file := range unowned {
		s.note("%s: a runtime config that lies in no director's folder; add it to runtime_configs of those that have it", file)
	}
	if len(guesses) == 0 {
		return nil, s.notes, ErrNothingFound
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	return propose(guesses, filepath.Base(absolute)), s.notes, nil
}

func withPath(dir string, err error) error {
	return fmt.Errorf("cannot read the folder %s: %w", dir, withoutPath(err))
}

// scan gathers what lies below a folder.
type scan struct {
	root   string
	kinds  map[Kind][]string // slash-separated paths below root, in their order
	others int
	notes  []string
}

func (s *scan) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (s *scan) visit(file string, entry fs.DirEntry, err error) error {
	if file == s.root {
		return err
	}
	name, relErr := filepath.Rel(s.root, file)
	if relErr != nil {
		return relErr
	}
	name = filepath.ToSlash(name)
	switch hidden := strings.HasPrefix(entry.Name(), "."); {
	case err != nil:
		s.note("%s: %v", name, withoutPath(err))
	case hidden && entry.IsDir():
		return fs.SkipDir
	case hidden || entry.IsDir() || !isYAML(name) || entry.Name() == FileName:
	case !utf8.ValidString(name):
		s.note("%q: YAML cannot hold this name, which is not UTF-8", name)
	case !entry.Type().IsRegular():
		s.note("%s: links and special files are not followed", name)
	default:
		s.read(file, name)
	}
	return nil
}

func isYAML(name string) bool { return path.Ext(name) == ".yml" || path.Ext(name) == ".yaml" }

// read notes what one file is. Its text is not kept: there may be many.
func (s *scan) read(file, name string) {
	text, err := source.NewFiles(nil).Read(file)
	var doc *source.Document
	if err == nil {
		doc, err = source.Parse(name, text)
	}
	if err != nil {
		e := troubleOf(name, err)
		e.At.File = name
		s.note("%v", e)
		return
	}
	kind := recognise(doc.Root())
	if kind == "" {
		s.others++
		return
	}
	s.kinds[kind] = append(s.kinds[kind], name)
}

// guess is a director that a folder seems to stand for.
type guess struct {
	folder string
	files  map[Kind][]string
}

// group deals files out to directors. unowned are runtime configs that lie in no
// folder that stands for one.
func group(kinds map[Kind][]string) (guesses []guess, unowned []string) {
	folders := map[string]map[Kind][]string{}
	put := func(folder string, kind Kind, file string) {
		if folders[folder] == nil {
			folders[folder] = map[Kind][]string{}
		}
		folders[folder][kind] = append(folders[folder][kind], file)
	}
	for _, m := range kinds[Deployments] {
		put(nearestWithConfig(path.Dir(m), kinds[CloudConfigs]), Deployments, m)
	}
	for _, c := range kinds[CloudConfigs] {
		put(innermost(path.Dir(c), folders), CloudConfigs, c)
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		// All cloud-configs below went to directors further down.
		if files := folders[folder]; len(files[CloudConfigs]) == 0 {
			delete(folders, folder)
			for _, m := range files[Deployments] {
				put(path.Dir(m), Deployments, m)
			}
		}
	}
	for _, m := range kinds[CreateEnv] {
		put(path.Dir(m), CreateEnv, m)
	}
	for _, c := range kinds[RuntimeConfigs] {
		folder := innermost(path.Dir(c), folders)
		if folders[folder] == nil {
			unowned = append(unowned, c)
			continue
		}
		put(folder, RuntimeConfigs, c)
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		guesses = append(guesses, guess{folder, folders[folder]})
	}
	return guesses, unowned
}

// nearestWithConfig is the nearest folder, from folder upward, with a
// cloud-config below it, or folder itself if there is none.
func nearestWithConfig(folder string, configs []string) string {
	for at := folder; ; at = path.Dir(at) {
		if slices.ContainsFunc(configs, func(c string) bool { return isBelow(c, at) }) {
			return at
		}
		if at == "." {
			return folder
		}
	}
}

// innermost is the nearest of folders, from folder upward, or folder itself.
func innermost(folder string, folders map[string]map[Kind][]string) string {
	for at := folder; ; at = path.Dir(at) {
		if _, ok := folders[at]; ok {
			return at
		}
		if at == "." {
			return folder
		}
	}
}

func isBelow(file, folder string) bool {
	return folder == "." || strings.HasPrefix(file, folder+"/")
}

// propose writes the guesses as a fleet file. base names the folder itself.
func propose(guesses []guess, base string) []byte {
	names := directorNames(guesses, base)
	var b strings.Builder
	b.WriteString(proposalHead)
	for i, g := range guesses {
		for _, line := range g.remarks() {
			b.WriteString("# " + line + "\n")
		}
		b.WriteString("- name: " + scalar(names[i]) + "\n")
		for _, kind := range Kinds() {
			if len(g.files[kind]) == 0 {
				continue
			}
			b.WriteString("  " + string(kind) + ":\n")
			for _, file := range g.files[kind] {
				b.WriteString("  - " + scalar(file) + "\n")
			}
		}
	}
	fmt.Fprintf(&b, proposalTail, scalar(names[0]))
	return []byte(b.String())
}

const proposalHead = `# Proposed by ipguard init. Check each guess, and the directors' names. Paths are
# relative to this file and may be globs.
# Where bosh gets ops files or variables, write an entry as
#   - manifest: path/of/manifest.yml      # of a cloud-config: config
#     ops_files: [path/of/ops.yml]
#     vars_files: [path/of/vars.yml]
#     vars: {name: value}

directors:
`

const proposalTail = `
# Networks that ipguard cannot tell apart count as one broadcast domain. Say what
# you know:
# segments:
# - name: vlan-52
#   subnets:
#   - {director: %s, network: default}
`

// remarks say what was guessed and is to be checked.
func (g guess) remarks() []string {
	switch {
	case len(g.files[CloudConfigs]) > 0 && len(g.files[Deployments]) > 0:
		return []string{"guessed: one director, because all of this lies below " + g.place()}
	case len(g.files[CloudConfigs]) > 0:
		return []string{"guessed: a director; no manifest was found that goes with its cloud-config"}
	case len(g.files[Deployments]) > 0:
		return []string{
			"guessed: a director; no cloud-config was found that goes with its manifests, so",
			"that only those are understood that bring their own networks",
		}
	default:
		return []string{
			"guessed: an environment of its own, because no cloud-config lies in " + g.place(),
			"If this VM is the director of another entry, move it to create_env there.",
		}
	}
}

func (g guess) place() string {
	if g.folder == "." {
		return "this folder"
	}
	return g.folder + "/"
}

// directorNames names each director after its folder, after the whole path where
// two folders have one name.
func directorNames(guesses []guess, base string) []string {
	uses := map[string]int{}
	short := make([]string, len(guesses))
	for i, g := range guesses {
		short[i] = path.Base(g.folder)
		if g.folder == "." {
			short[i] = base
		}
		uses[short[i]]++
	}
	taken := map[string]bool{}
	for i, g := range guesses {
		if uses[short[i]] > 1 && g.folder != "." {
			short[i] = strings.ReplaceAll(g.folder, "/", "-")
		}
		for taken[short[i]] {
			short[i] += "-"
		}
		taken[short[i]] = true
	}
	return short
}

// scalar writes a string on one line so that YAML reads it as that string.
func scalar(s string) string {
	text, err := yaml.Marshal(s)
	line := strings.TrimSuffix(string(text), "\n")
	if err != nil || strings.Contains(line, "\n") {
		return strconv.Quote(s)
	}
	return line
}
