#!/usr/bin/env bash
# A service verifies tokens with go-jwt-middleware's jwks.CachingProvider, which keeps a key set for 5 minutes. Nobody calls for a night. The
# issuer's key set is another one by then. With which set is the first token of the morning verified?
#
# Guess: with a new one. A set that is kept for 5 minutes is at most 5 minutes old, or some seconds more where it is fetched in the background.
#
# Seen: with the one of the evening. Nothing is fetched before the set is asked for, and the one who asks first after its end gets it all the
# same, while the next one is fetched. So one request is answered by a set of any age: a key that was withdrawn hours ago is accepted once
# more, and a token of the present key is refused. jwks.WithSynchronousRefresh(true) makes that request wait for the new set.
#
#                                            first after the end   later
#   NewCachingProvider(url, ttl)             the old set           the new one
#   the same, WithSynchronousRefresh(true)   the new one           the new one
#
# Versions: github.com/auth0/go-jwt-middleware/v2 2.3.1 (Go 1.26). Seen on 2026-11-30.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/auth0/go-jwt-middleware/v2/jwks"
	"gopkg.in/go-jose/go-jose.v2"
)

// The id of the key that a token would be verified with now.
func key(provider *jwks.CachingProvider) string {
	set, err := provider.KeyFunc(context.Background())
	must(err)
	return set.(*jose.JSONWebKeySet).Keys[0].KeyID
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	var published atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"keys": [{"kty": "oct", "kid": %q, "k": "AAAA"}]}`, published.Load())
	}))
	defer server.Close()
	address, err := url.Parse(server.URL)
	must(err)

	for what, synchronous := range map[string]bool{"by default": false, "WithSynchronousRefresh": true} {
		published.Store("evening")
		// The night is as short as the set's life.
		provider := jwks.NewCachingProvider(address, time.Nanosecond, jwks.WithCustomJWKSURI(address), jwks.WithSynchronousRefresh(synchronous))
		key(provider)
		published.Store("morning")
		first := key(provider)
		later := key(provider)
		for end := time.Now().Add(10 * time.Second); later != "morning" && time.Now().Before(end); later = key(provider) {
		}
		fmt.Printf("%s: the first token after the set's end is verified with the key of the %s, a later one with that of the %s\n", what, first, later)
		if (first == "evening") != !synchronous || later != "morning" {
			os.Exit(1)
		}
	}
}
GO
go mod init example.com/finding 2>/dev/null
go mod edit -require github.com/auth0/go-jwt-middleware/v2@v2.3.1
go mod tidy 2>/dev/null
timeout 300 go run .
