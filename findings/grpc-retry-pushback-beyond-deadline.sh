#!/usr/bin/env bash
# What does a gRPC client with a retry policy report when the server refuses with RESOURCE_EXHAUSTED and asks for a longer pause
# (grpc-retry-pushback-ms) than the call's deadline leaves?
#
# Guess: there is no time for another attempt, so the call ends at once with the server's own status, RESOURCE_EXHAUSTED.
#
# Seen: the client waits for its deadline and reports DEADLINE_EXCEEDED. The server's status and its details (RetryInfo, ErrorInfo)
# are lost, and so is the time. Without a retry policy, and with a pushback of -1 ("do not retry", gRFC A6), the status is there at
# once. So a server that tells how long to wait hides its own reason from callers with a retry policy and a short deadline.
#
#   no retry policy, pushback 60000:    RESOURCE_EXHAUSTED at once
#   retry policy, pushback 60000:       DEADLINE_EXCEEDED at the deadline
#   retry policy, pushback -1:          RESOURCE_EXHAUSTED at once
#
# Versions: grpcio 1.85.1 (Python 3). Seen on 2026-11-28.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1

timeout 60 "$work/venv/bin/python" - <<'PYTHON'
import json
import sys
import time
from concurrent import futures

import grpc

DEADLINE = 2.0
METHOD = "/test.Service/Refuse"
POLICY = {
    "methodConfig": [
        {
            "name": [{"service": "test.Service"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
            },
        }
    ]
}


class Refusing(grpc.GenericRpcHandler):
    def service(self, details):
        pushback = dict(details.invocation_metadata)["wanted"]

        def refuse(request, context):
            context.set_trailing_metadata((("grpc-retry-pushback-ms", pushback),))
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "come back later")

        return grpc.unary_unary_rpc_method_handler(refuse)


def call(port, policy, pushback):
    options = [("grpc.service_config", json.dumps(policy))] if policy else [("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        begun = time.monotonic()
        try:
            channel.unary_unary(METHOD)(b"", timeout=DEADLINE, metadata=(("wanted", pushback),))
        except grpc.RpcError as error:
            return error.code().name, time.monotonic() - begun > DEADLINE * 0.9
        return "OK", False


server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((Refusing(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
failed = False
for name, policy, pushback, expected in (
    ("no retry policy, pushback 60000", None, "60000", ("RESOURCE_EXHAUSTED", False)),
    ("retry policy, pushback 60000", POLICY, "60000", ("DEADLINE_EXCEEDED", True)),
    ("retry policy, pushback -1", POLICY, "-1", ("RESOURCE_EXHAUSTED", False)),
):
    seen = call(port, policy, pushback)
    print(f"{name + ':':<36}{seen[0]} {'at the deadline' if seen[1] else 'at once'}")
    failed |= seen != expected
server.stop(None)
if failed:
    sys.exit("this is not what was seen before")
PYTHON
