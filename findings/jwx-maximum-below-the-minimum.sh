#!/usr/bin/env bash
# A service keeps a JWK set in jwx's jwk.Cache, registered with jwk.WithMaxInterval(5 * time.Minute). How long is the set kept before it is
# fetched again?
#
# Guess: as long as max-age says, and 5 minutes at the most.
#
# Seen: 5 minutes only where max-age is longer than that. A shorter one is raised to the minimum interval, 15 minutes unless it is set, and
# nothing refuses a minimum above the maximum. Without max-age and Expires it is the minimum, too. So the longer max-age is kept for the
# shorter time, and a server that lowers max-age, to have its new keys known sooner, has them known later. Whoever sets a maximum must set
# a minimum below it.
#
#   max-age                              3600    301     300     60      none
#   WithMaxInterval(5m)                  5m      5m      15m     15m     15m
#   the same, and WithMinInterval(1m)    5m      5m      5m      1m      1m
#
# Versions: github.com/lestrrat-go/jwx/v3 3.4.0, github.com/lestrrat-go/httprc/v3 3.0.6 (Go 1.26). Seen on 2026-11-29.
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
	"os"
	"strings"
	"time"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// When the cache means to fetch again, as it says after the first fetch.
func kept(ctx context.Context, url string, options []jwk.RegisterOption) time.Duration {
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	must(err)
	defer cache.Shutdown(ctx)
	before := time.Now()
	// Waits for the first fetch.
	must(cache.Register(ctx, url, options...))
	resource, err := cache.LookupResource(ctx, url)
	must(err)
	return resource.Next().Sub(before).Truncate(time.Minute)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if age := strings.TrimPrefix(r.URL.Path, "/"); age != "none" {
			w.Header().Set("cache-control", "max-age="+age)
		}
		fmt.Fprint(w, `{"keys": []}`)
	}))
	defer server.Close()

	maximum, minimum := jwk.WithMaxInterval(5*time.Minute), jwk.WithMinInterval(time.Minute)
	cases := []struct {
		what     string
		options  []jwk.RegisterOption
		expected []int
	}{
		{"WithMaxInterval(5m)", []jwk.RegisterOption{maximum}, []int{5, 5, 15, 15, 15}},
		{"WithMaxInterval(5m), WithMinInterval(1m)", []jwk.RegisterOption{maximum, minimum}, []int{5, 5, 5, 1, 1}},
	}
	for _, one := range cases {
		for i, age := range []string{"3600", "301", "300", "60", "none"} {
			seen := int(kept(context.Background(), server.URL+"/"+age, one.options).Minutes())
			fmt.Printf("%s, max-age %s: fetched again after %d minutes\n", one.what, age, seen)
			if seen != one.expected[i] {
				os.Exit(1)
			}
		}
	}
}
GO
go mod init example.com/finding 2>/dev/null
go mod edit -require github.com/lestrrat-go/jwx/v3@v3.4.0 -require github.com/lestrrat-go/httprc/v3@v3.0.6
go mod tidy 2>/dev/null
timeout 300 go run .
