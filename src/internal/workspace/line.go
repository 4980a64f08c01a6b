package workspace

import (
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

// hint says which line of the fleet file would tell what the change is.
func (p *placing) hint(kind fleet.Kind) string {
	if info := fileAt(p.source.Path).info; p.source.Path == "-" || info != nil && !info.Mode().IsRegular() { // a pipe, which no fleet file can name
		if p.change.DirectorFlag == "" {
			return "write it into a file, and add that to " + string(kind) + " of its director"
		}
		return "name the director with " + p.change.DirectorFlag + " NAME"
	}
	add := "add it to " + string(kind) + " of its director: " + p.line(kind)
	if p.change.Director == "" && p.change.DirectorFlag != "" {
		add += ", or name the director with " + p.change.DirectorFlag + " NAME"
	}
	return add
}

// line is the entry of the fleet file that stands for the change. Values of
// variables may be secrets: only their names are shown.
func (p *placing) line(kind fleet.Kind) string {
	in := p.source.Inputs
	key := "manifest"
	if kind == fleet.CloudConfigs || kind == fleet.RuntimeConfigs {
		key = "config"
	}
	fields := []*yaml.Node{scalar(key), scalar(p.fromFleet(p.source.Path))}
	add := func(key string, value *yaml.Node) {
		if len(value.Content) > 0 {
			fields = append(fields, scalar(key), value)
		}
	}
	add("ops_files", p.paths(in.OpsFiles))
	add("vars_files", p.paths(in.VarsFiles))
	vars := flow(yaml.MappingNode)
	for _, kv := range in.Vars {
		vars.Content = append(vars.Content, scalar(kv.Name), scalar("…"))
	}
	add("vars", vars)
	files := flow(yaml.MappingNode)
	for _, kv := range in.VarFiles {
		files.Content = append(files.Content, scalar(kv.Name), scalar(p.fromFleet(kv.Value)))
	}
	add("var_files", files)
	prefixes := flow(yaml.SequenceNode)
	for _, prefix := range in.VarsEnv {
		prefixes.Content = append(prefixes.Content, scalar(prefix))
	}
	add("vars_env", prefixes)
	if in.VarsStore != "" {
		fields = append(fields, scalar("vars_store"), scalar(p.fromFleet(in.VarsStore)))
	}
	whole := flow(yaml.MappingNode)
	whole.Content = fields
	text, err := yaml.Marshal(whole)
	if err != nil {
		return ""
	}
	return "- " + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", " ")
}

func (p *placing) paths(list []string) *yaml.Node {
	node := flow(yaml.SequenceNode)
	for _, path := range list {
		node.Content = append(node.Content, scalar(p.fromFleet(path)))
	}
	return node
}

// fromFleet is a path as the fleet file would have it.
func (p *placing) fromFleet(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	folder, err := filepath.Abs(filepath.Dir(p.w.Path))
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(folder, absolute)
	if err != nil || slices.Contains(strings.Split(relative, string(filepath.Separator)), "..") && len(relative) > len(absolute) {
		return absolute
	}
	return filepath.ToSlash(relative)
}

func scalar(text string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(text)
	return node
}

func flow(kind yaml.Kind) *yaml.Node { return &yaml.Node{Kind: kind, Style: yaml.FlowStyle} }
