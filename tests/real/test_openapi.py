"""Requests that schemathesis makes of the OpenAPI document: no answer has a status of 500 or above, and the document allows each."""

import subprocess
import uuid

import pytest

import oauth
from countersign import PASSWORD, ROOT, Countersign
from languages import execute
from web_clients import OPENAPI, Curl

# Left out are those that ask for more than is meant: a schema does not say all rules of a field (positive_data_acceptance), null is
# as good as left out (negative_data_rejection), and a request that is none is refused before its token (missing_required_header).
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "unsupported_method,allow_header_conformance,ignored_auth,use_after_free"
)


@pytest.fixture
def server(tmp_path, run) -> Countersign:
    settings = {"COUNTERSIGN_BCRYPT_COST": "10", "COUNTERSIGN_ADDRESS_RATE": "0"}
    return run(Countersign(tmp_path, f"sqlite://{tmp_path}/countersign.db", **settings))


def administrator(server: Countersign) -> str:
    """The token of a service: whatever becomes of the users, it goes on."""
    account = oauth.create(server, "fuzz", "--grant-scope", "admin")
    form = {"grant_type": oauth.CLIENT_CREDENTIALS, "scope": "admin"}
    return oauth.post(f"{server.http}/oauth2/token", form, authorization=oauth.basic(account.id, account.key)).json["access_token"]


def user(server: Countersign) -> str:
    """Whose password is not that of the examples: DeleteMe would end the account at the beginning, and all else be refused."""
    name, password = f"user-{uuid.uuid4().hex[:12]}", f"not the examples' {PASSWORD}"
    curl = Curl(server.http)
    curl.call("AuthService.Register", {"username": name, "email": f"{name}@example.com", "password": password})
    return curl.call("AuthService.Login", {"username": name, "password": password})["tokens"]["accessToken"]


CALLERS = {"administrator": (administrator, "--include-tag", "ListUsers"), "user": (user, "--exclude-tag", "GetMe")}


@pytest.mark.parametrize("seconds", [pytest.param(10, marks=pytest.mark.short), 300])
@pytest.mark.parametrize("caller", CALLERS)
def test_the_document_says_what_is_answered(caller, seconds, server):
    execute(["scripts/tools", "openapi-python"], ROOT)
    token, chosen, answered = CALLERS[caller]
    command = [OPENAPI / "venv/bin/schemathesis", "run", f"{server.http}/openapi.json", "--url", server.http, "--checks", CHECKS]
    command += ["--header", f"Authorization: Bearer {token(server)}", chosen, "AdminService", "--max-time", str(seconds)]
    # It would find its own session's id in an answer, end that session, and be refused from then on.
    command += ["--exclude-path", "/v1/me/sessions/{session_id}"]
    command += ["--continue-on-failure", "--generation-database", "none", "--seed", "1", "--no-color", "--warnings", "off"]
    done = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, timeout=seconds + 120)
    assert done.returncode == 0, done.stdout + done.stderr
    # Not all was refused.
    assert (answered, "OK") in {(event.get("method"), event.get("code")) for event in server.events()}
