"""Registrations that break a rule each."""

import json
from dataclasses import replace

from common_mutations import VALID, Mutations, flipped, of_authenticator_data, of_client_data, of_json
from fido2 import cbor
from messages import AT, UV, Device, Raw, Registration, eddsa, es256, head, numbers, pairs, rs256


def of_registrations() -> Mutations:
    for algorithm in (es256, eddsa, rs256):
        yield VALID, Device(algorithm).register()
    message = Device(es256).register()
    yield from of_client_data(message, "webauthn.get")
    yield from of_authenticator_data(message)
    yield from of_json(message, "clientDataJSON", "attestationObject")
    yield from of_attestation_objects(message)
    yield from of_credentials(message)
    yield from of_keys(message)
    for client in flipped(message.client, 25):
        # Who alters a space or the name of a member that is not read has changed nothing.
        if not same_members(client, message.client):
            yield "damage to client data is seen", replace(message, client=client)
    for digest in flipped(message.auth[:32], 15):
        yield "the RP id is ours", replace(message, auth=digest + message.auth[32:])
    # The counter and the AAGUID may be any; a point that is changed is on no curve.
    for key in flipped(message.key, 25):
        yield "damage to a key is seen", message.with_key(key)


def same_members(client: bytes, other: bytes) -> bool:
    try:
        return json.loads(client) == json.loads(other)
    except ValueError:
        return False


def of_attestation_objects(message: Registration) -> Mutations:
    right, auth = message.attestation(), message.auth
    for rest in (b"\x00", right, b"\xff"):
        yield "nothing follows the attestation object", replace(message, object=right + rest)
    for length in (0, 1, 20, 60, len(right) - 1):
        yield "the attestation object is whole", replace(message, object=right[:length])
    members = {"fmt": "none", "attStmt": {}, "authData": auth}
    for name in members:
        yield "the attestation object has its members", replace(message, object=cbor.encode({k: v for k, v in members.items() if k != name}))
        yield "the attestation object has its members", replace(message, object=cbor.encode(members | {name: 7}))
    yield VALID, replace(message, object=cbor.encode(members | {"unknown": 7}))
    yield "no key of a map is there twice", replace(message, object=pairs(("fmt", "none"), ("fmt", "none"), ("attStmt", {}), ("authData", auth)))
    for object in (
        pairs(("authData", auth), ("attStmt", {}), ("fmt", "none")),
        b"\xbf" + right[1:] + b"\xff",
        head(5, 3, 1) + right[1:],
        pairs(("fmt", Raw(head(3, 4, 1) + b"none")), ("attStmt", {}), ("authData", auth)),
        pairs(("fmt", "none"), ("attStmt", {}), ("authData", Raw(head(2, len(auth), 2) + auth))),
        pairs(("fmt", "none"), ("attStmt", {}), ("authData", Raw(b"\x5f" + cbor.encode(auth) + b"\xff"))),
        pairs(("fmt", Raw(b"\xc0\x64none")), ("attStmt", {}), ("authData", auth)),
    ):
        yield "CBOR is canonical", replace(message, object=object)
    for statement in ({"a": 1}, [], 7, {"sig": b""}):
        yield "none says nothing", replace(message, statement=statement)
    for statement in ({}, {"alg": -7}, {"alg": -7, "sig": b""}, {"alg": -7, "sig": numbers.randbytes(70)}, {"alg": -8, "sig": b"\0" * 64}):
        yield "a self attestation is by the key", replace(message, format="packed", statement=statement)
    for format in ("tpm", "apple", "android-key", "fido-u2f", "made-up"):
        yield "other attestations count as none", replace(message, format=format, statement={})
    for format in ("", "a name", "x" * 33, b"none"):
        yield "a format has a name", replace(message, format=format)
    yield "CBOR is nested so deep at the most", replace(message, format="made-up", statement=Raw(b"\x81" * 12 + b"\x00"))


def of_credentials(message: Registration) -> Mutations:
    yield "a registration has a credential", replace(message, auth=message.auth[:37]).with_flags(off=AT)
    yield "a registration has a credential", replace(message.with_flags(off=AT), auth=message.with_flags(off=AT).auth)
    for length in (1, 16, 64, 1023):
        yield VALID, message.with_attested(numbers.randbytes(length), message.key)
    for length in (1024, 2000):
        yield "an id has at most 1,023 bytes", message.with_attested(numbers.randbytes(length), message.key)
    yield "an id has a byte", replace(message.with_attested(b"", message.key), id=b"\0")
    for length in (0, 31, 33, 200, 65535):
        yield "authenticator data is whole", message.with_attested(message.id, message.key, length=length)


def of_keys(message: Registration) -> Mutations:
    key = cbor.decode(message.key)
    x, y = key[-2], key[-3]

    def with_key(*members: tuple[object, object]) -> Registration:
        return message.with_key(pairs(*members))

    def ec2(alg: object = -7, kty: object = 2, crv: object = 1, x: object = x, y: object = y) -> Registration:
        return with_key((1, kty), (3, alg), (-1, crv), (-2, x), (-3, y))

    def okp(x: bytes, kty: int = 1, crv: int = 6) -> Registration:
        return with_key((1, kty), (3, -8), (-1, crv), (-2, x))

    def rsa(n: bytes, e: bytes = b"\x01\x00\x01") -> Registration:
        return with_key((1, 3), (3, -257), (-1, n), (-2, e))

    for alg in (-35, -36, -47, -9, -65535, -37, 0, 7):
        yield "the algorithm was offered", ec2(alg)
    for broken in (ec2("ES256"), ec2(-8), ec2(-257), ec2(kty=1), ec2(kty=3), ec2(crv=2), ec2(crv=3), ec2(crv=6), okp(x, kty=2), okp(x, crv=4)):
        yield "type, curve and algorithm agree", broken
    for broken in (
        ec2(x=x[1:]), ec2(x=x + b"\0"), ec2(y=y[:-1]), ec2(y=b""), ec2(x="x"), ec2(y=True), okp(x[1:]), okp(x + b"\0"), okp(b""),
    ):  # fmt: skip
        yield "coordinates have their size", broken
    for name in (1, 3, -1, -2, -3):
        yield "a key has its parameters", with_key(*((k, v) for k, v in key.items() if k != name))
    yield "a key has no other parameters", with_key((1, 2), (2, b"id"), (3, -7), (-1, 1), (-2, x), (-3, y))
    yield "a key has no other parameters", with_key((1, 2), (3, -7), (-1, 1), (-2, x), (-3, y), (-4, b"d"))
    for broken in (ec2(x=y, y=x), ec2(y=b"\0" * 32), ec2(x=b"\xff" * 32), ec2(x=b"\0" * 32, y=b"\0" * 32), ec2(y=bytes([y[0] ^ 1]) + y[1:])):
        yield "a point is on P-256", broken
    for value in (2, 7):
        yield "a point is on Edwards' curve", okp(value.to_bytes(32, "little"))
    for value in (0, 1, 2**255 - 20):
        yield "a point is of no small order", okp(value.to_bytes(32, "little"))
    modulus = cbor.decode(Device(rs256).register().key)[-1]
    for n in (modulus[:128], modulus[:255] + b"\x01", b"", (b"\xff" * 513)):
        yield "an RSA key has 2,048 to 4,096 bits", rsa(n)
    yield "an RSA key is odd, and of no more bytes than it needs", rsa(modulus[:-1] + b"\xfe")
    yield "an RSA key is odd, and of no more bytes than it needs", rsa(b"\0" + modulus)
    for e in (b"", b"\x01", b"\x03", b"\x01\x00\x00", b"\x00\x01\x00\x01", b"\x01\x00\x00\x00\x01"):
        yield "an RSA exponent is a fair one", rsa(modulus, e)
    raw = message.key
    for broken in (
        with_key((3, -7), (1, 2), (-1, 1), (-2, x), (-3, y)),
        message.with_key(b"\xbf" + raw[1:] + b"\xff"),
        message.with_key(head(5, 5, 1) + raw[1:]),
        with_key((1, Raw(b"\x18\x02")), (3, -7), (-1, 1), (-2, x), (-3, y)),
        with_key((1, 2), (3, Raw(b"\x38\x06")), (-1, 1), (-2, x), (-3, y)),
        with_key((1, 2), (3, -7), (-1, 1), (-2, Raw(head(2, 32, 2) + x)), (-3, y)),
    ):
        yield "CBOR is canonical", broken
    yield "no key of a map is there twice", with_key((1, 2), (1, 2), (3, -7), (-1, 1), (-2, x), (-3, y))
    yield "no key of a map is there twice", with_key((1, 2), (3, -8), (3, -7), (-1, 1), (-2, x), (-3, y))
    yield "nothing follows authenticator data", replace(message, auth=message.auth + raw).with_flags(on=UV)
