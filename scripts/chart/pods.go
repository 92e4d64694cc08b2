package main

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// podProblems says what a namespace with `pod-security.kubernetes.io/enforce: restricted` would refuse.
func podProblems(document document) []string {
	template, err := podTemplate(document)
	if err != nil {
		return []string{err.Error()}
	}
	if template == nil {
		return nil
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
	if result.Allowed {
		return nil
	}
	return []string{fmt.Sprintf("Pod Security %s: %s", restricted, result.ForbiddenDetail())}
}

func podTemplate(document document) (*corev1.PodTemplateSpec, error) {
	switch document.object.GetKind() {
	case "Deployment":
		var deployment appsv1.Deployment
		err := yaml.Unmarshal(document.text, &deployment)
		return &deployment.Spec.Template, err
	case "Job":
		var job batchv1.Job
		err := yaml.Unmarshal(document.text, &job)
		return &job.Spec.Template, err
	}
	return nil, nil
}
