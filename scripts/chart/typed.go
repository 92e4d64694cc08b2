package main

import (
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// typed are the kinds whose definitions no Go module has: they are decoded into Go types, and a field that these lack
// is an error. The operator publishes its types; Linkerd's are written here, as far as the guide needs them.
var typed = map[schema.GroupVersionKind]func([]byte) []string{
	kindOf("monitoring.coreos.com", "v1", "ServiceMonitor"):          decode[monitoringv1.ServiceMonitor],
	kindOf("monitoring.coreos.com", "v1", "PrometheusRule"):          decode[monitoringv1.PrometheusRule],
	kindOf("policy.linkerd.io", "v1beta3", "Server"):                 decode[linkerdServer],
	kindOf("policy.linkerd.io", "v1alpha1", "AuthorizationPolicy"):   decode[linkerdAuthorizationPolicy],
	kindOf("policy.linkerd.io", "v1alpha1", "MeshTLSAuthentication"): decode[linkerdMeshTLSAuthentication],
	kindOf("policy.linkerd.io", "v1alpha1", "NetworkAuthentication"): decode[linkerdNetworkAuthentication],
}

func decode[T any](text []byte) []string {
	var object T
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		return []string{err.Error()}
	}
	return nil
}
