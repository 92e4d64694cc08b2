#!/usr/bin/env bash
# kube-apiserver verifies OIDC tokens with version 2 of go-oidc. The issuer signs with a new key, which is in its key set, and which the
# verifier has not seen. When does it take the first token of that key?
#
# Guess: at once. A `kid` that is not in the set makes it fetch the set again, as version 3 does and other libraries do.
#
# Seen: not before the set's max-age is over, but for the last 30 seconds. Until then the token has a bad signature, whatever its `kid`.
# Without max-age every unknown key is a fetch. So an issuer that lets its key set be cached for longer makes the API server refuse its new
# keys for longer, and one that says nothing has them taken at once. The keys that it knows are good for ever: no max-age ends them.
#
#   max-age                          300       31        30        none
#   a token of the new key           refused   refused   taken     taken
#   go-oidc 3, the same              taken     taken     taken     taken
#
# Versions: github.com/coreos/go-oidc 2.5.0, of kube-apiserver 0.37.2; github.com/coreos/go-oidc/v3 3.21.0 (Go 1.26). Seen on 2026-11-30.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	two "github.com/coreos/go-oidc"
	three "github.com/coreos/go-oidc/v3/oidc"
	"gopkg.in/go-jose/go-jose.v2"
)

type keySet interface {
	VerifySignature(ctx context.Context, jwt string) ([]byte, error)
}

// The public key, and something that it has signed.
func key(id string) (jose.JSONWebKey, string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	signing := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: id}}
	signer, err := jose.NewSigner(signing, nil)
	must(err)
	signed, err := signer.Sign([]byte("{}"))
	must(err)
	token, err := signed.CompactSerialize()
	must(err)
	return jose.JSONWebKey{Key: private.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"}, token
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Whether a token of a key is taken that came into the set after the first fetch.
func taken(age string, open func(ctx context.Context, url string) keySet) bool {
	first, old := key("old")
	second, fresh := key("new")
	published := []jose.JSONWebKey{first}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if age != "none" {
			w.Header().Set("cache-control", "max-age="+age)
		}
		must(json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: published}))
	}))
	defer server.Close()
	ctx := context.Background()
	keys := open(ctx, server.URL)
	_, err := keys.VerifySignature(ctx, old)
	must(err)
	published = append(published, second)
	_, err = keys.VerifySignature(ctx, fresh)
	return err == nil
}

func main() {
	expected := map[string]bool{"300": false, "31": false, "30": true, "none": true}
	for _, age := range []string{"300", "31", "30", "none"} {
		before := taken(age, func(ctx context.Context, url string) keySet { return two.NewRemoteKeySet(ctx, url) })
		after := taken(age, func(ctx context.Context, url string) keySet { return three.NewRemoteKeySet(ctx, url) })
		fmt.Printf("max-age %s: a token of a new key is taken by go-oidc 2: %t, by go-oidc 3: %t\n", age, before, after)
		if before != expected[age] || !after {
			os.Exit(1)
		}
	}
}
GO
go mod init example.com/finding 2>/dev/null
go mod edit -require github.com/coreos/go-oidc@v2.5.0+incompatible -require github.com/coreos/go-oidc/v3@v3.21.0 \
    -require gopkg.in/go-jose/go-jose.v2@v2.6.3
go mod tidy 2>/dev/null
timeout 300 go run .
