// Does with the guide's client what each line of standard input says, and answers with a line. tests/real/test_languages.py has the words.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/app/client"
	authv1 "example.com/app/gen/auth/v1"
)

type request struct {
	Op           string
	Username     string
	Email        string
	Password     string
	TwoFactor    bool   `json:"two_factor"`
	RequestID    string `json:"request_id"`
	ChallengeID  string `json:"challenge_id"`
	RefreshToken string `json:"refresh_token"`
	Code         string
	Prefix       string
	Count        int
	Workers      int
	Pause        int
	AtLeast      int `json:"at_least"`
}

type answer map[string]any

var (
	ctx   = context.Background()
	auth  authv1.AuthServiceClient
	token authv1.TokenServiceClient
	load  *run
)

// As in the proto files: "DeadlineExceeded" is Go's own spelling.
func code(err error) string {
	return map[codes.Code]string{
		codes.OK: "OK", codes.InvalidArgument: "INVALID_ARGUMENT", codes.Unauthenticated: "UNAUTHENTICATED", codes.AlreadyExists: "ALREADY_EXISTS",
		codes.ResourceExhausted: "RESOURCE_EXHAUSTED", codes.Unavailable: "UNAVAILABLE", codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
		codes.Internal: "INTERNAL", codes.Unknown: "UNKNOWN", codes.Canceled: "CANCELLED",
	}[status.Code(err)]
}

func details(err error) answer {
	reason, retryAfter := client.DetailsOf(err)
	return answer{"code": code(err), "reason": reason, "retryAfter": retryAfter.Seconds()}
}

type run struct {
	sync.Mutex
	sync.WaitGroup
	calls, enough int
	failures      map[string]int
	gap           time.Duration
	last          time.Time
}

func (r *run) work(who request) {
	defer r.Done()
	for at := 0; ; at++ {
		call, cancel := context.WithTimeout(ctx, 10*time.Second)
		var err error
		if at%50 != 0 {
			_, err = token.GetJwks(call, &authv1.GetJwksRequest{})
		} else {
			_, _, err = client.Login(call, auth, who.Username, who.Password)
		}
		cancel()
		r.Lock()
		r.calls++
		if err == nil {
			r.gap, r.last = max(r.gap, time.Since(r.last)), time.Now()
		} else {
			r.failures[code(err)]++
		}
		ended := r.enough >= 0 && r.calls >= r.enough
		r.Unlock()
		if ended {
			return
		}
		time.Sleep(time.Duration(who.Pause) * time.Millisecond)
	}
}

func crowd(in request) []string {
	results := make([]string, in.Count)
	var all sync.WaitGroup
	for at := range results {
		all.Go(func() {
			name := fmt.Sprintf("%s%d", in.Prefix, at)
			_, err := client.Register(ctx, auth, &authv1.RegisterRequest{Username: name, Email: name + "@example.com", Password: in.Password})
			results[at] = "OK"
			if err != nil {
				results[at] = fmt.Sprint(details(err))
			}
		})
	}
	all.Wait()
	return results
}

func tokens(tokens *authv1.Tokens) answer {
	return answer{"tokens": answer{"access_token": tokens.GetAccessToken(), "refresh_token": tokens.GetRefreshToken()}}
}

func do(in request) (answer, error) {
	switch in.Op {
	case "register":
		user, err := client.Register(ctx, auth, &authv1.RegisterRequest{
			Username: in.Username, Email: in.Email, Password: in.Password, TwoFactor: in.TwoFactor, RequestId: in.RequestID,
		})
		return answer{"user": answer{"id": user.GetId(), "username": user.GetUsername(), "two_factor_enabled": user.GetTwoFactorEnabled()}}, err
	case "login":
		got, challenge, err := client.Login(ctx, auth, in.Username, in.Password)
		if challenge != nil {
			return answer{"challenge": answer{"challenge_id": challenge.ChallengeId}}, err
		}
		return tokens(got), err
	case "verify":
		got, err := client.VerifyCode(ctx, auth, in.ChallengeID, in.Code)
		return tokens(got), err
	case "refresh":
		got, err := client.Refresh(ctx, auth, in.RefreshToken, in.RequestID)
		return tokens(got), err
	case "resend":
		call, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err := auth.ResendCode(call, &authv1.ResendCodeRequest{ChallengeId: in.ChallengeID})
		return answer{}, err
	case "crowd":
		return answer{"results": crowd(in)}, nil
	case "begin_load":
		load = &run{enough: -1, failures: map[string]int{}, last: time.Now()}
		load.Add(in.Workers)
		for range in.Workers {
			go load.work(in)
		}
		return answer{"calls": 0}, nil
	case "end_load":
		load.Lock()
		load.enough = in.AtLeast
		load.Unlock()
		load.Wait()
		return answer{"calls": load.calls, "failures": load.failures, "gap": load.gap.Seconds()}, nil
	}
	return nil, fmt.Errorf("no such operation: %s", in.Op)
}

func main() {
	connection, err := client.Connect()
	if err != nil {
		log.Fatal(err)
	}
	auth, token = authv1.NewAuthServiceClient(connection), authv1.NewTokenServiceClient(connection)
	lines, out := json.NewDecoder(bufio.NewReader(os.Stdin)), json.NewEncoder(os.Stdout)
	for lines.More() {
		var in request
		if err := lines.Decode(&in); err != nil {
			log.Fatal(err)
		}
		given, err := do(in)
		if err != nil && !strings.HasPrefix(err.Error(), "rpc error") {
			log.Fatal(err)
		} else if err != nil {
			given = answer{"error": details(err)}
		}
		if err := out.Encode(given); err != nil {
			log.Fatal(err)
		}
	}
}
