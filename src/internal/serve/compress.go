package serve

import (
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/ipguard/ipguard/src/internal/protocol"
)

// leastCompressed is how many bytes an answer has at least that is compressed.
const leastCompressed = 1 << 10

// compressed compresses the answers of next for who takes that, where their length may
// be known: the length of a compressed text tells how much of it is the same. Who can
// make a browser ask for what they choose, and sees how long the answers are, guesses
// what else is in them (BREACH). So answers to what a page of another site makes a
// browser ask for are sent as they are, and whatever has secrets, too.
func compressed(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(leastCompressed))
	if err != nil {
		return nil, err
	}
	packed := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mayCompress(r) {
			packed.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept-Encoding")
		next.ServeHTTP(w, r)
	}), nil
}

// mayCompress reports whether nobody could choose a part of the answer who must not read
// it. Browsers say where a request comes from (Fetch Metadata, Sec-Fetch-Site); other
// clients do what their user wants.
func mayCompress(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	return read && !strings.HasPrefix(r.URL.Path, "/login") && !strings.HasPrefix(r.URL.Path, protocol.Base+"/tokens")
}
