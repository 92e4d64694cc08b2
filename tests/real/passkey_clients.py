"""Clients of passkeys that are not ours, and a user of the service who has one of them."""

import base64
import json
import uuid
from pathlib import Path

import requests

from countersign import PASSWORD, Countersign
from languages import HERE, Talker, installed

FOLDER = HERE / "passkeys"
# Seconds for one request.
PATIENCE = 30


def python() -> Path:
    """The Python that has what makes and judges passkeys."""
    install = ["sh", "-c", "python3 -m venv . && bin/pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.txt"]
    return installed("passkeys", [FOLDER / "requirements.txt"], install) / "bin/python"


def rust() -> Path:
    """passkey-client, compiled."""
    sources = [FOLDER / "rust" / name for name in ("Cargo.toml", "Cargo.lock", "main.rs")]
    build = ["env", "CARGO_TARGET_DIR=target", "cargo", "build", "--quiet", "--locked"]
    return installed("passkey-client", sources, build) / "target/debug/passkey-device"


def talker(client: str, folder: Path) -> Talker:
    if client == "passkey-client":
        return Talker(client, [rust()], folder)
    return Talker(client, [python(), FOLDER / "clients.py"], folder)


class Refused(AssertionError):
    """An answer that is an error."""

    def __init__(self, status: int, answer: dict):
        super().__init__(f"{status} {answer}")
        self.status, self.reason = status, next((d["reason"] for d in answer.get("details", ()) if "reason" in d), "")


class Device:
    """An authenticator behind a client, at the page of the service."""

    def __init__(self, talker: Talker, client: str, algorithm: str, origin: str):
        self.talker, self.client, self.algorithm, self.origin = talker, client, algorithm, origin
        self.name = str(uuid.uuid4())

    def ask(self, ceremony: str, options: str, **more: object) -> dict:
        question = {"device": self.name, "client": self.client, "algorithm": self.algorithm, "origin": self.origin}
        return self.talker.ask(**question | {"ceremony": ceremony, "options": options} | more)

    def create(self, options: str, **more: object) -> str:
        return self.ask("create", options, **more)["credential"]

    def get(self, options: str, **more: object) -> str:
        return self.ask("get", options, **more)["credential"]


class Person:
    """Somebody with an account, at the JSON of the service."""

    def __init__(self, server: Countersign, *, two_factor: bool = False):
        self.server, self.name, self.token = server, f"ada-{uuid.uuid4().hex[:10]}", ""
        self.post("/v1/users:register", username=self.name, email=f"{self.name}@example.com", password=PASSWORD, twoFactor=two_factor)

    def post(self, path: str, **body: object) -> dict:
        return self.send("POST", path, json=body)

    def send(self, method: str, path: str, **more: object) -> dict:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        response = requests.request(method, self.server.http + path, headers=headers, timeout=PATIENCE, **more)
        if not response.ok:
            raise Refused(response.status_code, response.json())
        return response.json()

    def begin_login(self) -> dict:
        return self.post("/v1/sessions:login", username=self.name, password=PASSWORD)

    def log_in(self) -> "Person":
        """By the password, and where it is on by the mailed code."""
        answer = self.begin_login()
        if challenge := answer.get("challenge"):
            code = self.server.code_for(self.name)
            answer = self.post("/v1/sessions:verify", challengeId=challenge["challengeId"], otpCode=code)
        self.token = answer["tokens"]["accessToken"]
        return self

    def creation_options(self) -> str:
        return self.post("/v1/me/passkeys:begin", password=PASSWORD)["creationOptionsJson"]

    def finish(self, credential: str, name: str = "Key", **more: object) -> dict:
        return self.post("/v1/me/passkeys:finish", credentialJson=credential, name=name, **more)["passkey"]

    def add(self, device: Device, name: str = "Key") -> dict:
        return self.finish(device.create(self.creation_options()), name)

    def passkeys(self) -> list[dict]:
        return self.send("GET", "/v1/me/passkeys").get("passkeys", [])

    def request_options(self) -> str:
        return self.post("/v1/sessions:beginPasskeyLogin")["requestOptionsJson"]

    def passkey_login(self, credential: str) -> dict:
        """The claims of the token that it gives."""
        return claims(self.post("/v1/sessions:finishPasskeyLogin", credentialJson=credential)["tokens"])


def claims(tokens: dict) -> dict:
    """What an access token says; whose signature it has is for other tests."""
    return json.loads(base64.urlsafe_b64decode(tokens["accessToken"].split(".")[1] + "=="))


def with_member(options: str, **members: object) -> str:
    return json.dumps(json.loads(options) | members)


def challenge_of(options: str) -> str:
    return json.loads(options)["challenge"]
