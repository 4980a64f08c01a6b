package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// verdict is what the director said.
type verdict struct {
	Accepted       bool
	Error, Message string
	Static         []address
	Dynamic        []address
}

// address is one address of a verdict or of lint's prediction.
type address struct {
	IP, Network, Kind string
	InstanceGroup     string `json:"instance_group"`
	Prefix            int
}

func readVerdict(dir string) (verdict, error) {
	var v verdict
	return v, readJSON(filepath.Join(dir, "verdict.json"), &v)
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func (v verdict) class() string { return strings.TrimPrefix(v.Error, "Bosh::Director::") }

// isNotOurs reports whether the verdict is about what lint does not judge.
func (v verdict) isNotOurs() bool {
	class := v.class()
	return strings.HasPrefix(class, "ConfigServer") || class == "InstanceGroupUnknownStemcell" || class == "InstanceGroupUnknownVmType"
}

func (v verdict) answer() string {
	if v.Accepted {
		return "accepted"
	}
	return v.class() + " (" + v.Message + ")"
}

// words are the addresses that the deploy takes, as a set for each group: which
// instance gets which dynamic address is random.
func (v verdict) words() string { return wordsOf(append(slices.Clone(v.Static), v.Dynamic...)) }

func wordsOf(list []address) string {
	var words []string
	for _, a := range list {
		if a.IP != "" { // dynamic networks and errands take none yet
			words = append(words, a.InstanceGroup+"/"+a.Network+"/"+a.IP)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// options are the director's settings and what it deployed before.
type options struct {
	DirectorIPs          []string `json:"director_ips"`
	IgnoreMissingGateway bool     `json:"ignore_missing_gateway"`
	ManagedNetworks      bool     `json:"managed_networks"`
	Existing             []string `json:"existing"`
}

func readOptions(dir string) (options, error) {
	var o options
	err := readJSON(filepath.Join(dir, "options.json"), &o)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	return o, err
}
