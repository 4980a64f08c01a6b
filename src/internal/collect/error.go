package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// ErrInterrupted is the Err of a Result where the whole run was interrupted: the
// director is not to blame.
var ErrInterrupted = &trouble.Trouble{Message: "it was not waited for"}

// answerForm is how the library tells of an answer that is no success. It makes
// texts of all errors, so that a text is all there is to look at.
var answerForm = lazyregexp.New(`(?s)(Director|UAA) responded with non-successful status code '(\d+)' response '(.*)'`)

// statusOf is the status code of an answer of the director, 0 for other errors.
func statusOf(err error) int {
	if err == nil {
		return 0
	}
	m := answerForm().FindStringSubmatch(err.Error())
	if m == nil || m[1] != "Director" {
		return 0
	}
	status, _ := strconv.Atoi(m[2]) // digits
	return status
}

// directorError is how a director tells its own errors (errors.rb).
type directorError struct {
	Code        int
	Description string
}

// ownError is the error that the director names in its answer.
func ownError(err error) directorError {
	if m := answerForm().FindStringSubmatch(err.Error()); m != nil {
		var e directorError
		if json.Unmarshal([]byte(m[3]), &e) == nil && e.Code > 0 {
			return e
		}
	}
	return directorError{}
}

// isGone reports whether the deployment that was asked for does not exist.
func isGone(err error) bool { return statusOf(err) == 404 && ownError(err).Code == 70000 }

// isUnknownEndpoint reports whether the director has nothing under that path.
func isUnknownEndpoint(err error) bool { return statusOf(err) == 404 && ownError(err).Code == 0 }

func gaveUp(ctx context.Context, timeout time.Duration) *trouble.Trouble {
	var stopped *trouble.Trouble
	if errors.As(context.Cause(ctx), &stopped) {
		return stopped
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ErrInterrupted
	}
	return &trouble.Trouble{Message: fmt.Sprintf("it did not answer everything within %s", timeout), Hint: "give it more time with --timeout"}
}

// troubleOf says in words what went wrong. The library's texts quote answers,
// which may hold anything; nothing of them is handed on but what is known to be
// harmless.
func troubleOf(err error, t Target) *trouble.Trouble {
	var own *trouble.Trouble
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.Is(err, context.Canceled):
		return ErrInterrupted
	}
	text := err.Error()
	if m := answerForm().FindStringSubmatch(text); m != nil {
		return answered(m[1], m[2], ownError(err), t)
	}
	if m := gateway().FindStringSubmatch(text); m != nil {
		return &trouble.Trouble{
			Message: "it answers with status " + m[1],
			Hint:    "it is starting or overloaded, or something in front of it cannot reach it; try again later",
		}
	}
	for _, known := range transport {
		if m := known.form().FindString(text); m != "" {
			return &trouble.Trouble{Message: known.says(m), Hint: known.hint}
		}
	}
	return &trouble.Trouble{Message: "its answer cannot be understood", Hint: lookAtIt}
}

// lookAtIt is the hint of what only the answer itself explains, which may hold
// secrets.
const lookAtIt = "BOSH_LOG_LEVEL=debug bosh env shows more"

// gateway is the error of bounded.
var gateway = lazyregexp.New(`status (50[234]) of a gateway`)

// answered is an error about an answer.
func answered(who, status string, e directorError, t Target) *trouble.Trouble {
	as := t.client()
	switch {
	case who == "UAA" && (status == "401" || status == "400"):
		return &trouble.Trouble{Message: "its UAA does not know " + as + ", or the secret is wrong", Hint: "check the client and its secret, or log in again"}
	case who == "UAA":
		return &trouble.Trouble{Message: "its UAA answers with status " + status}
	case (status == "401" || status == "403") && e.Code == 0:
		return &trouble.Trouble{Message: "it refuses " + as, Hint: "check the client and its secret; the scope bosh.read is needed"}
	case status == "401" || status == "403":
		return &trouble.Trouble{Message: "it refuses " + as + describe(e), Hint: "the scope bosh.read is needed"}
	case e.Code > 0:
		return &trouble.Trouble{Message: fmt.Sprintf("it answers with status %s%s", status, describe(e))}
	}
	return &trouble.Trouble{Message: "it answers with status " + status}
}

// describe tells the number of a director's own error. Its sentence may quote what was
// deployed.
func describe(e directorError) string {
	if e.Code == 0 {
		return ""
	}
	return fmt.Sprintf(", error %d", e.Code)
}

// transport are the errors of Go's network packages, and how they are told. What
// matches may stand in an answer, so that no form takes in more than numbers and
// words that are known.
var transport = []struct {
	form lazyregexp.Regexp
	says func(match string) string
	hint string
}{
	{lazyregexp.New(`the answer has more than \d+ (MiB|elements)( in (one of )?its elements)?`), func(m string) string { return "it sends too much: " + m }, ""},
	{lazyregexp.New(`x509: (certificate signed by unknown authority|certificate has expired or is not yet valid|certificate is valid for|certificate is not valid for any names|cannot validate certificate|certificate relies on legacy Common Name field|certificate specifies an incompatible key usage)?`),
		func(m string) string { return strings.Replace(m, "is valid for", "is not valid for its host", 1) },
		"give the director's CA certificate: ca_cert in the fleet file, or BOSH_CA_CERT"},
	{lazyregexp.New(`no such host`), itself, "check the environment: a URL, or an alias in bosh's configuration file"},
	{lazyregexp.New(`dial tcp ([0-9.]+|\[[0-9a-f:]+\]):\d+: (connect: )?(connection refused|i/o timeout|no route to host|network is unreachable|permission denied)`), itself,
		"check the environment's URL, and whether the director is reached by a proxy"},
	{lazyregexp.New(`dial tcp`), func(string) string { return "it cannot be reached" }, "check the environment's URL, and whether the director is reached by a proxy"},
	{lazyregexp.New(`tls: (handshake failure|bad certificate|protocol version not supported|first record does not look like a TLS handshake|internal error)?`), itself, ""},
	{lazyregexp.New(`invalid character '<' looking for beginning of value`),
		func(string) string { return "it answers with a web page, perhaps of a proxy in front of it" }, lookAtIt},
	{lazyregexp.New(`Required query param 'private-key' not found`), func(string) string { return "its proxy URL names no private-key" }, ""},
	{lazyregexp.New(`Reading private key file for SOCKS5 Proxy|Parsing BOSH_ALL_PROXY|Creating SOCKS5 dialer`),
		func(string) string { return "its proxy cannot be used" }, "check the proxy, its user and the path of its private-key"},
	{lazyregexp.New(`server gave HTTP response to HTTPS client`), itself, ""},
	{lazyregexp.New(`unexpected EOF|connection reset by peer|EOF`), func(string) string { return "it broke the connection off" }, ""},
	{lazyregexp.New(`cannot be written to the bosh configuration`), func(string) string { return "the refreshed token cannot be written to the bosh configuration" }, ""},
	{lazyregexp.New(`Expected task '\d+' to succeed but state is '(error|cancelled|timeout)'`), itself, ""},
}

func itself(match string) string { return match }
