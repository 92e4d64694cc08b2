"""What breaks the messages of both ceremonies alike. Each mutation goes by the rule that it breaks; `as it should be` breaks none."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace

from messages import AT, BE, BS, ED, ORIGIN, UP, UV, Message, b64, numbers

Mutations = Iterator[tuple[str, Message]]
VALID = "as it should be"


def flipped(data: bytes, times: int) -> Iterator[bytes]:
    """The same with one bit changed, anywhere."""
    for _ in range(times):
        place = numbers.randrange(len(data) * 8)
        yield data[: place // 8] + bytes([data[place // 8] ^ 1 << place % 8]) + data[place // 8 + 1 :]


def put(*path: str, value: object):
    """An edit of the answer: a member gets that value."""

    def edit(answer: dict) -> None:
        for name in path[:-1]:
            answer = answer[name]
        answer[path[-1]] = value

    return edit


def drop(*path: str):
    def edit(answer: dict) -> None:
        for name in path[:-1]:
            answer = answer[name]
        del answer[path[-1]]

    return edit


def of_client_data(message: Message, other_type: str) -> Mutations:
    client = json.loads(message.client)
    text = message.client.decode()
    for members in ({"new": {"a": [1, None]}}, {"crossOrigin": False}, {"tokenBinding": {"status": "supported"}}):
        yield VALID, message.with_client(**members)
    yield "a byte order mark is dropped", replace(message, client=b"\xef\xbb\xbf" + message.client)
    for broken in (b"{", b"[]", b'"webauthn.get"', b"{}", b"null", message.client[:-1], message.client + b"{}", b"\xff" + message.client):
        yield "client data is a JSON object", replace(message, client=broken)
    yield "client data is UTF-8", replace(message, client=message.client.replace(b"{", b'{"a": "\xff", ', 1))
    for name in ("type", "challenge", "origin"):
        for value in (None, 7, [client[name]]):
            yield "client data has its members", message.with_client(**{name: value})
        yield "client data has its members", replace(message, client=json.dumps({k: v for k, v in client.items() if k != name}).encode())
        yield "a member that is read stands there once", replace(message, client=text.replace("{", f'{{"{name}": "other", ', 1).encode())
    for value in (other_type, "", "webauthn", client["type"].upper(), client["type"] + " ", "payment.get"):
        yield "the type is the ceremony's", message.with_client(type=value)
    right = client["challenge"]
    for value in ("", right + "=", right[:-1], right + "A", right.swapcase(), b64(numbers.randbytes(32)), " " + right):
        yield "the challenge is the one that was asked", message.with_client(challenge=value)
    for value in (
        "", "null", "http://example.org", f"{ORIGIN}/", f"{ORIGIN}:443", f"{ORIGIN}:8443", "https://EXAMPLE.org", f"{ORIGIN}.",
        "https://login.example.org", "https://notexample.org", "https://example.org.example.com", "https://example.com",
        "https://user@example.org", "example.org", "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ):  # fmt: skip
        yield "the origin is on the list, letter for letter", message.with_client(origin=value)
    yield "nothing is asked in a frame of others", message.with_client(crossOrigin=True)
    yield "nothing is asked in a frame of others", message.with_client(crossOrigin=True, topOrigin="https://example.com")
    for value in ("https://example.com", ORIGIN, None):
        yield "there is no topOrigin", message.with_client(topOrigin=value)
    for value in ("true", 1, None, {}):
        yield "crossOrigin is a boolean", message.with_client(crossOrigin=value)
    yield "tokenBinding is ignored, as level 3 has it", message.with_client(tokenBinding="none")
    yield "sizes are bounded", message.with_client(padding="x" * 5000)


def of_authenticator_data(message: Message) -> Mutations:
    yield VALID, message.with_flags(on=0x22)
    yield VALID, message.with_flags(on=UV)
    for rp_id in ("example.com", "login.example.org", "https://example.org", "", "org"):
        yield "the RP id is ours", message.with_rp(rp_id)
    yield "the user is present", message.with_flags(off=UP)
    yield "the user is present", message.with_flags(on=UV, off=UP)
    yield "the user is verified if that is asked", replace(message, verification="required")
    yield VALID, replace(message, verification="required").with_flags(on=UV)
    yield VALID, replace(message, verification="discouraged")
    yield "what is backed up is eligible", message.with_flags(on=BS)
    yield "what is backed up is eligible", message.with_flags(on=BS | UV)
    for length in (0, 1, 31, 32, 33, 36, 40, 54, 56, 80, 100, 130):
        if length < len(message.auth):
            yield "authenticator data is whole", replace(message, auth=message.auth[:length])
    for rest in (b"\x00", b"\xa0", b"\xff" * 40):
        yield "nothing follows authenticator data", replace(message, auth=message.auth + rest)
    extended = message.with_flags(on=ED)
    for extensions in (b"\xa0", b"\xa1\x6bcredProtect\x02", b"\xa1\x6bhmac-secret\xf5"):
        yield VALID, replace(extended, auth=extended.auth + extensions)
    for extensions in (b"", b"\xa1", b"\xa1\x01", b"\xa2\x61a\x01"):
        yield "extensions are CBOR", replace(extended, auth=extended.auth + extensions)
    for extensions in (b"\x80", b"\x01", b"\xf6", b"\x61a"):
        yield "extensions are a map", replace(extended, auth=extended.auth + extensions)
    for extensions in (b"\xbf\xff", b"\xa1\x61a\x18\x01", b"\xb8\x00", b"\xa2\x61b\x01\x61a\x01", b"\xa1\x61a\xc0\x60"):
        yield "CBOR is canonical", replace(extended, auth=extended.auth + extensions)
    yield "no key of a map is there twice", replace(extended, auth=extended.auth + b"\xa2\x61a\x01\x61a\x02")
    yield "nothing follows authenticator data", replace(extended, auth=extended.auth + b"\xa0\xa0")


def of_json(message: Message, *members: str) -> Mutations:
    id = b64(message.id)
    yield VALID, replace(message, edits=(put("new", value={"a": None}), put("response", "new", value=[])))
    yield VALID, replace(message, edits=(drop("authenticatorAttachment"), drop("clientExtensionResults")))
    yield "the type is public-key", replace(message, edits=(put("type", value="password"),))
    yield "the type is public-key", replace(message, edits=(put("type", value=""),))
    for name in ("id", "rawId", "type", "response"):
        yield "the answer has its members", replace(message, edits=(drop(name),))
        yield "the answer has its members", replace(message, edits=(put(name, value=None),))
        yield "the answer has its members", replace(message, edits=(put(name, value=7),))
    yield "a member that is read stands there once", replace(message, text_edits=(lambda text: text.replace("{", '{"type": "x", ', 1),))
    yield "a member that is read stands there once", replace(message, text_edits=(lambda text: text.replace("{", f'{{"id": "{id}", ', 1),))
    for text_edit in (lambda text: f"[{text}]", lambda text: text[:-1], lambda text: text + "{}", lambda _: "", lambda _: "null"):
        yield "the answer is a JSON object", replace(message, text_edits=(text_edit,))
    other = b64(numbers.randbytes(32))
    yield "id and rawId are the same", replace(message, edits=(put("rawId", value=other),))
    yield "id and rawId are the same", replace(message, edits=(put("id", value=other),))
    yield "the id is the credential's", replace(message, id=numbers.randbytes(32))
    yield "the id is the credential's", replace(message, id=message.id + b"\0")
    for value in ("", id + "=", " " + id):
        yield "base64url has no padding, and one text for each value", replace(message, edits=(put("id", value=value), put("rawId", value=value)))
    for name in members:
        yield "the answer has its members", replace(message, edits=(drop("response", name),))
        yield "the answer has its members", replace(message, edits=(put("response", name, value=None),))
        for spell in (lambda data: base64.b64encode(data).decode() + "=", lambda data: b64(data) + "=", lambda data: b64(data) + " "):

            def edit(answer: dict, name: str = name, spell=spell) -> None:
                text = answer["response"][name]
                answer["response"][name] = spell(base64.urlsafe_b64decode(text + "=="))

            yield "base64url has no padding, and one text for each value", replace(message, edits=(edit,))
    yield "sizes are bounded", replace(message, edits=(put("new", value="x" * 40_000),))
