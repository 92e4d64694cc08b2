"""What scripts/check-clients asks of a running server, in Python: passlib both ways, and tokens verified by others."""

import argparse
import base64
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import unicodedata
import urllib.request
import uuid
from pathlib import Path

import grpc
import jwt
from auth.v1 import auth_service_pb2 as auth
from auth.v1 import auth_service_pb2_grpc
from passlib.hash import bcrypt_sha256

CLIENTS = Path(__file__).resolve().parent.parent / "clients"
ISSUER, AUDIENCE = "http://localhost:8080", "countersign"

PASSWORDS = {
    "ASCII": "correct horse battery staple",
    "Unicode": unicodedata.normalize("NFC", "пароль-合言葉-Losungswörter-🔑"),
    "72 bytes": "seventy-two bytes, where bcrypt alone stops reading: 0123456789 abcdefgh",
    "200 bytes": ("two hundred bytes, far past what bcrypt reads; " * 5)[:200],
}
assert [len(PASSWORDS[name].encode()) for name in ("72 bytes", "200 bytes")] == [72, 200]


class Failed(Exception):
    """The server did something else than promised."""


def check(condition: bool, text: str) -> None:
    if not condition:
        raise Failed(text)


def ok(text: str) -> None:
    print(f"ok: {text}", flush=True)


class Service:
    """The server's public face, and its database file where it has one."""

    def __init__(self, address: str, database: str | None, log: str) -> None:
        self._stub = auth_service_pb2_grpc.AuthServiceStub(grpc.insecure_channel(address))
        self._database = database
        self._log = log

    def register(self, name: str, password: str, second_factor: bool = False) -> auth.RegisterResponse:
        request = auth.RegisterRequest(
            username=name,
            email=f"{name}@example.com",
            password=password,
            two_factor=second_factor,
            request_id=str(uuid.uuid4()),
        )
        return self._stub.Register(request, timeout=30)

    def login(self, name: str, password: str) -> auth.LoginResponse:
        return self._stub.Login(auth.LoginRequest(username=name, password=password), timeout=30)

    def verify(self, challenge_id: str, code: str) -> auth.Verify2FAResponse:
        request = auth.Verify2FARequest(challenge_id=challenge_id, otp_code=code)
        return self._stub.Verify2FA(request, timeout=30)

    def refuses_login(self, name: str, password: str) -> bool:
        try:
            self.login(name, password)
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.UNAUTHENTICATED
        return False

    def stored_hash(self, name: str) -> str:
        with self._connect() as database:
            query = "SELECT password_hash FROM users WHERE username = ?"
            return database.execute(query, (name,)).fetchone()[0]

    def import_hash(self, name: str, password_hash: str) -> None:
        with self._connect() as database:
            update = "UPDATE users SET password_hash = ? WHERE username = ?"
            check(database.execute(update, (password_hash, name)).rowcount == 1, f"no user {name}")
            database.commit()

    def code_for(self, name: str) -> str:
        """The newest code that the log delivery wrote for a user."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in reversed(Path(self._log).read_text().splitlines()):
                with contextlib.suppress(json.JSONDecodeError):
                    event = json.loads(line)
                    if event.get("message") == "one-time code" and event.get("username") == name:
                        return event["code"]
            time.sleep(0.05)
        raise Failed(f"no code for {name} in the log")

    def _connect(self) -> contextlib.closing[sqlite3.Connection]:
        assert self._database
        return contextlib.closing(sqlite3.connect(self._database, timeout=10))


def check_hashes_are_passlibs(service: Service) -> None:
    for number, (kind, password) in enumerate(PASSWORDS.items()):
        name = f"stored-{number}"
        service.register(name, password)
        stored = service.stored_hash(name)
        check(stored.startswith("$bcrypt-sha256$v=2,t=2b,r="), f"another format: {stored}")
        check(bcrypt_sha256.verify(password, stored), f"passlib refuses the stored hash, {kind}")
        check(not bcrypt_sha256.verify(password[:-1] + "x", stored), f"the last character does not count, {kind}")
        check(service.refuses_login(name, password[:-1] + "x"), f"login without the last character, {kind}")
        ok(f"passlib verifies the stored hash, {kind}")


def check_passlib_hashes_log_in(service: Service) -> None:
    for number, (kind, password) in enumerate(PASSWORDS.items()):
        name = f"imported-{number}"
        service.register(name, "replaced by an import")
        service.import_hash(name, bcrypt_sha256.hash(password))
        check(service.login(name, password).HasField("tokens"), f"no tokens, {kind}")
        check(service.refuses_login(name, "replaced by an import"), f"the old password still works, {kind}")
        ok(f"a hash made by passlib logs in, {kind}")


def check_normalisation(service: Service) -> None:
    password = PASSWORDS["Unicode"]
    decomposed = unicodedata.normalize("NFD", password)
    check(decomposed != password, "the password has only one spelling")
    service.register("decomposed", decomposed)
    check(bcrypt_sha256.verify(password, service.stored_hash("decomposed")), "the hash is not of the NFC form")
    ok("a password typed in NFD is stored as its NFC form")


def second_factor_token(service: Service) -> str:
    """The whole flow: register, log in, read the code, verify it."""
    name, password = "second-factor", PASSWORDS["ASCII"]
    service.register(name, password, second_factor=True)
    answer = service.login(name, password)
    check(answer.WhichOneof("result") == "challenge", "a login without a second factor")
    code = service.code_for(name)
    check(code not in str(answer), "the answer holds the code")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    try:
        service.verify(answer.challenge.challenge_id, wrong)
    except grpc.RpcError as error:
        check(error.code() == grpc.StatusCode.UNAUTHENTICATED, f"a wrong code: {error.code()}")
    else:
        raise Failed("a wrong code was taken")
    tokens = service.verify(answer.challenge.challenge_id, code).tokens
    check(tokens.token_type == "Bearer", "not a bearer token")
    try:
        service.verify(answer.challenge.challenge_id, code)
    except grpc.RpcError as error:
        check(error.code() == grpc.StatusCode.UNAUTHENTICATED, f"a used code: {error.code()}")
    else:
        raise Failed("a code was taken twice")
    ok("register, log in, a wrong code refused, the right one taken once")
    return tokens.access_token


def decoded(part: str) -> dict[str, object]:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def more_roles(payload: str) -> str:
    return encoded({**decoded(payload), "roles": ["admin"]})


def without_algorithm(header: str) -> str:
    return encoded({**decoded(header), "alg": "none"})


def check_registration(name: str, command: list[str], service: Service, address: str) -> None:
    """Runs one of the examples in clients/ that register a user."""
    for flags, challenged in ((["--two-factor"], True), ([], False)):
        username = f"{name}-{len(flags)}".lower()
        result = subprocess.run(
            [*command, username, f"{username}@example.com", *flags],
            input=PASSWORDS["ASCII"] + "\n",
            env={**os.environ, "ADDRESS": address},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        check(result.returncode == 0, f"{name} can't register: {result.stderr}")
        user = json.loads(result.stdout)
        check(user["username"] == username, f"another user: {user}")
        check(user.get("two_factor_enabled", False) == challenged, f"{name}: {flags} gave {user}")
        login = service.login(username, PASSWORDS["ASCII"])
        check(login.HasField("challenge") == challenged, f"{name}: {flags}, and then the login is {login}")
    ok(f"{name} registers users with and without a second factor, as it asked for")


def check_verifier(name: str, command: list[str], token: str, http: str, key: dict[str, str]) -> None:
    """Runs one of the examples in clients/ on good and on bad tokens."""

    def run(given: str, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "JWKS_URL": f"{http}/.well-known/jwks.json", **key}
        return subprocess.run(
            command,
            input=given,
            env={**os.environ, **settings, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    result = run(token)
    check(result.returncode == 0, f"{name} refuses a good token: {result.stderr}")
    claims = json.loads(result.stdout)
    check(claims["preferred_username"] == "second-factor", f"other claims: {sorted(claims)}")
    missing = {"sub", "jti", "client_id", "sid", "amr", "auth_time"} - claims.keys()
    check(not missing, f"claims are missing: {sorted(missing)}")
    means = "the shared secret" if "JWT_SECRET" in key else "the published keys"
    ok(f"{name} verifies the {key['ALGORITHM']} token by {means}")

    header, payload, signature = token.split(".")
    changed = signature[:10] + ("B" if signature[10] == "A" else "A") + signature[11:]
    other = "RS256" if key["ALGORITHM"] == "ES256" else "ES256"
    refusals = {
        "another audience": run(token, AUDIENCE="another-service"),
        "another issuer": run(token, ISSUER="https://issuer.example"),
        "a changed signature": run(f"{header}.{payload}.{changed}"),
        "changed claims": run(f"{header}.{more_roles(payload)}.{signature}"),
        "a token that is not signed": run(f"{without_algorithm(header)}.{payload}."),
        "another algorithm than it was told": run(token, ALGORITHM=other),
    }
    for case, result in refusals.items():
        refused = result.returncode == 1 and result.stderr.startswith("refused: ")
        check(refused, f"{name}, {case}: status {result.returncode}, {result.stdout}{result.stderr}")
        ok(f"{name} refuses {case} ({result.stderr.strip().removeprefix('refused: ')})")


def check_published_documents(token: str, http: str, algorithm: str) -> None:
    header = jwt.get_unverified_header(token)
    check((header["typ"], header["alg"]) == ("at+jwt", algorithm), f"header: {header}")
    with urllib.request.urlopen(f"{http}/.well-known/jwks.json", timeout=10) as answer:
        keys = json.load(answer)["keys"]
    if algorithm == "HS256":
        # A symmetric key in the set would let everybody sign.
        check(keys == [], "something is published of the secret")
    else:
        check(header["kid"] in [key["kid"] for key in keys], "the token's key is not published")
    check(not any({"d", "k"} & key.keys() for key in keys), "a private key is published")
    with urllib.request.urlopen(f"{http}/.well-known/openid-configuration", timeout=10) as answer:
        check(json.load(answer)["issuer"] == ISSUER, "the discovery document names another issuer")
    ok(f"the key set holds the public key of {algorithm}, if there is one, and no secret")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--grpc", "--http", "--log"):
        parser.add_argument(name, required=True)
    parser.add_argument("--algorithm", default="ES256", help="what the server signs with")
    parser.add_argument("--secret", help="the shared secret of HS256, in base64")
    parser.add_argument("--database", help="the SQLite file; without it, the stored hashes are not looked at")
    arguments = parser.parse_args()
    service = Service(arguments.grpc, arguments.database, arguments.log)

    if arguments.database:
        check_hashes_are_passlibs(service)
        check_passlib_hashes_log_in(service)
        check_normalisation(service)
    check_registration("Python", [sys.executable, str(CLIENTS / "python/register.py")], service, arguments.grpc)
    check_registration("Node", ["node", str(CLIENTS / "node/register.mjs")], service, arguments.grpc)
    token = second_factor_token(service)
    check_published_documents(token, arguments.http, arguments.algorithm)
    key = {"ALGORITHM": arguments.algorithm}
    if arguments.secret:
        key["JWT_SECRET"] = arguments.secret
    check_verifier("PyJWT", [sys.executable, str(CLIENTS / "python/verify.py")], token, arguments.http, key)
    check_verifier("jose (Node)", ["node", str(CLIENTS / "node/verify.mjs")], token, arguments.http, key)


if __name__ == "__main__":
    try:
        main()
    except (Failed, grpc.RpcError) as error:
        sys.exit(f"check-clients: {error}")
