"""Clients with authenticators, asked a line of JSON at a time: soft-webauthn, and python-fido2's client with a CTAP2 authenticator.

A question has `device`, a name; a device that is new is made by `client` (soft-webauthn, fido2) and `algorithm` (EdDSA, ES256,
RS256). `ceremony` is create or get, `options` the server's JSON, `origin` the page's. The answer has the browser's JSON as
`credential`, or why there is none as `refused`. `verified` (true unless it is given) says whether the user is recognised, `count`
what soft-webauthn's counter stands at before it goes up.
"""

import base64
import json
import sys

import soft_webauthn
from ctap2 import Authenticator
from fido2.client import DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.utils import sha256
from messages import UV, Device, b64, eddsa, es256, rs256

ALGORITHMS = {"EdDSA": eddsa, "ES256": es256, "RS256": rs256}


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def encoded(value: object) -> object:
    """The client's answer as JSON: bytes in base64url."""
    if isinstance(value, dict):
        return {name: encoded(member) for name, member in value.items()}
    return b64(value) if isinstance(value, bytes) else value


class Soft:
    """soft-webauthn. It takes options with bytes, knows ES256 alone, and never says that it has verified its user."""

    def __init__(self, algorithm):
        self.device = Device(algorithm)

    def create(self, options: dict, origin: str, verified: bool) -> dict:
        # It makes a COSE key by what it imported as ES256.
        soft_webauthn.ES256 = self.device.cose_key
        user = {"id": bytes_of(options["user"]["id"])}
        options = options | {"user": user, "challenge": bytes_of(options["challenge"])}
        made = self.device.create({"publicKey": options}, origin)
        object_ = made["response"]["attestationObject"]
        at = object_.index(sha256(self.device.rp_id.encode())) + 32
        made["response"]["attestationObject"] = object_[:at] + bytes([object_[at] | (UV if verified else 0)]) + object_[at + 1 :]
        return self.answer(made)

    def get(self, options: dict, origin: str, verified: bool, count: int | None = None) -> dict:
        if count is not None:
            self.device.sign_count = count
        made = self.device.get({"publicKey": options | {"challenge": bytes_of(options["challenge"])}}, origin)
        response = made["response"]
        auth = response["authenticatorData"]
        response["authenticatorData"] = auth[:32] + bytes([auth[32] | (UV if verified else 0)]) + auth[33:]
        response["signature"] = self.device.private_key.sign(response["authenticatorData"] + sha256(response["clientDataJSON"]))
        return self.answer(made)

    def answer(self, made: dict) -> dict:
        # Its id has padding, and no browser's has.
        return encoded(made | {"id": b64(self.device.credential_id), "clientExtensionResults": {}})


class Fido2:
    """python-fido2's client: it makes the client data, and asks the authenticator by CTAP2."""

    def __init__(self, algorithm):
        self.authenticator = Authenticator(algorithm)

    def client(self, origin: str, verified: bool) -> Fido2Client:
        self.authenticator.verified = verified
        return Fido2Client(self.authenticator, DefaultClientDataCollector(origin), UserInteraction())

    def create(self, options: dict, origin: str, verified: bool) -> dict:
        return dict(self.client(origin, verified).make_credential(options))

    def get(self, options: dict, origin: str, verified: bool) -> dict:
        return dict(self.client(origin, verified).get_assertion(options).get_response(0))


CLIENTS = {"soft-webauthn": Soft, "fido2": Fido2}
devices: dict[str, Soft | Fido2] = {}


def answer(question: dict) -> dict:
    name = question["device"]
    if name not in devices:
        devices[name] = CLIENTS[question["client"]](ALGORITHMS[question["algorithm"]])
    do = getattr(devices[name], question["ceremony"])
    try:
        more = {"count": question["count"]} if "count" in question else {}
        made = do(json.loads(question["options"]), question["origin"], question.get("verified", True), **more)
        return {"credential": json.dumps(made)}
    # Whatever it raises is its way to refuse.
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
