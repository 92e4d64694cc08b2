package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Linkerd's policy resources, as far as the guide uses them: a field that is not here is one that Linkerd may well have. Written
// from its CustomResourceDefinitions, which no Go module has.
type linkerdServer struct {
	object
	Spec struct {
		PodSelector   metav1.LabelSelector `json:"podSelector"`
		Port          intstr.IntOrString   `json:"port"`
		ProxyProtocol string               `json:"proxyProtocol"`
		AccessPolicy  string               `json:"accessPolicy,omitempty"`
	} `json:"spec"`
}

type linkerdAuthorizationPolicy struct {
	object
	Spec struct {
		TargetRef                  linkerdTarget   `json:"targetRef"`
		RequiredAuthenticationRefs []linkerdTarget `json:"requiredAuthenticationRefs"`
	} `json:"spec"`
}

type linkerdMeshTLSAuthentication struct {
	object
	Spec struct {
		Identities   []string        `json:"identities,omitempty"`
		IdentityRefs []linkerdTarget `json:"identityRefs,omitempty"`
	} `json:"spec"`
}

type linkerdNetworkAuthentication struct {
	object
	Spec struct {
		Networks []struct {
			CIDR   string   `json:"cidr"`
			Except []string `json:"except,omitempty"`
		} `json:"networks"`
	} `json:"spec"`
}

type linkerdTarget struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

type object struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}
