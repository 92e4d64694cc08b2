"""What docker-compose.yml's profile `mesh` has beside the service, without containers: its Envoy, with its rules, before the service."""

import re
from pathlib import Path

import pytest

from compose import FOLDER, RULES, envoy, get
from countersign import ROOT, Countersign
from load import log_in
from programs import wait_until


@pytest.mark.short
def test_the_envoy_of_compose_lets_through_what_its_rules_say(tmp_path: Path, run):
    server = run(Countersign(
        tmp_path, f"sqlite://{tmp_path}/countersign.db", COUNTERSIGN_AUTHZ_RULES=str(RULES), COUNTERSIGN_BCRYPT_COST="10",
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


@pytest.mark.short
def test_rules_that_an_editor_puts_in_the_place_of_the_old_ones_are_read():
    """A file that is mounted by itself stays what it was at the start, whatever is there now: the folder is mounted."""
    named = re.search(r"^COUNTERSIGN_AUTHZ_RULES=(\S+)$", (FOLDER / "mesh.env").read_text(), re.MULTILINE)
    path = Path(named[1])
    mounts = re.findall(r"^      - \./(\S+):(\S+):ro$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    folders = [ROOT / here for here, there in mounts if Path(there) == path.parent]
    assert [folder / path.name for folder in folders] == [RULES] and RULES.is_file()
