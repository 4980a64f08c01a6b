package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
)

// checkUpdate checks the types of an update section
// (deployment_plan/update_config.rb). A group's section need not be complete.
func (r *manifestReader) checkUpdate(v source.Value, n need) {
	for _, key := range []string{"canaries", "max_in_flight", "canary_watch_time", "update_watch_time"} {
		value, ok := r.has(v, key, n)
		if !ok {
			continue
		}
		if text, isText := value.Coerced(); value.Kind() != source.Int && (!isText || !validUpdateText(key, text)) && !strings.Contains(text, "((") {
			if strings.HasSuffix(key, "watch_time") {
				r.add(RuleInvalidValue, "UpdateConfigInvalidWatchTime", value.Place(), "%s must be milliseconds or a range of them", key).cure("%s: 1000-60000", key)
			} else {
				r.add(RuleWrongType, classInvalidType, value.Place(), "%s must be a number or a percentage", key)
			}
		}
	}
}

func validUpdateText(key, text string) bool {
	if strings.HasSuffix(key, "watch_time") {
		first, last, ranged := strings.Cut(text, "-")
		_, ok1 := smallNumber(strings.TrimSpace(first))
		_, ok2 := smallNumber(strings.TrimSpace(last))
		return ok1 && (ok2 || !ranged)
	}
	_, ok := smallNumber(strings.TrimSuffix(text, "%"))
	return ok
}
