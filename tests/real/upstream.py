"""A service behind a proxy, which answers with what it got: over HTTP/1.1 and over gRPC."""

import contextlib
import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass

import grpc

from oauth import Answer

HOST = "127.0.0.1"


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers every method with the request's head; to a WebSocket's handshake it says yes, and then what it hears."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if self.headers.get("upgrade") == "websocket":
            return self.upgrade()
        self.rfile.read(int(self.headers.get("content-length", 0)))
        # `self.path` has slashes at its begin made one.
        method, path, _ = self.raw_requestline.decode("latin-1").split(" ")
        headers = {name.lower(): self.headers.get_all(name) for name in self.headers}
        body = json.dumps({"method": method, "path": path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if method != "HEAD":
            self.wfile.write(body)

    def upgrade(self) -> None:
        self.send_response(101)
        self.send_header("connection", "upgrade")
        self.send_header("upgrade", "websocket")
        self.end_headers()
        while heard := self.rfile.read1():
            self.wfile.write(heard)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Rpcs(grpc.GenericRpcHandler):
    """Answers every RPC with the metadata that it got."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        metadata: dict[str, list[str]] = {}
        for name, value in details.invocation_metadata:
            metadata.setdefault(name, []).append(value)
        answer = json.dumps({"method": details.method, "headers": metadata}).encode()
        return grpc.unary_unary_rpc_method_handler(lambda request, context: answer)


@dataclass(frozen=True)
class Upstream:
    http: int
    grpc: int


@contextlib.contextmanager
def behind() -> Iterator[Upstream]:
    rpcs = grpc.server(futures.ThreadPoolExecutor(4))
    rpcs.add_generic_rpc_handlers((Rpcs(),))
    port = rpcs.add_insecure_port(f"{HOST}:0")
    rpcs.start()
    with http.server.ThreadingHTTPServer((HOST, 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Upstream(server.server_address[1], port)
        finally:
            server.shutdown()
            thread.join()
            rpcs.stop(None).wait()


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


def send(port: int, path: str, *headers: tuple[str, str], method: str = "GET", host: str = "shop.example.com", body: str = "") -> Answer:
    """One request on a connection of its own, with these headers and no others: also twice the same, and any spelling of a path."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        own = [("host", host), *([("content-length", str(len(body)))] if body else [])]
        for name, value in (*own, *headers):
            connection.putheader(name, value)
        connection.endheaders(body.encode() or None)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())
    finally:
        connection.close()


def call(port: int, method: str, *metadata: tuple[str, str]) -> tuple[str, str, dict]:
    """One RPC: status, message, and what the service got."""
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        try:
            answer = channel.unary_unary(method)(b"", metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return error.code().name, error.details(), {}
        return "OK", "", json.loads(answer)
