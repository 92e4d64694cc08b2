#!/usr/bin/env bash
# golang.org/x/oauth2's clientcredentials finds out by itself whether a server wants the secret in the Authorization header or in
# the body (AuthStyle left out). How many requests does one call of Token() make when the server refuses for another reason?
#
# Guess: one where the error says that it is not about the client (400 with invalid_scope); two after a 401.
#
# Seen: two after every refusal, whatever it says: 400 invalid_scope, 401 invalid_client, 429 with Retry-After, 500. The second one has
# the secret in its body. So a server that is busy is asked twice as often, one that counts failures counts two, and a secret goes
# into a place that a log may show. It does so again for the next call, for as long as none has succeeded. With AuthStyleInHeader it
# is one request.
#
#   400 invalid_scope, 401 invalid_client, 429, 500    2 requests: header, then body
#   the same with AuthStyleInHeader                    1 request
#
# Versions: golang.org/x/oauth2 0.38.0 (Go 1.26). Seen on 2026-11-29.
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

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	var seen []string
	var status int
	var name string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		where := "neither"
		if _, _, ok := r.BasicAuth(); ok {
			where = "header"
		} else if r.FormValue("client_secret") != "" {
			where = "body"
		}
		seen = append(seen, where)
		w.Header().Set("content-type", "application/json")
		if status == 429 {
			w.Header().Set("retry-after", "30")
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error": %q}`, name)
	}))
	defer server.Close()

	refusals := []struct {
		status int
		name   string
	}{{400, "invalid_scope"}, {401, "invalid_client"}, {429, "temporarily_unavailable"}, {500, "server_error"}}
	wanted := map[oauth2.AuthStyle]string{oauth2.AuthStyleAutoDetect: "header body header body", oauth2.AuthStyleInHeader: "header header"}
	labels := map[oauth2.AuthStyle]string{oauth2.AuthStyleAutoDetect: "by itself", oauth2.AuthStyleInHeader: "AuthStyleInHeader"}
	for style, expected := range wanted {
		for _, refusal := range refusals {
			seen, status, name = nil, refusal.status, refusal.name
			config := clientcredentials.Config{ClientID: "me", ClientSecret: "secret", TokenURL: server.URL, AuthStyle: style}
			for range 2 {
				if _, err := config.Token(context.Background()); err == nil {
					panic("no error")
				}
			}
			got := strings.Join(seen, " ")
			fmt.Printf("%s, %d %s: two calls of Token(), requests with the secret in: %s\n", labels[style], status, name, got)
			if got != expected {
				os.Exit(1)
			}
		}
	}
}
GO
go mod init example.com/finding 2>/dev/null
go mod edit -require golang.org/x/oauth2@v0.38.0
go mod tidy 2>/dev/null
timeout 120 go run .
