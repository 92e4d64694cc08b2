// Introspects tokens over TLS as the guide has it: one request a line of standard input, as test_tls_clients.py has it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"example.com/app/client"
	authv1 "example.com/app/gen/auth/v1"
)

type request struct {
	Target, Authority, Certificate, Key, Token string
}

// Kept for as long as the files have the same names.
var channels = map[request]*grpc.ClientConn{}

func perform(in request) (map[string]any, error) {
	token := in.Token
	in.Token = ""
	if channels[in] == nil {
		credentials, err := client.TLS(in.Authority, in.Certificate, in.Key)
		if err != nil {
			return nil, err
		}
		if channels[in], err = grpc.NewClient("dns:///"+in.Target, grpc.WithTransportCredentials(credentials)); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stub := authv1.NewTokenServiceClient(channels[in])
	answer, err := stub.IntrospectToken(ctx, &authv1.IntrospectTokenRequest{Token: token}, grpc.WaitForReady(false))
	if err != nil {
		return map[string]any{"error": status.Code(err).String(), "message": err.Error()}, nil
	}
	return map[string]any{"active": answer.Active}, nil
}

func main() {
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var in request
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			log.Fatal(err)
		}
		answer, err := perform(in)
		if err != nil {
			answer = map[string]any{"error": fmt.Sprint(err)}
		}
		if err := out.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}
