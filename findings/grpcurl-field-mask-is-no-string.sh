#!/usr/bin/env bash
# Does grpcurl take a google.protobuf.FieldMask as JSON has it (AIP-161's update_mask)?
#
# Guess: yes, as a string with commas: "name,email". That is its form in protobuf's JSON mapping, and every other client of JSON takes
# it, Envoy's transcoder and buf curl among them.
#
# Seen: no. grpcurl refuses the request before it sends it: it expects an object. It takes the message as fields, {"paths": ["name"]},
# which other clients refuse. So an example of an update_mask for grpcurl is of no use elsewhere, and the other way round.
#
#   {"mask": "name"}:                  bad input: expecting start of JSON object: '{' ; instead got name
#   {"mask": {"paths": ["name"]}}:     sent: the server answers UNIMPLEMENTED
#
# Versions: grpcurl 1.9.3, grpcio 1.76.0. Seen on 2026-11-29.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
GOPATH="$work/go" GOBIN="$work/bin" GOFLAGS=-modcacherw go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet grpcio==1.76.0

cat >"$work/people.proto" <<'PROTO'
syntax = "proto3";
package test;
import "google/protobuf/field_mask.proto";
message Change { google.protobuf.FieldMask mask = 1; }
message Done {}
service People { rpc Update(Change) returns (Done); }
PROTO
cat >"$work/server.py" <<'PYTHON'
from concurrent import futures

import grpc

server = grpc.server(futures.ThreadPoolExecutor(1))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination(120)
PYTHON
"$work/venv/bin/python" "$work/server.py" >"$work/port" &
server=$!
for _ in $(seq 100); do [[ -s $work/port ]] && break; sleep 0.1; done

ask() {
  "$work/bin/grpcurl" -plaintext -import-path "$work" -proto people.proto -d "$1" \
    "127.0.0.1:$(<"$work/port")" test.People/Update 2>&1 || true
}
as_string=$(ask '{"mask": "name"}') as_object=$(ask '{"mask": {"paths": ["name"]}}')
printf '%s\n' "as a string: $as_string" "as an object: $as_object"
[[ $as_string == *"expecting start of JSON object"* ]]
[[ $as_object == *Unimplemented* ]]
