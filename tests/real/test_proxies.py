"""What the guides promise of each proxy beside restarts: whose address the service sees, and that streams last."""

import json
import socket
import socketserver
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

import load
from countersign import PASSWORD, Countersign
from load import Replicas
from proxies import PROXIES

CALLER = "127.0.0.7"


class FromElsewhere(socketserver.ThreadingTCPServer):
    """Passes connections on, as from a caller whose address is not the proxy's own: gRPC's clients can't choose theirs."""

    daemon_threads = True

    def __init__(self, port: int):
        super().__init__(("127.0.0.1", 0), Relay)
        self.to = port


class Relay(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.to), source_address=(CALLER, 0)) as there:
            back = threading.Thread(target=self.copy, args=(there, self.request))
            back.start()
            self.copy(self.request, there)
            back.join()

    @staticmethod
    def copy(source: socket.socket, to: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone, and so is the connection; what that means for a call, its client says.
            to.close()


@pytest.fixture
def replicas(tmp_path, postgres, run) -> Replicas:
    return Replicas(tmp_path, postgres.url(), run, COUNTERSIGN_TRUSTED_PROXIES="127.0.0.1")


def address_of(replicas: Replicas, username: str) -> str:
    """That of the user's registration, in the log of events."""
    replica = replicas.each[0]
    command = [replica.command[0], "events", "--user", username, "--kind", "registered", "--json"]
    done = subprocess.run(command, env=replica.environment, check=True, capture_output=True, text=True)
    (event,) = [json.loads(line) for line in done.stdout.splitlines()]
    return event["address"]


@pytest.mark.short
def test_the_service_sees_the_callers_address_and_the_proxys_request_id(tmp_path, replicas, run):
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import auth_service_pb2_grpc

    ca = load.certificate(tmp_path)
    seen = {}
    for name, proxy in PROXIES.items():
        port = run(proxy(tmp_path, replicas)).port
        with FromElsewhere(port) as relay:
            threading.Thread(target=relay.serve_forever, daemon=True).start()
            stub = auth_service_pb2_grpc.AuthServiceStub(load.secure_channel(relay.server_address[1], ca))
            forged = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("x-real-ip", "203.0.113.9")]
            forged.append(("x-request-id", "forged"))
            request = auth.RegisterRequest(username=name, email=f"{name}@example.com", password=PASSWORD)
            _, call = stub.Register.with_call(request, metadata=forged, timeout=30)
            (request_id,) = [value for key, value in call.initial_metadata() if key == "x-request-id"]
            assert len(request_id) in (32, 36), f"{name}: not its own id: {request_id}"
            relay.shutdown()
        seen[name] = address_of(replicas, name)
    assert seen == dict.fromkeys(PROXIES, CALLER)


@pytest.mark.short
def test_of_the_http_side_the_key_set_alone_is_public(tmp_path, replicas, run):
    """Verifiers fetch it under the issuer's name. Metrics ask nobody who they are."""
    trust = ssl.create_default_context(cafile=load.certificate(tmp_path))

    def fetch(port: int, path: str) -> bytes:
        with urllib.request.urlopen(f"https://localhost:{port}{path}", timeout=10, context=trust) as answer:
            return answer.read()

    for name, proxy in PROXIES.items():
        port = run(proxy(tmp_path, replicas)).port
        assert json.loads(fetch(port, "/.well-known/jwks.json"))["keys"], name
        for path in ("/metrics", "/readyz", "/"):
            with pytest.raises(urllib.error.HTTPError):
                fetch(port, path)


def test_a_stream_outlasts_the_timeouts_of_each_proxy(tmp_path, replicas, run):
    """Envoy's default ends whatever takes longer than 15 s; a heartbeat comes every five."""
    from auth.v1 import token_service_pb2 as tokens
    from auth.v1 import token_service_pb2_grpc

    ca = load.certificate(tmp_path)
    streams = {}
    for name, proxy in PROXIES.items():
        channel = load.secure_channel(run(proxy(tmp_path, replicas)).port, ca)
        streams[name] = token_service_pb2_grpc.TokenServiceStub(channel).WatchRevocations(tokens.WatchRevocationsRequest(), timeout=90)
    for stream in streams.values():
        # The end of the replay, and 65 seconds: nginx's and HAProxy's limit is 60 s of silence.
        for _ in range(14):
            next(stream)


def answered(replica: Countersign, method: str) -> int:
    """How many calls of a method a replica has counted."""
    with urllib.request.urlopen(f"{replica.http}/metrics", timeout=5) as answer:
        lines = [line for line in answer.read().decode().splitlines() if f'grpc_method="{method}"' in line]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith("grpc_server_handled_total"))


def test_haproxy_sends_no_calls_to_a_replica_that_is_drained_by_hand(tmp_path, replicas, run):
    from auth.v1 import token_service_pb2 as tokens
    from auth.v1 import token_service_pb2_grpc

    ca = load.certificate(tmp_path)
    stub = token_service_pb2_grpc.TokenServiceStub(load.secure_channel(run(PROXIES["haproxy"](tmp_path, replicas)).port, ca))

    def share(calls: int) -> list[int]:
        before = [answered(replica, "GetJwks") for replica in replicas.each]
        for _ in range(calls):
            stub.GetJwks(tokens.GetJwksRequest(), timeout=10)
        return [answered(replica, "GetJwks") - count for replica, count in zip(replicas.each, before, strict=True)]

    assert share(20) == [10, 10]
    subprocess.run(["sh", "-e", "drain.sh"], cwd=tmp_path, check=True)
    assert share(20) == [0, 20]
