package serverclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
)

// Tokens are those of ipguard login, in a file that only its user may read.
type Tokens struct{ Path string }

func (t Tokens) all() (map[string]string, error) {
	list := map[string]string{}
	text, err := os.ReadFile(t.Path)
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

// Of is the token for a server; empty if there is none.
func (t Tokens) Of(url string) (string, error) {
	list, err := t.all()
	return list[url], err
}

// Set keeps a token for a server; an empty one forgets it. had says whether there was
// one before.
func (t Tokens) Set(url, token string) (had bool, err error) {
	list, err := t.all()
	if err != nil {
		return false, err
	}
	_, had = list[url]
	if list[url] = token; token == "" {
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
