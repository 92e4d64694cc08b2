"""Assertions that break a rule each. But for what is about signatures, all are signed after they are broken."""

from dataclasses import replace

from common_mutations import VALID, Mutations, flipped, of_authenticator_data, of_client_data, of_json, put
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from messages import AT, BE, BS, ED, UV, Assertion, Device, eddsa, es256, numbers, rs256

P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519 = 2**252 + 27742317777372353535851937790883648493


def registered(algorithm) -> Assertion:
    device = Device(algorithm)
    device.register()
    return device.assertion()


def of_assertions() -> Mutations:
    messages = [registered(algorithm) for algorithm in (es256, eddsa, rs256)]
    for message in messages:
        yield VALID, message
        yield from of_signatures(message)
    message = messages[0]
    yield from of_client_data(message, "webauthn.create")
    yield from of_authenticator_data(message)
    yield from of_json(message, "clientDataJSON", "authenticatorData", "signature")
    yield from of_records(message)
    yield from of_ecdsa(message)
    yield from of_eddsa(messages[1])
    rsa = messages[2].signed()
    for signature in (rsa[1:], b"\0" + rsa, rsa + b"\0", b"\0" * len(rsa), b"\xff" * len(rsa)):
        yield "a signature has one form", replace(messages[2], signature=signature)


def of_signatures(message: Assertion) -> Mutations:
    right = message.signed()
    for signature in flipped(right, 15):
        yield "damage to a signature is seen", replace(message, signature=signature)
    for client in flipped(message.client, 10):
        yield "damage to client data is seen", replace(message, signature=right, client=client)
    for auth in flipped(message.auth, 15):
        yield "damage to authenticator data is seen", replace(message, signature=right, auth=auth)
    other = registered(es256)
    for signature in (b"", b"\0", right[:-1], numbers.randbytes(len(right)), other.signed(), replace(message, auth=other.auth + b"\0").signed()):
        yield "a signature is by the key, over what is sent", replace(message, signature=signature)


def of_ecdsa(message: Assertion) -> Mutations:
    right = message.signed()
    r, s = decode_dss_signature(right)
    # Who can't sign can't use it: what is signed is the same.
    yield VALID, replace(message, signature=encode_dss_signature(r, P256 - s))
    for numbers_ in ((s, r), (0, 0), (r, 0), (0, s), (r + P256, s), (r, s + P256), (1, 1), (P256, P256)):
        yield "a signature is by the key, over what is sent", replace(message, signature=encode_dss_signature(*numbers_))
    for signature in (
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        right + b"\0",
        right[:1] + b"\x81" + right[1:],
        right[:2] + b"\x02" + bytes([right[3] + 1]) + b"\0" + right[4:],
        b"\x31" + right[1:],
    ):
        yield "a signature has one form", replace(message, signature=signature)


def of_eddsa(message: Assertion) -> Mutations:
    right = message.signed()
    s = int.from_bytes(right[32:], "little")
    for signature in (right[:32] + (s + ED25519).to_bytes(32, "little"), right + b"\0", right[:63]):
        yield "a signature has one form", replace(message, signature=signature)
    yield "a signature is by the key, over what is sent", replace(message, signature=b"\1" + b"\0" * 63)


def of_records(message: Assertion) -> Mutations:
    for stored, shown in ((0, 0), (0, 1), (1, 2), (0, 2**32 - 1), (2**32 - 2, 2**32 - 1)):
        yield VALID, replace(message, sign_count=stored).with_count(shown)
    for stored, shown in ((1, 1), (2**32 - 1, 2**32 - 1)):
        yield "the counter does not stand still", replace(message, sign_count=stored).with_count(shown)
    for stored, shown in ((1, 0), (2, 1), (2**32 - 1, 0), (2**31, 2**31 - 1)):
        yield "the counter does not go back", replace(message, sign_count=stored).with_count(shown)
    yield VALID, replace(message, backup_eligible=True).with_flags(on=BE)
    yield VALID, replace(message, backup_eligible=True).with_flags(on=BE | BS)
    yield "eligibility for backup never changes", message.with_flags(on=BE)
    yield "eligibility for backup never changes", message.with_flags(on=BE | BS | UV)
    yield "eligibility for backup never changes", replace(message, backup_eligible=True)
    yield VALID, replace(message, login=False)
    for handle in (None, b""):
        yield "a login has a user handle", replace(message, handle=handle)
        yield VALID, replace(message, login=False, handle=handle)
    for login in (True, False):
        for handle in (message.id, b"\0" * 64, b"\1", bytes(range(63))):
            yield "the user handle is the user's", replace(message, handle=handle, login=login)
        yield "sizes are bounded", replace(message, handle=bytes(65), login=login)
        yield "a user handle is base64url", replace(message, login=login, edits=(put("response", "userHandle", value="not base64url"),))
    attested = message.device.aaguid + len(message.id).to_bytes(2, "big") + message.id + message.device.key
    yield "an assertion has no new credential", replace(message.with_flags(on=AT), auth=message.with_flags(on=AT).auth + attested)
    yield "an assertion has no new credential", replace(message.with_flags(on=AT | ED), auth=message.with_flags(on=AT | ED).auth + attested + b"\xa0")
    yield "authenticator data is whole", message.with_flags(on=AT)
