package uaadouble

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// key signs tokens.
type key struct {
	name    string
	private *rsa.PrivateKey
	hidden  bool
}

// Rotate lets a new key sign. The ones before are still published.
func (u *UAA) Rotate() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n := len(u.keys); len(u.Keys) <= n {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		u.Keys = append(u.Keys, private)
	}
	u.keys = append(u.keys, &key{name: fmt.Sprintf("key-%d", len(u.keys)+1), private: u.Keys[len(u.keys)]})
}

// Withdraw publishes the last key alone.
func (u *UAA) Withdraw() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range u.keys[:len(u.keys)-1] {
		k.hidden = true
	}
}

// published are the keys as /token_keys has them.
func (u *UAA) published() []jose.JSONWebKey {
	list := []jose.JSONWebKey{}
	for _, k := range u.keys {
		if !k.hidden {
			list = append(list, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.name, Algorithm: string(jose.RS256), Use: "sig"})
		}
	}
	return list
}

// PublicKey is the public part of the key that signs.
func (u *UAA) PublicKey() *rsa.PublicKey {
	u.mu.Lock()
	defer u.mu.Unlock()
	return &u.keys[len(u.keys)-1].private.PublicKey
}

// Sign makes a token of any claims, with these fields of its header besides.
func (u *UAA) Sign(claims map[string]any, header map[string]any) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sign(claims, header)
}

func (u *UAA) sign(claims map[string]any, header map[string]any) string {
	k := u.keys[len(u.keys)-1]
	options := (&jose.SignerOptions{}).WithHeader("kid", k.name).WithType("JWT").WithHeader("jku", u.URL()+"/token_keys")
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k.private}, options)
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}
