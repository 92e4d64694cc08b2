// Asks the authenticator of kube-apiserver about tokens, as the AuthenticationConfiguration in a file says: one token a line of standard
// input, as {"token": …}. Answers {"user": …} or {"refused": why}; {} is answered when it has the issuer's metadata.
//
// Algorithms after the file are those of --oidc-signing-algs. Without any, all that kube-apiserver knows, as with --authentication-config.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

// As kube-apiserver reads its file: strictly, with the checks that it makes at its start.
func read(file string) (*apiserver.AuthenticationConfiguration, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	decoded, err := runtime.Decode(codecs.UniversalDecoder(), data)
	if err != nil {
		return nil, err
	}
	configuration, ok := decoded.(*apiserver.AuthenticationConfiguration)
	if !ok || len(configuration.JWT) != 1 {
		return nil, errors.New("not an AuthenticationConfiguration with one issuer")
	}
	faults := validation.ValidateAuthenticationConfiguration(authenticationcel.NewDefaultCompiler(), configuration, nil)
	return configuration, faults.ToAggregate()
}

type authority string

func (text authority) CurrentCABundleContent() []byte { return []byte(text) }

func build(ctx context.Context, configuration *apiserver.AuthenticationConfiguration, algorithms []string) (oidc.AuthenticatorTokenWithHealthCheck, error) {
	if len(algorithms) == 0 {
		algorithms = oidc.AllValidSigningAlgorithms()
	}
	issuer := configuration.JWT[0]
	options := oidc.Options{JWTAuthenticator: issuer, SupportedSigningAlgs: algorithms}
	if issuer.Issuer.CertificateAuthority != "" {
		options.CAContentProvider = authority(issuer.Issuer.CertificateAuthority)
	}
	return oidc.New(ctx, options)
}

func ask(ctx context.Context, authenticator oidc.AuthenticatorTokenWithHealthCheck, token string) map[string]any {
	answer, ok, err := authenticator.AuthenticateToken(ctx, token)
	switch {
	case err != nil:
		return map[string]any{"refused": err.Error()}
	case !ok:
		return map[string]any{"refused": "of another issuer"}
	}
	user := answer.User
	return map[string]any{"user": user.GetName(), "uid": user.GetUID(), "groups": user.GetGroups(), "extra": user.GetExtra()}
}

func main() {
	ctx := context.Background()
	configuration, err := read(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	authenticator, err := build(ctx, configuration, os.Args[2:])
	if err != nil {
		log.Fatal(err)
	}
	// It asks for the metadata by itself, every ten seconds until it has them.
	for err := authenticator.HealthCheck(); err != nil; err = authenticator.HealthCheck() {
		time.Sleep(20 * time.Millisecond)
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]any{}); err != nil {
		log.Fatal(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var request struct{ Token string }
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(ask(ctx, authenticator, request.Token)); err != nil {
			log.Fatal(err)
		}
	}
}
