package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
)

// imported is the page on which a table is imported, or what is in use is adopted: the
// difference first, and then what was confirmed.
type imported struct {
	IsAdmin bool
	CSV     string
	// Pool is the one whose used addresses are adopted; empty: the table counts.
	Pool    string
	Adopted []api.Adopted
	New     int
	// Shown is the digest of the difference: what is confirmed is what was seen.
	Shown string
	Done  bool
}

// largestTable is how many bytes the form may have, with its table.
const largestTable = 4<<20 + 64<<10

func (s *site) importForm(w http.ResponseWriter, r *http.Request) {
	s.showImport(w, r, http.StatusOK, "", imported{})
}

func (s *site) showImport(w http.ResponseWriter, r *http.Request, status int, no string, v imported) {
	actor := accounts.From(r.Context())
	v.IsAdmin = actor != nil && actor.Has(accounts.Admin)
	s.show(w, r, status, "import.html", page{Title: "Import", At: "network", Error: no, Content: v})
}

// importTable shows the difference, or books it if it is still the one that was shown.
func (s *site) importTable(w http.ResponseWriter, r *http.Request) {
	if accounts.From(r.Context()) == nil {
		s.show(w, r, http.StatusUnauthorized, "", page{})
		return
	}
	v, err := readTable(w, r)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		s.showImport(w, r, http.StatusRequestEntityTooLarge, "a table has at most 4 MiB: import it in parts", imported{})
		return
	}
	if err != nil {
		s.showImport(w, r, http.StatusBadRequest, "the form cannot be read", imported{})
		return
	}
	if v.CSV == "" && v.Pool == "" {
		s.showImport(w, r, http.StatusUnprocessableEntity, "choose a file, or paste a table", v)
		return
	}
	wish := api.Import{CSV: v.CSV, DryRun: true}
	if v.Pool != "" {
		wish.CSV, wish.Pools = "", []string{v.Pool}
	}
	confirmed := r.Form.Get("shown")
	if !s.difference(w, r, wish, &v) {
		return
	}
	switch {
	case confirmed == "":
		s.showImport(w, r, http.StatusOK, "", v)
		return
	case confirmed != v.Shown:
		s.showImport(w, r, http.StatusConflict, "the difference is another one by now: look at it again", v)
		return
	}
	wish.DryRun = false
	if s.difference(w, r, wish, &v) {
		v.Done = true
		s.showImport(w, r, http.StatusOK, "", v)
	}
}

// difference asks what becomes of the table.
func (s *site) difference(w http.ResponseWriter, r *http.Request, wish api.Import, v *imported) bool {
	var got struct {
		Adopted []api.Adopted `json:"adopted"`
		New     int           `json:"new"`
	}
	if err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/import", wish, &got); err != nil {
		status, text := s.told(err)
		s.showImport(w, r, status, text, *v)
		return false
	}
	v.Adopted, v.New = got.Adopted, got.New
	text, _ := json.Marshal(got) // has no type that fails
	sum := sha256.Sum256(text)
	v.Shown = hex.EncodeToString(sum[:])
	return true
}

// readTable reads the form: a file, or a text.
func readTable(w http.ResponseWriter, r *http.Request) (v imported, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, largestTable)
	if err := r.ParseForm(); err != nil { // which ParseMultipartForm does not tell
		return v, err
	}
	if err := r.ParseMultipartForm(largestTable); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return v, err
	}
	v.CSV, v.Pool = r.PostForm.Get("csv"), r.PostForm.Get("pool")
	if r.MultipartForm == nil {
		return v, nil
	}
	file, _, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if len(text) > 0 {
		v.CSV = string(text)
	}
	return v, err
}
