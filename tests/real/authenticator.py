"""An authenticator in software, with as little as a service accepts: ES256, no attestation, a user who was verified (WebAuthn level 3, section 6)."""

import base64
import hashlib
import json
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

RP_ID = "example.org"
ORIGIN = f"https://{RP_ID}"
# User present, user verified; and that a credential follows.
PROVED, ATTESTED = 0x05, 0x45


class Authenticator:
    """One passkey, which answers what browsers are asked."""

    def __init__(self) -> None:
        self.key, self.id, self.handle = ec.generate_private_key(ec.SECP256R1()), os.urandom(32), ""

    def create(self, options: str) -> str:
        """What `navigator.credentials.create` answers."""
        asked = json.loads(options)
        self.handle = asked["user"]["id"]
        point = self.key.public_key().public_numbers()
        # A map of five (RFC 9053, section 7.1): EC2, ES256, P-256, x, y.
        cose = bytes.fromhex("a5010203262001215820") + point.x.to_bytes(32, "big") + bytes.fromhex("225820") + point.y.to_bytes(32, "big")
        data = authenticator_data(ATTESTED) + bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58" + bytes([len(data)]) + data
        client = client_data("webauthn.create", asked["challenge"])
        return self._credential(clientDataJSON=client, attestationObject=attestation)

    def get(self, options: str) -> str:
        """What `navigator.credentials.get` answers."""
        client, data = client_data("webauthn.get", json.loads(options)["challenge"]), authenticator_data(PROVED)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(userHandle=self.handle, clientDataJSON=client, authenticatorData=data, signature=signature)

    def _credential(self, userHandle: str = "", **response: bytes) -> str:
        answer = {name: base64url(value) for name, value in response.items()} | ({"userHandle": userHandle} if userHandle else {})
        own = base64url(self.id)
        return json.dumps({"id": own, "rawId": own, "type": "public-key", "response": answer, "clientExtensionResults": {}})


def authenticator_data(flags: int) -> bytes:
    """With a counter that stays 0, as of synced passkeys."""
    return hashlib.sha256(RP_ID.encode()).digest() + bytes([flags]) + bytes(4)


def client_data(what: str, challenge: str) -> bytes:
    return json.dumps({"type": what, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}).encode()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
