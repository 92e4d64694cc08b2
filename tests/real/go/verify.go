// Asks one of the guide's verifiers about tokens: one a line of standard input, as {"token": …}. Answers {"claims": …} or {"refused": why}.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"example.com/app/verifier"
)

func main() {
	ctx := context.Background()
	verify, err := verifier.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var request struct{ Token string }
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			log.Fatal(err)
		}
		answer := map[string]any{}
		if claims, err := verify(ctx, request.Token); err != nil {
			answer["refused"] = err.Error()
		} else {
			answer["claims"] = claims
		}
		if err := out.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}
