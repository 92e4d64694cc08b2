"""What docker-compose.yml's profile `mesh` has beside the service, without containers: its Envoy, with its rules, before the service."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from countersign import ROOT, Countersign
from load import log_in
from programs import free_port, wait_until
from proxies import Envoy

COMPOSE = ROOT / "deploy/compose"


def envoy(folder: Path, server: Countersign) -> Envoy:
    """With addresses of this machine in place of the containers'. There is no collector, which must not matter."""
    port, shop, nobody = free_port(), free_port(), free_port()
    text = (COMPOSE / "envoy.yaml").read_text()
    replacements = {
        "port_value: 9901": f"port_value: {free_port()}",
        "address: 0.0.0.0, port_value: 10000": f"address: 127.0.0.1, port_value: {port}",
        "port_value: 10001": f"port_value: {shop}",
        "address: countersign, port_value: 50051": f"address: 127.0.0.1, port_value: {server.grpc.rsplit(':', 1)[1]}",
        "address: countersign, port_value: 8080": f"address: 127.0.0.1, port_value: {server.http.rsplit(':', 1)[1]}",
        "address: collector, port_value: 4317": f"address: 127.0.0.1, port_value: {nobody}",
    }
    for there, here in replacements.items():
        assert there in text, there
        text = text.replace(there, here)
    (folder / "envoy.yaml").write_text(text)
    return Envoy(folder, port)


def get(url: str, **headers: str) -> tuple[int, dict]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}


@pytest.mark.short
def test_the_envoy_of_compose_lets_through_what_its_rules_say(tmp_path: Path, run):
    server = run(Countersign(
        tmp_path, f"sqlite://{tmp_path}/countersign.db", COUNTERSIGN_AUTHZ_RULES=str(COMPOSE / "authz.json"), COUNTERSIGN_BCRYPT_COST="10",
    ))  # fmt: skip
    shop = f"http://127.0.0.1:{run(envoy(tmp_path, server)).port}"
    with server.channel() as channel:
        token = log_in(channel, "alice")

    status, seen = wait_until("Envoy knows the service", lambda: get(f"{shop}/public/shoes")[0] == 200 and get(f"{shop}/public/shoes"))
    assert (seen["path"], seen["x-auth-user-id"]) == ("/public/shoes", None)
    assert get(f"{shop}/orders/7")[0] == 401
    assert get(f"{shop}/elsewhere", authorization=f"Bearer {token}")[0] == 403
    assert get(f"{shop}/admin/orders", authorization=f"Bearer {token}")[0] == 403

    # What the caller says about itself does not get through, and neither does the token.
    status, seen = get(f"{shop}/orders/7", authorization=f"Bearer {token}", x_auth_username="mallory", x_auth_roles="admin")
    assert (status, seen["x-auth-username"], seen["authorization"]) == (200, "alice", None)
    assert "admin" not in (seen["x-auth-roles"] or "")
    assert get(f"{shop}/.well-known/jwks.json")[0] == 200

    # Nobody gets through where nobody can be asked.
    assert server.stop() == 0
    assert get(f"{shop}/public/shoes")[0] == 503
