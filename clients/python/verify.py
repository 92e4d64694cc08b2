"""How a Python service verifies a Countersign access token: pip install "pyjwt[crypto]"

Reads a token from standard input and prints its claims: python verify.py < token"""

import base64
import json
import os
import sys

import jwt

ISSUER = os.environ.get("ISSUER", "http://localhost:8080")
AUDIENCE = os.environ.get("AUDIENCE", "countersign")
JWKS_URL = os.environ.get("JWKS_URL", f"{ISSUER}/.well-known/jwks.json")
# What the server signs with. It is for the verifier to say; a token that could choose would choose "none".
ALGORITHM = os.environ.get("ALGORITHM", "ES256")

# One for the whole process: it keeps the key set, and fetches it again for a key it has not seen.
keys = jwt.PyJWKClient(JWKS_URL)


def key_of(token: str) -> jwt.PyJWK | bytes:
    """The published key that the token names. Only HS256 has none: there the server's own secret verifies, and whoever
    holds that can sign as well."""
    if ALGORITHM == "HS256":
        return base64.b64decode(os.environ["JWT_SECRET"])
    return keys.get_signing_key_from_jwt(token)


def verify(token: str, scope: str | None = None) -> dict:
    """Returns the claims of a user's token that is good here and now, or, with `scope`, also of a service's that has that
    scope, for itself (it has no `sid`) or for a user (`act`); raises jwt.PyJWTError otherwise."""
    decoded = jwt.decode_complete(
        token,
        key_of(token),
        algorithms=[ALGORITHM],
        issuer=ISSUER,
        audience=AUDIENCE,
        # In seconds: clocks are never quite the same.
        leeway=5,
        options={"require": ["iss", "aud", "sub", "exp", "iat", "jti"]},
    )
    # An access token and nothing else that the same key may sign one day (RFC 9068, section 4).
    if decoded["header"].get("typ", "").lower() != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    claims = decoded["payload"]
    # A user's own token has a session and nobody who acts. All others allow what their scope names, and nothing else.
    limited = "act" in claims or "sid" not in claims
    if limited and scope not in claims.get("scope", "").split():
        raise jwt.InvalidTokenError("not a user's own token, and without the scope")
    return claims


if __name__ == "__main__":
    try:
        print(json.dumps(verify(sys.stdin.read().strip())))
    except jwt.PyJWTError as error:
        sys.exit(f"refused: {error}")
