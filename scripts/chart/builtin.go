package main

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"

	// The conversions and defaults of these kinds.
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
)

// builtInKind is what the API server does with a new object: defaults, preparation, validation, warnings.
type builtInKind struct {
	resource string
	strategy rest.RESTCreateStrategy
}

var builtIn = map[schema.GroupVersionKind]builtInKind{
	kindOf("", "v1", "ConfigMap"):                          {"configmaps", configmap.Strategy},
	kindOf("", "v1", "Namespace"):                          {"namespaces", namespace.Strategy},
	kindOf("", "v1", "Service"):                            {"services", service.Strategy},
	kindOf("", "v1", "ServiceAccount"):                     {"serviceaccounts", serviceaccount.Strategy},
	kindOf("apps", "v1", "Deployment"):                     {"deployments", deployment.Strategy},
	kindOf("autoscaling", "v2", "HorizontalPodAutoscaler"): {"horizontalpodautoscalers", horizontalpodautoscaler.Strategy},
	kindOf("batch", "v1", "Job"):                           {"jobs", job.Strategy},
	kindOf("networking.k8s.io", "v1", "NetworkPolicy"):     {"networkpolicies", networkpolicy.Strategy},
	kindOf("policy", "v1", "PodDisruptionBudget"):          {"poddisruptionbudgets", poddisruptionbudget.Strategy},
}

func kindOf(group, version, kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}

// Strict: a field that there is not is an error, as with `kubectl apply --validate=strict`.
var codecs = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

func (k builtInKind) problems(document document) []string {
	kind := document.object.GroupVersionKind()
	internal := schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}
	object, err := runtime.Decode(codecs.UniversalDecoder(internal), document.text)
	if err != nil {
		return []string{err.Error()}
	}
	if err := k.create(kind, object); err != nil {
		return causes(err)
	}
	warnings := k.strategy.WarningsOnCreate(requestFor(k, kind, namespaceOf(object)), object)
	return append(warnings, podProblems(document)...)
}

// create takes the steps of rest.Store.Create that come before storage.
func (k builtInKind) create(kind schema.GroupVersionKind, object runtime.Object) error {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	ctx := requestFor(k, kind, "")
	if k.strategy.NamespaceScoped() {
		// Helm gives objects without a namespace that of the release.
		if accessor.GetNamespace() == "" {
			accessor.SetNamespace(metav1.NamespaceDefault)
		}
		ctx = requestFor(k, kind, accessor.GetNamespace())
	}
	rest.FillObjectMetaSystemFields(accessor)
	// The registry's storage does this, before it asks the strategy.
	if headless, ok := object.(*core.Service); ok && headless.Spec.ClusterIP == core.ClusterIPNone {
		headless.Spec.ClusterIPs = []string{core.ClusterIPNone}
	}
	return rest.BeforeCreate(k.strategy, ctx, object)
}

func namespaceOf(object runtime.Object) string {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return ""
	}
	return accessor.GetNamespace()
}

func requestFor(k builtInKind, kind schema.GroupVersionKind, namespace string) context.Context {
	ctx := genericapirequest.WithRequestInfo(context.Background(), &genericapirequest.RequestInfo{
		IsResourceRequest: true, Verb: "create", Namespace: namespace,
		APIGroup: kind.Group, APIVersion: kind.Version, Resource: k.resource,
	})
	return genericapirequest.WithNamespace(ctx, namespace)
}

// causes are the fields that were refused, one a line, where the error names them.
func causes(err error) []string {
	status, ok := err.(apierrors.APIStatus)
	if !ok || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return []string{err.Error()}
	}
	var problems []string
	for _, cause := range status.Status().Details.Causes {
		problems = append(problems, fmt.Sprintf("%s: %s", cause.Field, strings.TrimSpace(cause.Message)))
	}
	return problems
}
