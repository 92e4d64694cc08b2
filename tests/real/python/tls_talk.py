"""Introspects tokens over TLS as the guide has it: one request a line of standard input, as test_tls_clients.py has it."""

import json
import sys
from pathlib import Path

import grpc

sys.path.insert(0, "")
from auth.v1 import token_service_pb2 as token
from auth.v1 import token_service_pb2_grpc
from tls_client import tls

# Kept for as long as the files have the same names.
channels: dict[tuple, grpc.Channel] = {}
for line in sys.stdin:
    request = json.loads(line)
    files = [Path(request[name]) if request[name] else None for name in ("authority", "certificate", "key")]
    key = request["target"], *files
    if key not in channels:
        channels[key] = grpc.secure_channel(request["target"], tls(*files))
    stub = token_service_pb2_grpc.TokenServiceStub(channels[key])
    try:
        answer = {"active": stub.IntrospectToken(token.IntrospectTokenRequest(token=request["token"]), timeout=10).active}
    except grpc.RpcError as error:
        answer = {"error": error.code().name, "message": error.details()}
    print(json.dumps(answer), flush=True)
