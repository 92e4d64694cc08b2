"""Envoy as an OAuth client: it gets a service's tokens and puts them into requests, as docs/guides/envoy-credentials.md has it."""

import http.server
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import guides
from issuer import SecureIssuer
from oauth import Account, claims, create
from programs import free_port, wait_until
from proxies import Envoy

pytestmark = pytest.mark.short


class Stock(http.server.BaseHTTPRequestHandler):
    """Answers with the header that it got."""

    def do_GET(self) -> None:
        body = json.dumps(self.headers.get_all("authorization")).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def stock() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stock) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def envoy(folder: Path, server: SecureIssuer, stock: int, account: Account) -> Envoy:
    port, admin = free_port(), free_port()
    guides.write("envoy-credentials", folder, {
        "port_value: 9901": f"port_value: {admin}",
        "address: 127.0.0.1, port_value: 8001": f"address: 127.0.0.1, port_value: {port}",
        "address: 10.0.0.21, port_value: 3000": f"address: 127.0.0.1, port_value: {stock}",
        "address: 10.0.0.11, port_value: 8080": f"address: 127.0.0.1, port_value: {server.port}",
        "https://auth.example.com": server.url,
        "01a20c4a08fb708b81a8afd274038121": account.id,
        "THE-KEY": account.key,
        "/etc/envoy/": f"{folder}/",
    })  # fmt: skip
    return Envoy(folder, port, admin, file="envoy-credentials.yaml")


def ask(proxy: Envoy) -> tuple[int, list[str]]:
    request = urllib.request.Request(f"http://127.0.0.1:{proxy.port}/", headers={"authorization": "Bearer forged"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, []


def test_envoy_gets_tokens_with_a_key_and_with_the_next_one(tmp_path, stock, run):
    server = run(SecureIssuer(tmp_path, COUNTERSIGN_AUDIENCE="countersign,stock"))
    account = create(server, "orders", "--grant-scope", "stock.read", "--grant-audience", "stock")
    wrong = Account(account.id, account.key[:-1] + ("A" if account.key[-1] != "A" else "B"))
    proxy = run(envoy(tmp_path, server, stock, wrong))
    # A wrong key: Envoy lets nothing through, and no forged header.
    assert ask(proxy) == (401, [])
    key = tmp_path / "key.yaml"
    new = tmp_path / "key.yaml.new"
    new.write_text(key.read_text().replace(wrong.key, account.key))
    os.replace(new, key)
    status, (header,) = wait_until("Envoy has a token", lambda: (answer := ask(proxy))[0] == 200 and answer, 20)
    found = claims(header.removeprefix("Bearer "))
    assert (found["sub"], found["aud"], found["scope"]) == (account.id, "stock", "stock.read")
    # It is kept.
    assert ask(proxy) == (status, [header])
