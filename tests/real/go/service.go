// Asks for tokens with the guide's clients: one request a line of standard input, as test_oauth_clients.py has it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"golang.org/x/oauth2"

	"example.com/app/service"
)

type request struct {
	Op, Method, ID, Key, PEM, Kid, Scope, Audience, Token string
}

var styles = map[string]oauth2.AuthStyle{
	"basic": oauth2.AuthStyleInHeader, "post": oauth2.AuthStyleInParams, "auto": oauth2.AuthStyleAutoDetect,
}

func fields(token *oauth2.Token) map[string]any {
	return map[string]any{
		"access_token": token.AccessToken, "token_type": token.TokenType, "expires_in": token.Extra("expires_in"), "scope": token.Extra("scope"),
	}
}

func perform(ctx context.Context, in request) (any, error) {
	switch in.Op {
	case "token":
		config := service.Config(in.ID, in.Key, in.Scope, in.Audience)
		config.AuthStyle = styles[in.Method]
		source := config.TokenSource(ctx)
		token, err := source.Token()
		if err != nil {
			return nil, err
		}
		if again, err := source.Token(); err != nil || again.AccessToken != token.AccessToken {
			return nil, fmt.Errorf("the token is not kept: %w", err)
		}
		return fields(token), nil
	case "workload":
		token, err := service.Workload(ctx, in.Key, in.Scope, in.Audience).Token()
		if err != nil {
			return nil, err
		}
		return fields(token), nil
	case "introspect":
		server, err := service.WithKey(ctx, in.ID, in.Key)
		if in.Method == "jwt" {
			server, err = service.WithPrivateKey(ctx, in.ID, in.Kid, []byte(in.PEM))
		}
		if err != nil {
			return nil, err
		}
		return service.Introspect(ctx, server, in.Token)
	case "exchange":
		return service.ActFor(ctx, in.ID, in.Key, in.Token, in.Scope, in.Audience)
	}
	return nil, fmt.Errorf("there is no %s", in.Op)
}

func main() {
	ctx := context.Background()
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var in request
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			log.Fatal(err)
		}
		answer, err := perform(ctx, in)
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}
