package lint

// The rules of this file are about exceptions: comments, entries of allow,
// baselines. What they report is only known when all other rules have run, so
// packages ignore and baseline report it.

// The ids of these rules.
const (
	InvalidExceptionID = "invalid-exception"
	ExpiredExceptionID = "expired-exception"
	UnusedExceptionID  = "unused-exception"
	StaleBaselineID    = "stale-baseline"
)

// FamilyException are the rules about exceptions from the others.
const FamilyException Family = "exception"

func exceptionRules() []Rule {
	reportedLater := func(*Facts, func(Finding)) {}
	rule := func(id string, severity Severity, title string) Rule {
		return Rule{ID: id, Severity: severity, Family: FamilyException, Title: title, Doc: page(id), Exception: Never, Run: reportedLater}
	}
	return []Rule{
		rule(InvalidExceptionID, Error, "a comment or an entry of allow that accepts nothing because something of it is wrong"),
		rule(ExpiredExceptionID, Warning, "an exception whose last day is over"),
		rule(UnusedExceptionID, Warning, "an exception that no finding needs"),
		rule(StaleBaselineID, Warning, "an entry of the baseline whose finding is gone"),
	}
}
