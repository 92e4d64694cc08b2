"""Asks for tokens with the guide's clients: one request a line of standard input, as test_oauth_clients.py has it.

python service.py authlib"""

import json
import sys
import time
import uuid

import jwt
import requests

sys.path.insert(0, "")
library = sys.argv[1]
if library == "authlib":
    import service_authlib as guide

    server = guide.metadata()
else:
    import service_requests_oauthlib as guide
    from oauthlib.oauth2 import BackendApplicationClient
    from requests_oauthlib import OAuth2Session

    server = requests.get(f"{guide.ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()


def authlib(op: str, method: str, id: str, key: str, jwk: dict, scope: str | None, audience: str | None, token: str) -> dict | None:
    session = guide.with_private_key(server, id, jwk, scope) if method == "jwt" else guide.with_key(server, id, key, scope)
    if method == "post":
        session.token_endpoint_auth_method = session.revocation_endpoint_auth_method = "client_secret_post"
    match op:
        case "token":
            return guide.token(session, audience)
        case "exchange":
            return guide.act_for(session, token, scope, audience)
        case "introspect":
            return guide.introspect(server, session, token)
        case "revoke":
            return guide.revoke(server, session, token)
    raise ValueError(op)


def requests_oauthlib(op: str, method: str, id: str, key: str, jwk: dict, scope: str | None, audience: str | None, token: str) -> dict:
    assert op == "token"
    if method == "basic":
        return guide.connect(id, key, scope, audience).token
    session = OAuth2Session(client=BackendApplicationClient(client_id=id, scope=scope and scope.split()))
    extra = {"audience": audience} if audience else {}
    if method == "jwt":
        now = int(time.time())
        made = {"iss": id, "sub": id, "aud": server["token_endpoint"], "exp": now + 60, "jti": str(uuid.uuid4())}
        extra["client_assertion"] = jwt.encode(made, jwt.PyJWK(jwk).key, jwk["alg"], {"kid": jwk["kid"]})
        extra["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    else:
        extra["client_secret"] = key
    return session.fetch_token(server["token_endpoint"], include_client_id=True, **extra)


perform = {"authlib": authlib, "requests-oauthlib": requests_oauthlib}[library]
for line in sys.stdin:
    asked = json.loads(line)
    request = {name: asked.get(name) for name in ("op", "method", "id", "key", "jwk", "scope", "audience", "token")}
    try:
        answer = perform(**request) or {}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error} {getattr(error, 'error', '')}"}
    print(json.dumps(answer), flush=True)
