// Translates RequestAuthentication and AuthorizationPolicy as istiod does: to the HTTP filters of a sidecar, in Envoy's JSON, one line
// on standard output; and again each time istiod would have pushed, because the key set at a jwksUri is another one.
//
//	istio FILE NAMESPACE APP
//
// FILE has the objects, as for kubectl. The sidecar is that of a pod in the namespace with the label app. As istiod's it heeds
// PILOT_JWT_PUB_KEY_REFRESH_INTERVAL.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"

	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	configmemory "istio.io/istio/pilot/pkg/config/memory"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authn"
	"istio.io/istio/pilot/pkg/security/authz/builder"
	"istio.io/istio/pilot/pkg/security/trustdomain"
	registrymemory "istio.io/istio/pilot/pkg/serviceregistry/memory"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/kube/krt"
	istiolog "istio.io/istio/pkg/log"
)

// istiod's state: the objects, checked as its webhook does when they are applied.
func push(file string) (*model.PushContext, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	objects, others, err := crd.ParseInputs(string(text))
	if err != nil || len(others) > 0 {
		return nil, fmt.Errorf("not all are Istio's: %v %w", others, err)
	}
	environment := model.NewEnvironment()
	store := configmemory.NewController(configmemory.Make(collections.Pilot))
	for _, object := range objects {
		if _, err := store.Create(object); err != nil {
			return nil, err
		}
	}
	environment.ConfigStore = store
	environment.ServiceDiscovery = registrymemory.NewServiceDiscovery()
	environment.Watcher = meshwatcher.NewTestWatcher(mesh.DefaultMeshConfig())
	environment.VirtualServiceController = model.NewVirtualServiceController(
		store, model.VSControllerOptions{KrtDebugger: krt.GlobalDebugHandler}, environment.Watcher)
	environment.Init()
	context := model.NewPushContext()
	context.InitContext(environment, nil, nil)
	return context, nil
}

func filters(context *model.PushContext, namespace, app string) []*hcm.HttpFilter {
	labels := map[string]string{"app": app}
	proxy := &model.Proxy{
		Type: model.SidecarProxy, ConfigNamespace: namespace, Labels: labels,
		Metadata: &model.NodeMetadata{Namespace: namespace, Labels: labels},
	}
	// The order of a sidecar's listener: who calls comes before what they may.
	all := []*hcm.HttpFilter{}
	if filter := authn.NewPolicyApplier(context, proxy, nil).JwtFilter(false); filter != nil {
		all = append(all, filter)
	}
	domain := trustdomain.NewBundle(context.Mesh.TrustDomain, context.Mesh.TrustDomainAliases)
	policies := context.AuthzPolicies.ListAuthorizationPolicies(model.PolicyMatcherForProxy(proxy))
	if rules := builder.New(domain, context, policies, builder.Option{}); rules != nil {
		all = append(all, rules.BuildHTTP()...)
	}
	return all
}

func print(all []*hcm.HttpFilter) error {
	lines := []json.RawMessage{}
	for _, filter := range all {
		line, err := protojson.Marshal(filter)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"filters": lines})
}

func main() {
	file, namespace, app := os.Args[1], os.Args[2], os.Args[3]
	options := istiolog.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	if err := istiolog.Configure(options); err != nil {
		log.Fatal(err)
	}
	context, err := push(file)
	if err != nil {
		log.Fatal(err)
	}
	keys := model.NewJwksResolver(model.JwtPubKeyEvictionDuration, model.JwtPubKeyRefreshInterval,
		model.JwtPubKeyRefreshIntervalOnFailure, model.JwtPubKeyRetryInterval)
	changed := make(chan struct{}, 1)
	keys.PushFunc = func() { changed <- struct{}{} }
	context.JwtKeyResolver = keys
	go func() {
		// It ends with its caller.
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		}
		os.Exit(0)
	}()
	for {
		if err := print(filters(context, namespace, app)); err != nil {
			log.Fatal(err)
		}
		<-changed
	}
}
