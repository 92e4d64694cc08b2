"""The verdicts of python-fido2 on the lines of `cases.py`."""

import base64
import json
import sys

from fido2.cose import CoseKey
from fido2 import cbor
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def judge(case: dict) -> None:
    relying_party = PublicKeyCredentialRpEntity(name="Example", id=case["rp_id"])
    server = Fido2Server(relying_party, verify_origin=lambda origin: origin == case["origin"])
    state = {"challenge": case["challenge"], "user_verification": case["user_verification"]}
    answer = json.loads(case["response"])
    if case["ceremony"] == "registration":
        server.register_complete(state, answer)
        return
    stored = case["stored"]
    key = CoseKey.parse(cbor.decode(bytes_of(stored["public_key"])))
    credential = AttestedCredentialData.create(b"\0" * 16, bytes_of(stored["id"]), key)
    server.authenticate_complete(state, [credential], answer)


for line in sys.stdin:
    try:
        judge(json.loads(line))
        print("accepted")
    # Whatever it raises is its way to refuse.
    except Exception as error:
        print(f"{type(error).__name__}: {error}".replace("\n", " "))
