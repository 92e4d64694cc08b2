"""An authenticator that speaks CTAP2 (FIDO Client to Authenticator Protocol 2.0), as far as a client of passkeys asks."""

from collections.abc import Callable
from dataclasses import dataclass

from fido2 import cbor
from fido2.ctap import CtapDevice, CtapError
from fido2.ctap2 import Ctap2
from fido2.hid import CAPABILITY
from fido2.utils import sha256
from messages import AT, UP, UV, Key, numbers

AAGUID = bytes(range(16))


@dataclass
class Credential:
    id: bytes
    rp_id: str
    user: dict
    key: Key
    count: int = 0


class Authenticator(CtapDevice):
    """Keeps discoverable credentials, with a counter for each. Its user touches it whenever they are asked; whether they can show
    who they are is `verified`."""

    capabilities = CAPABILITY.CBOR

    def __init__(self, algorithm: Callable[[], tuple[Key, type]]):
        self.algorithm, self.credentials, self.verified = algorithm, [], True

    @classmethod
    def list_devices(cls):
        return iter(())

    def call(self, cmd, data=b"", event=None, on_keepalive=None) -> bytes:
        commands = {Ctap2.CMD.GET_INFO: self.info, Ctap2.CMD.MAKE_CREDENTIAL: self.make, Ctap2.CMD.GET_ASSERTION: self.get}
        parameters = cbor.decode(data[1:]) if data[1:] else {}
        try:
            return b"\0" + cbor.encode(commands[data[0]](parameters))
        except CtapError as error:
            return bytes([error.code])

    def info(self, _: dict) -> dict:
        verifies = {"uv": True} if self.verified else {}
        return {1: ["FIDO_2_0"], 3: AAGUID, 4: {"rk": True, "up": True} | verifies, 6: [1], 7: 8, 8: 1023}

    def make(self, parameters: dict) -> dict:
        rp, user, offered, excluded = (parameters.get(name) for name in (2, 3, 4, 5))
        if any(self.find(rp["id"], excluded or [])):
            raise CtapError(CtapError.ERR.CREDENTIAL_EXCLUDED)
        key, cose = self.algorithm()
        if cose.ALGORITHM not in [one["alg"] for one in offered]:
            raise CtapError(CtapError.ERR.UNSUPPORTED_ALGORITHM)
        credential = Credential(numbers.randbytes(48), rp["id"], user, key)
        self.credentials.append(credential)
        public = cbor.encode(cose.from_cryptography_key(key.public_key()))
        attested = AAGUID + len(credential.id).to_bytes(2, "big") + credential.id + public
        auth = self.data(credential, self.flags(parameters.get(7)) | AT) + attested
        return {1: "none", 2: auth, 3: {}}

    def get(self, parameters: dict) -> dict:
        rp_id, hash_, allowed, options = (parameters.get(name) for name in (1, 2, 3, 5))
        found = self.find(rp_id, allowed)
        if not found:
            raise CtapError(CtapError.ERR.NO_CREDENTIALS)
        credential = found[-1]
        # A silent question counts nothing.
        if (options or {}).get("up", True):
            credential.count += 1
        auth = self.data(credential, self.flags(options))
        described = {"id": credential.id, "type": "public-key"}
        return {1: described, 2: auth, 3: credential.key.sign(auth + hash_), 4: credential.user}

    def find(self, rp_id: str, ids: list[dict] | None) -> list[Credential]:
        """Of this RP, and where ids are given one of those."""
        wanted = None if ids is None else [one["id"] for one in ids]
        return [one for one in self.credentials if one.rp_id == rp_id and (wanted is None or one.id in wanted)]

    def flags(self, options: dict | None) -> int:
        options = options or {}
        if options.get("uv") and not self.verified:
            raise CtapError(CtapError.ERR.UNSUPPORTED_OPTION)
        return (UP if options.get("up", True) else 0) | (UV if options.get("uv") else 0)

    def data(self, credential: Credential, flags: int) -> bytes:
        return sha256(credential.rp_id.encode()) + bytes([flags]) + credential.count.to_bytes(4, "big")
