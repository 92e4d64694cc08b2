package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// definitions are the custom resources by kind, as their CustomResourceDefinitions have them.
type definitions map[schema.GroupVersionKind]definition

type definition struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
}

func readDefinitions(folder string) (definitions, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no CustomResourceDefinition in %s", folder)
	}
	found := definitions{}
	for _, path := range paths {
		documents, err := readDocuments(path)
		if err != nil {
			return nil, err
		}
		for _, document := range documents {
			if document.object.GetKind() != "CustomResourceDefinition" {
				continue
			}
			if err := found.add(document.text); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, document.name(), err)
			}
		}
	}
	return found, nil
}

func (d definitions) add(text []byte) error {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return err
	}
	for _, version := range crd.Spec.Versions {
		if !version.Served {
			continue
		}
		var properties apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			version.Schema.OpenAPIV3Schema, &properties, nil); err != nil {
			return err
		}
		structural, err := structuralschema.NewStructural(&properties)
		if err != nil {
			return err
		}
		validator, _, err := validation.NewSchemaValidator(&properties)
		if err != nil {
			return err
		}
		d[kindOf(crd.Spec.Group, version.Name, crd.Spec.Names.Kind)] = definition{structural, validator}
	}
	return nil
}

// problems takes the API server's steps for a custom resource: unknown fields, defaults, the schema, lists, and the rules in CEL.
func (d definition) problems(object unstructured.Unstructured) []string {
	content := object.DeepCopy().Object
	tracked := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	unknown := pruning.PruneWithOptions(content, d.structural, true, tracked)
	if len(unknown) > 0 {
		return []string{"unknown fields: " + strings.Join(unknown, ", ")}
	}
	defaulting.Default(content, d.structural)
	var path *field.Path
	errs := validation.ValidateCustomResource(path, content, d.validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(path, d.structural, content)...)
	if rules := cel.NewValidator(d.structural, true, celconfig.PerCallLimit); rules != nil && len(errs) == 0 {
		broken, _ := rules.Validate(context.Background(), path, d.structural, content, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	var problems []string
	for _, err := range errs {
		problems = append(problems, err.Error())
	}
	return problems
}
