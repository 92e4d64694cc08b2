#!/usr/bin/env bash
# After how long does a grpcio client drop a connection to a server that has fallen silent (its machine is gone, its process is
# stopped), with grpc.keepalive_time_ms 10000 and grpc.keepalive_timeout_ms 2000?
#
# Guess: after 12 seconds; that is what the two options are documented to mean, and what grpc-go, grpc-java and grpc-js do with theirs.
#
# Seen: after 70 seconds. Another option, grpc.http2.ping_timeout_ms, says how long the answer to any ping is waited for, is one minute by
# default, and wins although it is longer. Until then every call on that connection waits for its deadline. With both options it is 12.
#
#   keepalive_timeout_ms 2000 alone:               70 s
#   and ping_timeout_ms 2000:                      12 s
#
# Versions: grpcio 1.85.1 (Python 3). Seen on 2026-11-28. Takes a minute and a half.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1

cat >"$work/silent.py" <<'PYTHON'
import concurrent.futures
import multiprocessing
import os
import signal
import sys
import time


def serve(pipe):
    import grpc

    class Answering(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Answering(),))
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


def dropped_after(*more):
    """Seconds from when the server stops to when a call that waits for it fails because of the connection."""
    import grpc

    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    options = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 2_000), ("grpc.keepalive_permit_without_calls", 1)]
    try:
        with grpc.insecure_channel(f"127.0.0.1:{ours.recv()}", options=[*options, *more]) as channel:
            call = channel.unary_unary("/test.Service/Answer")
            call(b"", timeout=30, wait_for_ready=True)
            begun = time.monotonic()
            os.kill(server.pid, signal.SIGSTOP)
            try:
                call(b"", timeout=100)
            except grpc.RpcError as error:
                return error.code().name, time.monotonic() - begun
    finally:
        server.kill()
        server.join()


if __name__ == "__main__":
    failed = False
    for name, more, expected in (
        ("keepalive_timeout_ms 2000 alone", [], 70),
        ("and ping_timeout_ms 2000", [("grpc.http2.ping_timeout_ms", 2_000)], 12),
    ):
        code, seconds = dropped_after(*more)
        print(f"{name + ':':<47}{seconds:.0f} s, {code}", flush=True)
        failed |= code != "UNAVAILABLE" or not expected - 2 < seconds < expected + 5
    if failed:
        sys.exit("this is not what was seen before")
PYTHON
timeout 200 "$work/venv/bin/python" "$work/silent.py"
