package main

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// validateFiles says of each object whether a cluster would take it, and fails if one is refused.
func validateFiles(crdFolder string, paths []string, out io.Writer) error {
	custom, err := readDefinitions(crdFolder)
	if err != nil {
		return err
	}
	checked, refused := 0, 0
	for _, path := range paths {
		documents, err := readDocuments(path)
		if err != nil {
			return err
		}
		if len(documents) == 0 {
			return fmt.Errorf("%s has no object", path)
		}
		for _, problem := range twice(documents) {
			refused++
			fmt.Fprintf(out, "%s: %s\n", path, problem)
		}
		for _, document := range documents {
			checked++
			for _, problem := range problemsOf(document, custom) {
				refused++
				fmt.Fprintf(out, "%s: %s: %s\n", path, document.name(), problem)
			}
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d problems in %d objects", refused, checked)
	}
	fmt.Fprintf(out, "ok: a cluster takes the %d objects of %d files\n", checked, len(paths))
	return nil
}

// problemsOf asks whoever knows the object's kind. A kind that nobody knows is a problem, so that none is passed over in silence.
func problemsOf(document document, custom definitions) []string {
	kind := document.object.GroupVersionKind()
	if entry, found := builtIn[kind]; found {
		return entry.problems(document)
	}
	if definition, found := custom[kind]; found {
		return definition.problems(document.object)
	}
	if decode, found := typed[kind]; found {
		return decode(document.text)
	}
	return []string{fmt.Sprintf("nobody here knows the kind %s", kind)}
}

// twice finds objects that overwrite one another: the same kind and name.
func twice(documents []document) []string {
	type identity struct {
		kind            schema.GroupVersionKind
		namespace, name string
	}
	var problems []string
	seen := map[identity]bool{}
	for _, document := range documents {
		object := document.object
		id := identity{object.GroupVersionKind(), object.GetNamespace(), object.GetName()}
		if seen[id] {
			problems = append(problems, fmt.Sprintf("%s is there twice", document.name()))
		}
		seen[id] = true
	}
	return problems
}
