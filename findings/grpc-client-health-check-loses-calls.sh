#!/usr/bin/env bash
# Two servers are restarted one after the other. Each first says NOT_SERVING for two seconds, answering calls as before, then closes, and
# is back half a second later. A client balances over both (round_robin). Does client-side health checking (healthCheckConfig, gRFC A17)
# save calls?
#
# Guess: yes, or it does no harm: the client leaves a server before that closes.
#
# Seen: it loses calls that would have been answered. The client leaves the second server at its first NOT_SERVING. By then the first
# one is back, but the client, whose connection was refused once, waits out its backoff of a second. With no healthy server left every
# call fails with UNAVAILABLE, although the second server still answers. (Balancers such as Envoy try an unhealthy host if
# it is the last.) Without health checking none fails: GOAWAY tells the client when to leave. A pause of a few seconds between
# the two restarts helps as well.
#
#   round_robin:                           0 calls failed
#   round_robin and healthCheckConfig:     some calls failed
#
# Versions: grpcio 1.85.1 and grpcio-health-checking 1.85.1 (Python 3). grpc-go 1.85.0 does the same. Seen on 2026-11-28.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1 grpcio-health-checking==1.85.1

timeout 120 "$work/venv/bin/python" - <<'PYTHON'
import collections
import json
import socket
import sys
import threading
import time
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

DRAIN, AWAY = 2.0, 0.5
METHOD = "/test.Service/Answer"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answering(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == METHOD:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"answer")


class Server:
    def __init__(self):
        self.port = free_port()
        self.start()

    def start(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((Answering(),))
        self.health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.health.set("test.Service", health_pb2.HealthCheckResponse.SERVING)
        assert self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def restart(self):
        self.health.set("test.Service", health_pb2.HealthCheckResponse.NOT_SERVING)
        time.sleep(DRAIN)
        self.server.stop(1).wait()
        time.sleep(AWAY)
        self.start()


def failures(config):
    servers = [Server(), Server()]
    failed, stop = collections.Counter(), threading.Event()
    options = [("grpc.service_config", json.dumps(config)), ("grpc.default_authority", "test")]
    target = "ipv4:" + ",".join(f"127.0.0.1:{server.port}" for server in servers)
    with grpc.insecure_channel(target, options=options) as channel:
        grpc.channel_ready_future(channel).result(timeout=20)
        answer = channel.unary_unary(METHOD)

        def call():
            while not stop.wait(0.02):
                try:
                    answer(b"", timeout=10)
                except grpc.RpcError as error:
                    failed[f"{error.code().name}: {error.details()}"] += 1

        caller = threading.Thread(target=call)
        caller.start()
        for server in servers:
            server.restart()
        stop.set()
        caller.join()
    for server in servers:
        server.server.stop(0).wait()
    return failed


balanced = {"loadBalancingConfig": [{"round_robin": {}}]}
checked = balanced | {"healthCheckConfig": {"serviceName": "test.Service"}}
without, with_checks = failures(balanced), failures(checked)
print(f"round_robin:                           {without.total()} calls failed")
print(f"round_robin and healthCheckConfig:     {with_checks.total()} calls failed {dict(with_checks)}")
if without.total() or not with_checks.total():
    sys.exit("this is not what was seen before")
PYTHON
