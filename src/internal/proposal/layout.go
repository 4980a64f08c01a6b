package proposal

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

// addLayouts adds the entries of layouts that are known by their form.
func (d *draft) addLayouts() {
	d.addBootloader()
	d.addNumbered()
}

// addBootloader adds what the state folders of bosh-bootloader hold: bbl-state.json,
// vars, cloud-config, and beside them checkouts of bosh-deployment and
// jumpbox-deployment. Its scripts tell the calls of create-env; the cloud-config is
// updated by bbl itself.
func (d *draft) addBootloader() {
	for _, folder := range d.foldersWith("bbl-state.json") {
		config := path.Join(folder, "cloud-config/cloud-config.yml")
		if doc := d.tree.documents[config]; doc == nil || doc.kind != fleet.CloudConfigs || d.has(config) {
			continue
		}
		e := &entry{kind: fleet.CloudConfigs, file: config, home: folder, remarks: []string{"inputs as bbl up gives them"}}
		for _, ops := range d.inFolder(path.Join(folder, "cloud-config"), func(doc *document) bool { return doc.isOps }) {
			if path.Base(ops) == "ops.yml" { // bbl's own, before those of a user
				e.inputs.ops = slices.Insert(e.inputs.ops, 0, ops)
			} else {
				e.inputs.ops = append(e.inputs.ops, ops)
			}
		}
		if vars := path.Join(folder, "vars/cloud-config-vars.yml"); d.tree.exists(vars) {
			e.inputs.vars = append(e.inputs.vars, vars)
		}
		d.add(e)
	}
}

// addNumbered adds manifests and configs that numbered operators files go with, as
// cf-ops-automation merges them: those beside the file, then those of one IaaS.
func (d *draft) addNumbered() {
	for file, doc := range d.documents() {
		if doc.kind == "" || d.has(file) || d.tree.foreign(file) {
			continue
		}
		folder := path.Dir(file)
		own := d.inFolder(folder, func(doc *document) bool { return doc.isOps })
		clouds := map[string][]string{}
		for other, o := range d.documents() {
			if cloud := path.Dir(other); o.isOps && path.Dir(cloud) == folder && isOperators(other) {
				clouds[cloud] = append(clouds[cloud], other)
			}
		}
		own = slices.DeleteFunc(own, func(o string) bool { return !isOperators(o) })
		if len(own)+len(clouds) == 0 {
			continue
		}
		e := &entry{kind: doc.kind, file: file, home: folder, remarks: []string{"operators files of this folder, in the order of their names"}}
		if len(own) > 0 {
			e.inputs.ops = append(e.inputs.ops, folder+"/*-operators.yml")
		}
		switch names := sortedKeys(clouds); len(names) {
		case 0:
		case 1:
			e.inputs.ops = append(e.inputs.ops, names[0]+"/*-operators.yml")
		default:
			e.remarks = append(e.remarks, fmt.Sprintf("not sure: which of %s goes with it", strings.Join(names, ", ")))
		}
		d.add(e)
	}
}

func isOperators(file string) bool { return strings.HasSuffix(file, "-operators.yml") }

// foldersWith are the folders in which a file of that name lies, the root among them.
func (d *draft) foldersWith(name string) []string {
	seen := map[string]bool{".": true}
	for _, list := range [][]string{d.tree.yaml, d.tree.scripts} {
		for _, file := range list {
			for folder := path.Dir(file); ; folder = path.Dir(folder) {
				seen[folder] = true
				if folder == "." {
					break
				}
			}
		}
	}
	return slices.DeleteFunc(sortedKeys(seen), func(folder string) bool {
		_, err := os.Stat(filepath.Join(d.root, filepath.FromSlash(folder), name))
		return err != nil
	})
}

// inFolder are the files of a folder that are of a sort, sorted.
func (d *draft) inFolder(folder string, is func(*document) bool) []string {
	var list []string
	for file, doc := range d.documents() {
		if path.Dir(file) == folder && is(doc) {
			list = append(list, file)
		}
	}
	return list
}
