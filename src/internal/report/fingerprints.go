package report

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/ipguard/ipguard/src/internal/lint"
)

// fingerprints returns the fingerprints of findings and failures. Where several
// have the same one they are numbered: readers of SARIF and of GitLab's report
// drop what they take for a repetition. A failure's fingerprint is made from
// its file and message, again without the line.
func fingerprints(result lint.Result, options Options) (findings, failures []string) {
	times := map[string]int{}
	unique := func(fingerprint string) string {
		times[fingerprint]++
		if n := times[fingerprint]; n > 1 {
			fingerprint += "-" + strconv.Itoa(n)
		}
		return fingerprint
	}
	for _, f := range result.Findings {
		findings = append(findings, unique(f.Fingerprint(options.Shown)))
	}
	for _, f := range result.Failures {
		sum := sha256.Sum256([]byte(options.shown("failure\x00" + f.At.File + "\x00" + f.Message)))
		failures = append(failures, unique(hex.EncodeToString(sum[:])))
	}
	return findings, failures
}
