// Modules that publish the CustomResourceDefinitions of their resources. No code of theirs is compiled here.
module countersign/crds

go 1.26.7

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/envoyproxy/gateway v1.9.1
	istio.io/api v1.32.0
	sigs.k8s.io/gateway-api v1.6.3
)
