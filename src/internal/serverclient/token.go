package serverclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/regularfile"
)

// Kept is a token, and how to get the next one.
type Kept struct {
	Token string `json:"token"`
	// Refresh is empty if there is no other way than to log in again.
	Refresh string    `json:"refresh,omitempty"`
	Ends    time.Time `json:"ends,omitzero"`
	// Login is where it comes from.
	Login protocol.Login `json:"login,omitzero"`
}

// Tokens are those of ipguard login, in a file that only its user may read.
type Tokens struct{ Path string }

func (t Tokens) all() (map[string]Kept, error) {
	list := map[string]Kept{}
	text, err := regularfile.Read(t.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s cannot be read: take it away, and log in again", t.Path)
	}
	return list, nil
}

// Of is what is kept for a server; empty if there is nothing.
func (t Tokens) Of(url string) (Kept, error) {
	list, err := t.all()
	return list[url], err
}

// Set keeps a token for a server; an empty one forgets it. had says whether there was
// one before.
func (t Tokens) Set(url string, kept Kept) (had bool, err error) {
	list, err := t.all()
	if err != nil {
		return false, err
	}
	_, had = list[url]
	if list[url] = kept; kept.Token == "" {
		delete(list, url)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return had, err
	}
	if err := os.MkdirAll(filepath.Dir(t.Path), 0o700); err != nil {
		return had, err
	}
	return had, atomicfile.Write(t.Path, atomicfile.Private, text)
}
