package bosh

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/source"
)

// checkUpdate checks an update section (deployment_plan/update_config.rb). A
// group's section need not be complete.
func (r *manifestReader) checkUpdate(v source.Value, n need) {
	for _, key := range []string{"canaries", "max_in_flight", "canary_watch_time", "update_watch_time"} {
		text, at, ok := r.text(v, key, n)
		if ok && strings.HasSuffix(key, "watch_time") && !validWatchTime(at.Raw()) && !hasVariable(text) {
			r.Add(RuleInvalidValue, "UpdateConfigInvalidWatchTime", at.Place(), "%s is a number of milliseconds or a range of them, not %q", key, at).
				WithCure("%s: 1000-60000", key)
		}
	}
	r.oneOf(v, "vm_strategy", "create-swap-delete", "delete-create")
	if serial := v.Field("serial"); serial.Present() && serial.Kind() != source.Bool && !hides(serial) {
		r.wrongType(serial, "serial", "a boolean")
	}
	r.oneOf(v, "initial_deploy_az_update_strategy", "serial", "parallel")
}

// oneOf reads a key that must be one of some words.
func (r *manifestReader) oneOf(v source.Value, key string, words ...string) {
	text, at, ok := r.text(v, key, optional)
	if !ok || hasVariable(text) {
		return
	}
	if slices.Contains(words, at.Raw()) {
		return
	}
	r.Add(RuleInvalidValue, "ValidationInvalidValue", at.Place(), "%s is %s, not %q", key, strings.Join(words, " or "), at)
}

// validWatchTime reports whether text is a number or a range of two that does
// not fall.
func validWatchTime(text string) bool {
	first, last, ranged := strings.Cut(text, "-")
	from, ok1 := watchTime(first)
	to, ok2 := watchTime(last)
	return ok1 && (!ranged || ok2 && from <= to)
}

func watchTime(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	for _, c := range []byte(s) {
		if !ipaddr.IsDigit(c) {
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil || math.IsInf(n, 1)
}
