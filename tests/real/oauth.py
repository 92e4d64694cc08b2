"""Service accounts, and OAuth's endpoints as plain HTTP: no library is between a test and the server."""

import base64
import http.client
import json
import re
import subprocess
import urllib.parse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from countersign import BINARY, Countersign
from issuer import part

CLIENT_CREDENTIALS = "client_credentials"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_SPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Account:
    id: str
    # Empty where it was made without one.
    key: str


def service_account(server: Countersign, *arguments: object) -> str:
    """What `countersign service-account …` prints."""
    command = [str(BINARY), "service-account", *map(str, arguments)]
    done = subprocess.run(command, cwd=server.folder, env=server.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def create(server: Countersign, name: str, *options: object) -> Account:
    printed = service_account(server, "create", name, *options)
    (account,) = set(re.findall(r"\b[0-9a-f]{32}\b", printed))
    keys = re.findall(r"\bcskey[0-9A-Za-z]{49}\b", printed)
    assert len(keys) == (0 if "--no-key" in options else 1), printed
    return Account(account, *keys or [""])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @cached_property
    def json(self) -> dict:
        assert self.headers.get_content_type() == "application/json", (self.status, self.headers.items(), self.text)
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str]:
        """Status and `error` of a refusal, which has the form of RFC 6749, section 5.2."""
        assert self.status >= 400, (self.status, self.text)
        assert self.headers["cache-control"] == "no-store", self.headers.items()
        assert set(self.json) <= {"error", "error_description", "error_uri"}, self.json
        for value in self.json.values():
            # %x20-21 / %x23-5B / %x5D-7E
            assert re.fullmatch(r"[ !#-\[\]-~]+", value), self.json
        return self.status, self.json["error"]


def request(method: str, url: str, body: str | bytes = b"", **headers: str) -> Answer:
    """One request on a connection of its own; a header's name has _ for -."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())
    finally:
        connection.close()


def post(url: str, form: dict | list | str | bytes, **headers: str) -> Answer:
    body = form if isinstance(form, str | bytes) else urllib.parse.urlencode(form)
    return request("POST", url, body, **({"content_type": FORM} | headers))


def basic(name: str, password: str) -> str:
    """The header of RFC 7617; RFC 6749, section 2.3.1, wants both form-encoded before."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def percent(text: str) -> str:
    """Each byte as %XX, also those that need it not: RFC 6749's encoding lets a client do so."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def claims(token: str) -> dict:
    return part(token.split(".")[1])


class SigningKey:
    """A key pair of an account or of an issuer of workloads' tokens, in the forms that clients want."""

    MAKE = {
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }

    def __init__(self, algorithm: str, kid: str):
        self.algorithm, self.kid, self.private = algorithm, kid, self.MAKE[algorithm]()

    def jwk(self, *, private: bool = False) -> dict:
        key = self.private if private else self.private.public_key()
        return jwt.get_algorithm_by_name(self.algorithm).to_jwk(key, as_dict=True) | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def pem(self) -> str:
        formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.private.private_bytes(*formats).decode()

    def sign(self, header: dict | None = None, **claims: object) -> str:
        """Claims and header fields that are None are left out."""
        head = {"kid": self.kid, "typ": "JWT"} | (header or {})
        if head["kid"] is None:
            del head["kid"]
        return jwt.encode({name: value for name, value in claims.items() if value is not None}, self.private, self.algorithm, head)


def write_jwks(path: Path, *keys: SigningKey) -> Path:
    public = [{name: value for name, value in key.jwk().items() if name != "key_ops"} for key in keys]
    path.write_text(json.dumps({"keys": public}))
    return path
