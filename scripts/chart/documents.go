package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// document is one object of a file: its text, for a strict decoder, and what it says of itself.
type document struct {
	text   []byte
	object unstructured.Unstructured
}

func (d document) name() string {
	return fmt.Sprintf("%s/%s", d.object.GetKind(), d.object.GetName())
}

func readDocuments(path string) ([]document, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var documents []document
	reader := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		content, err := contentOf(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(content) > 0 {
			documents = append(documents, document{bytes.TrimSpace(text), unstructured.Unstructured{Object: content}})
		}
	}
}

// contentOf is strict: a key that stands there twice is an error. Whole numbers are integers, as the rules in CEL expect.
func contentOf(text []byte) (map[string]any, error) {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	var content map[string]any
	err = utiljson.Unmarshal(asJSON, &content)
	return content, err
}
