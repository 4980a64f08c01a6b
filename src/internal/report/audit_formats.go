package report

import (
	"io"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/audit"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// The parts of audit's JSON. As in a report, no field is left out but those that
// are null for "does not apply", and no list is null.
type (
	jsonAuditItem struct {
		Addresses string `json:"addresses"`
		Verdict   string `json:"verdict"`
		Reason    string `json:"reason"`
		// Severity is null for what is agreed.
		Severity    *string          `json:"severity"`
		Explanation string           `json:"explanation"`
		WhatToDo    string           `json:"what_to_do"`
		Promised    []jsonAuditClaim `json:"promised"`
		Granted     []jsonAuditClaim `json:"granted"`
		MayGoTo     []jsonAuditClaim `json:"may_go_to"`
		At          *jsonAuditPlace  `json:"at"`
	}
	jsonAuditClaim struct {
		jsonClaim
		// Instance is the id of the instance that has a granted address.
		Instance string `json:"instance"`
	}
	jsonAuditPlace struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column"`
	}
	jsonAuditSummary struct {
		Agreed      int `json:"agreed"`
		Drift       int `json:"drift"`
		Ghost       int `json:"ghost"`
		Unprotected int `json:"unprotected"`
		Orphan      int `json:"orphan"`
		NotJudged   int `json:"not_judged"`
		Directors   int `json:"directors"`
	}
	jsonAuditSnapshot struct {
		Director  string   `json:"director"`
		Collected string   `json:"collected"`
		Unseen    []string `json:"unseen"`
	}
)

// WriteAuditJSON writes the audit as JSON, whole; memory does not grow with it.
func WriteAuditJSON(w io.Writer, a Audit) error {
	out := NewJSONStream(w)
	out.Open('{')
	out.Field("version", jsonVersion)
	out.List("items", len(a.Items), func(i int) { out.Value(newJSONAuditItem(&a.Items[i])) })
	out.Field("summary", jsonAuditSummary{
		Agreed: a.Counts[audit.Agreed], Drift: a.Counts[audit.Drift], Ghost: a.Counts[audit.Ghost],
		Unprotected: a.Counts[audit.Unprotected], Orphan: a.Counts[audit.Orphan], NotJudged: len(a.Unjudged), Directors: len(a.Snapshots),
	})
	out.List("not_judged", len(a.Unjudged), func(i int) { out.Value(jsonAuditClaims(a.Unjudged[i : i+1])[0]) })
	out.List("snapshots", len(a.Snapshots), func(i int) {
		s := a.Snapshots[i]
		out.Value(jsonAuditSnapshot{s.Director, s.Collected.Format(time.RFC3339), append([]string{}, s.Unseen...)})
	})
	out.Field("hidden", jsonSpots(a.Hidden))
	out.Field("failures", jsonFailures(a.Failures))
	out.StaleField(a.Stale)
	out.Close('}')
	return out.End()
}

func newJSONAuditItem(it *audit.Item) jsonAuditItem {
	j := jsonAuditItem{
		Addresses: plan.RangeText(it.Range), Verdict: it.Verdict.String(), Reason: it.Reason.String(),
		Explanation: it.Explain(), WhatToDo: it.Cure(),
		Promised: jsonAuditClaims(it.Promised), Granted: jsonAuditClaims(it.Granted), MayGoTo: jsonAuditClaims(it.Rivals),
	}
	if it.Severity != 0 {
		severity := it.Severity.String()
		j.Severity = &severity
	}
	if it.At.IsValid() {
		j.At = &jsonAuditPlace{it.At.File, it.At.Line, it.At.Column}
	}
	return j
}

func jsonAuditClaims(claims []plan.Claim) []jsonAuditClaim {
	list := make([]jsonAuditClaim, len(claims))
	for i := range claims {
		list[i] = jsonAuditClaim{claimJSON(&claims[i]), claims[i].Instance()}
	}
	return list
}

var auditColumns = []string{
	"addresses", "verdict", "reason", "severity", "promised_to", "promised_at", "granted_to", "granted_at",
	"may_go_to", "file", "explanation", "what_to_do",
}

// WriteAuditCSV writes the items as a table with a line of headings (RFC 4180,
// but for the ends of lines). What could not be judged is not in it.
func WriteAuditCSV(w io.Writer, a Audit) error {
	return writeRows(w, auditColumns, len(a.Items), func(i int) []string {
		it := &a.Items[i]
		severity := ""
		if it.Severity != 0 {
			severity = it.Severity.String()
		}
		row := []string{
			plan.RangeText(it.Range), it.Verdict.String(), it.Reason.String(), severity,
			owners(it.Promised), placesOf(it.Promised), owners(it.Granted), placesOf(it.Granted), owners(it.Rivals),
			position(it.At), it.Explain(), it.Cure(),
		}
		for i, cell := range row {
			row[i] = harmless(cell)
		}
		return row
	})
}

// harmless keeps a cell from being taken for a formula by a spreadsheet.
func harmless(cell string) string {
	if cell = legible.Text(cell); cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// owners names who has the claims, each with its addresses.
func owners(claims []plan.Claim) string {
	texts := make([]string, len(claims))
	for i := range claims {
		texts[i] = plan.RangeText(claims[i].Range) + " " + claims[i].Who()
	}
	return strings.Join(texts, "; ")
}

func placesOf(claims []plan.Claim) string {
	texts := make([]string, len(claims))
	for i := range claims {
		texts[i] = position(claims[i].At)
	}
	return strings.Join(texts, "; ")
}
