#!/usr/bin/env bash
# A rule of a contract in CEL takes the end of a string: this.substring(2, 3) == 'c', or this.substring(2, size(this)) != ''. Does every
# protovalidate judge "abc" alike?
#
# Guess: yes, it is good. The second index is exclusive, so it may be the length of the string (so CEL's extension for strings has it).
#
# Seen: Go says so. In Python the second index must be below the length; where it is the length, as size(this) always is, the rule can't be
# evaluated, and validate() raises EvaluationError, which is no ValidationError. So a service in Python that catches the latter alone fails
# on a good request, and the author of the contract, who has tried the rule in Go, does not know. With one index it works in both.
# substring is not of CEL itself but of its extension for strings, which both libraries have.
#
#   rule                                  Go, both    Python, "abcd"     Python, "abc"
#   this.substring(2, 3) == 'c'           holds       holds              EvaluationError
#   this.substring(2, size(this)) != ''   holds       EvaluationError    EvaluationError
#   this.substring(2) != ''               holds       holds              holds
#
# Versions: protovalidate 2.1.0 (PyPI, Python 3.11), buf.build/go/protovalidate 1.4.0 (Go 1.26), validate.proto of bufbuild/protovalidate 1.2.2.
# Seen on 2026-11-29.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.85.1 protovalidate==2.1.0

cat >rules.proto <<'PROTO'
syntax = "proto3";
package finding;
import "buf/validate/validate.proto";
message Literal {
  string text = 1 [(buf.validate.field).cel = {id: "literal", message: "c is third", expression: "this.substring(2, 3) == 'c'"}];
}
message Size {
  string text = 1 [(buf.validate.field).cel = {id: "size", message: "more than two", expression: "this.substring(2, size(this)) != ''"}];
}
message OneIndex {
  string text = 1 [(buf.validate.field).cel = {id: "one_index", message: "more than two", expression: "this.substring(2) != ''"}];
}
PROTO
rules=$(go mod download -json github.com/bufbuild/protovalidate@v1.2.2 | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
include=(--proto_path=. --proto_path="$rules/proto/protovalidate")
venv/bin/python -m grpc_tools.protoc "${include[@]}" --python_out=. --include_imports --descriptor_set_out=rules.binpb \
  rules.proto buf/validate/validate.proto

cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"os"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

func main() {
	var set descriptorpb.FileDescriptorSet
	bytes, err := os.ReadFile("rules.binpb")
	must(err)
	must(proto.Unmarshal(bytes, &set))
	files, err := protodesc.NewFiles(&set)
	must(err)
	for _, name := range []string{"Literal", "Size", "OneIndex"} {
		found, err := files.FindDescriptorByName(protoreflect.FullName("finding." + name))
		must(err)
		for _, text := range []string{"abcd", "abc"} {
			message := dynamicpb.NewMessage(found.(protoreflect.MessageDescriptor))
			message.Set(message.Descriptor().Fields().ByName("text"), protoreflect.ValueOfString(text))
			fmt.Println("Go", name, text, verdict(protovalidate.Validate(message)))
		}
	}
}

func verdict(err error) string {
	var invalid *protovalidate.ValidationError
	switch {
	case err == nil:
		return "holds"
	case errors.As(err, &invalid):
		return "broken"
	default:
		return err.Error()
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod init example.com/finding 2>/dev/null
go mod edit -require buf.build/go/protovalidate@v1.4.0
go mod tidy 2>/dev/null
by_go=$(timeout 300 go run .)

cat >program.py <<'PYTHON'
import protovalidate
import rules_pb2


def verdict(message):
    try:
        protovalidate.validate(message)
    except protovalidate.ValidationError:
        return "broken"
    except protovalidate.EvaluationError:
        return "EvaluationError"
    return "holds"


for name in ("Literal", "Size", "OneIndex"):
    for text in ("abcd", "abc"):
        print("Python", name, text, verdict(getattr(rules_pb2, name)(text=text)))
PYTHON
by_python=$(timeout 60 venv/bin/python program.py)
printf '%s\n' "$by_go" "$by_python"
[[ $by_go == "Go Literal abcd holds
Go Literal abc holds
Go Size abcd holds
Go Size abc holds
Go OneIndex abcd holds
Go OneIndex abc holds" && $by_python == "Python Literal abcd holds
Python Literal abc EvaluationError
Python Size abcd EvaluationError
Python Size abc EvaluationError
Python OneIndex abcd holds
Python OneIndex abc holds" ]] || {
  echo "that has changed" >&2
  exit 1
}
