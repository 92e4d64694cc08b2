"""Values for fields: what callers send, what they mistype, and what attackers try."""

import random
import uuid
from collections.abc import Iterator

from google.protobuf import field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor

UUID = "0198a0f0-7d5e-4c2e-a2d6-0d6f6a6f0001"
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

# Around the limits of the contract, in bytes and in characters.
LENGTHS = (1, 5, 6, 7, 8, 24, 32, 64, 65, 88, 127, 128, 129, 254, 255, 256, 257, 512, 513)
LONG = (1024, 1025, 2048, 2049, 4096, 4097, 8192, 8193)

CODES = ["123456", "12345", "1234567", "123 456", "123-456", "\t1\n2 3-4 5 6\r", "123.456", "12345a", "123456\0", "-",
         "K7QX2-M9TRW", "k7qx2m9trw", "K7QX2M9TR", "K7QX2-M9TRWX", "OIL00-11111", "K7QX2-M9TRU", "K7QX2_M9TRW",
         "ABCDEF-GHJKMN-PQRSTV-WXYZ01", "abcdefghjkmnpqrstvwxyz01", "ABCDEF-GHJKMN-PQRSTV-WXYZ0", "ABCDEF-GHJKMN-PQRSTV-WXYZ0U",
         "123456".translate(FULL_WIDTH), "123456".translate(ARABIC), "12345é", "１２３−４５６", "1234\u200b56", "Ｋ7QX2-M9TRW"]  # fmt: skip
EMAILS = ["a@example.com", "A.B+tag@Example.COM", " a@example.com ", "\ta@example.com\n", "a@b", "a@@example.com", "@example.com", "a@",
          "a b@example.com", '"a b"@example.com', '"a"@example.com', "a@[127.0.0.1]", "Alice <a@example.com>", "a@example.com.", ".a@example.com",
          "a..b@example.com", "a@-example.com", "a@exa_mple.com", "a@xn--a.com", "a@example.com\r\nBcc: b@example.com", "ä@example.com",
          "a@exämple.com", "a@例え.テスト", "a@example。com", "a＠example.com", "a\u3164@example.com", "a\u202e@example.com", "a,b@example.com",
          "a@1.2.3.4", "a@example.com@example.com", "e\u0301@example.com", "a'b@example.com", "a@x.y", "a!#$%&'*+/=?^_`{|}~@example.com",
          f"{'a' * 64}@example.com", f"{'a' * 65}@example.com", f"a@{'b' * 63}.com", f"a@{'b' * 64}.com", f"a@{'b.' * 122}com"]  # fmt: skip
NAMES = ["alice", "Alice.B", "a", "_", ".", "-", "a b", " alice", "alice ", "alice\n", "\u00a0alice\u00a0", "\u0085alice", "al\u0085ice", "../x",
         "a/b", "a\\b", "a:b", "a@b", "a\0b", "a\x7fb", "a\x9fb", "élise", "e\u0301lise", "हिन्दी", "علی\u200cرضا", "аlice", "\u3164", "\u200b",
         "a\u202eb", "a\u2028b", "a\ufeffb", "ﷺ", "x\u2100", "日本語", "👩‍💻", "Alice's 📱", "phone\t1", " ", "  ", "\t", "\u3000", "\u1680", "\u2800",
         "admin\ufe0f", "a\ue000", "1", "123", "\U000e0041", "\U0010ffff", "ß", "İ", "ǅ", "%00", "' OR 1=1 --", "${jndi:x}", "<b>"]  # fmt: skip
PASSWORDS = ["correct horse battery staple", "password", "12345678", "1234567", "short", "       ", "        ", "pässwört", "\u0958" * 3,
             "ﬃ" * 3, "tab\tinside it", "\x7f" * 9, "né\x80" * 4, "🔑🔑🔑🔑🔑🔑🔑🔑", "e\u0301" * 7, "rules-user", "Tr0ub4dor&3 and more"]  # fmt: skip
SCOPES = ["a", "a b", "b a", " a  b ", "orders.read orders:write", "c", 'a"b', "a\\b", "a\tb", "a\nb", "é", "a\x7f", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"]  # fmt: skip
CURSORS = ["0", "1", "00", "9223372036854775807", "9223372036854775808", "-1", "+1", "1.0", "1e3", "0x1", " 1", "1 ", "１"]  # fmt: skip
ORDERS = ["create_time", "create_time desc", "last_login_time", "last_login_time desc", " create_time\tdesc ", "create_time asc", "create_timedesc",
          "desc", "Create_Time", "create_time DESC", "create_time desc desc", "create_time,last_login_time", "username", "create_time\u3000desc",
          "create_time\u200bdesc", "create_time\vdesc", "create_time\x85desc", "create_time\x1cdesc"]  # fmt: skip
URLS = ["https://example.com/", "https://example.com", "HTTPS://EXAMPLE.COM/hook?a=b", "http://example.com/", "https://user:pw@example.com/",
        "https://example.com/#a", "https://127.0.0.1/", "https://[::1]/", "https://", "https:example.com", "https:/\\example.com", "ftp://example.com/",
        "//example.com", "example.com", "javascript:alert(1)", " https://example.com/", "https://example.com/a b", "https://exämple.com/",
        "https://example.com/\n", "https://example.com:99999/", "unix:///x", "https://169.254.169.254/", f"https://example.com/{'a' * 2028}",
        f"https://example.com/{'a' * 2029}"]  # fmt: skip
SECRETS = ["whsec_" + "A" * 32, "whsec_" + "A" * 31, "whsec_" + "A" * 86 + "==", "whsec_" + "A" * 88, "whsec_" + "A" * 84, "whsec_",
           "whsec_" + "-" * 32, "WHSEC_" + "A" * 32, "Q" * 32, "whsec_" + "A" * 30 + "==", "whsec_" + "A" * 34 + "==",
           "whsec_" + "A" * 33 + "B==", "whsec_" + "A" * 33]  # fmt: skip
KINDS = ["login_failed", "registered", "Registered", "login-failed", "no_such_kind", "login_failed ", "1login"]
ROLES = ["admin", "a.b-c_d:e", "A" * 64, "A" * 65, "a b", "a/b", "ä"]
HASHES = ["$2b$12$abcdefghijklmnopqrstuuQWERTYUIOPASDFGHJKLZXCVBNM123456", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$", "md5"]
SEEDS = [*CODES, *EMAILS, *NAMES, *PASSWORDS, *SCOPES, *CURSORS, *ORDERS, *URLS, *SECRETS, *KINDS, *ROLES, *HASHES]


def uuids() -> list[str]:
    """A fresh id in every notation, and what is almost one. An id that was used before would be refused for that."""

    def new() -> str:
        return str(uuid.uuid4())

    return [new(), new().upper(), new().replace("-", ""), f"{{{new()}}}", f"urn:uuid:{new()}", f"URN:Uuid:{new().upper()}", f"{{{new()}", f"{new()}}}",
            f"({new()})", f"{{{new().replace('-', '')}}}", f"urn:uuid:{new().replace('-', '')}", f"urn:uuid:{{{new()}}}", new()[:-1], new() + "0",
            new().replace("-", "_"), new().replace("-", "", 1), f" {new()}", f"{new()}\n", new()[:-1] + "g", new()[:-1] + "é", f"uuid:{new()}",
            new()[:24] + "0" * 12, "f" * 31, "f" * 33, new().translate(FULL_WIDTH), new() + "\0"]  # fmt: skip


def mutated(seed: str, rng: random.Random) -> str:
    """The text with one to three places changed."""
    characters = list(seed)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(characters))
        new = rng.choice("\0\t\n -._@/\\{}\"'0aZuU\x7f\x85\u00a0é\u0301\u200b\u202e\u3164\uff10\U0001f511")
        characters[at : at + rng.randint(0, 1)] = rng.choice(([new], []))
    return "".join(characters)


def strings(rng: random.Random) -> list[str]:
    lengths = ["x" * length for length in (*LENGTHS, *LONG)] + ["é" * length for length in (32, 64, 65, 128, 129, 512, 513)]
    lengths += ["9" * length for length in (64, 65)] + ["e\u0301" * 342, "\ufdfa" * 70, " " * 128]
    # Hundreds of them are tried in each field: of what is random, a few in each.
    return ["", *SEEDS, *lengths, *uuids(), *(mutated(rng.choice([*SEEDS, *uuids()]), rng) for _ in range(60))]


def lists(rng: random.Random) -> list[list[str]]:
    some = strings(rng)
    many = [["a"] * length for length in (31, 32, 33, 44, 45)] + [[UUID] * length for length in (99, 100, 101)]
    return [[], *([text] for text in some), *many, ["admin", "a b"], [UUID, "x"], ["registered", "x y"]]


def times() -> list[timestamp_pb2.Timestamp]:
    seconds = (-62135596801, -62135596800, -1, 0, 1700000000, 253402300799, 253402300800, 2**63 - 1)
    pairs = [(second, 0) for second in seconds] + [(1700000000, nanos) for nanos in (-1, 999_999_999, 1_000_000_000)]
    return [timestamp_pb2.Timestamp(seconds=second, nanos=nanos) for second, nanos in pairs]


def masks() -> list[field_mask_pb2.FieldMask]:
    paths = ([], ["*"], ["username"], ["email"], ["roles"], ["state"], ["claims", "metadata"], ["id"], ["*", "username"], ["username", "username"],
             [""], ["user.username"], ["username "], ["metadata.a"], ["two_factor_enabled"], ["usernam"])  # fmt: skip
    return [field_mask_pb2.FieldMask(paths=each) for each in paths]


def structs() -> list[struct_pb2.Struct]:
    deep: object = 1
    for _ in range(20):
        deep = [deep]
    made = []
    for members in ({}, {"a": 1}, {"iss": "x"}, {"roles": []}, {"a": "x" * 2100}, {"a": "x" * 17000}, {"a": deep}, {"a": float("inf")}):
        struct = struct_pb2.Struct()
        struct.update(members)
        made.append(struct)
    made.append(struct_pb2.Struct(fields={"a": struct_pb2.Value()}))
    return made


MESSAGES = {"google.protobuf.Timestamp": times, "google.protobuf.FieldMask": masks, "google.protobuf.Struct": structs}
NUMBERS = [-(2**31), -1, 0, 1, 50, 100, 101, 1000, 1001, 2**31 - 1]


def of(field: FieldDescriptor, rng: random.Random) -> Iterator[object]:
    """Values for a field. None for one that is true or false, which nothing can be wrong with."""
    if field.type == FieldDescriptor.TYPE_STRING:
        yield from lists(rng) if field.is_repeated else strings(rng)
    elif field.type == FieldDescriptor.TYPE_INT32:
        yield from NUMBERS
    elif field.type == FieldDescriptor.TYPE_ENUM:
        yield from (-1, 0, 1, 2, 3, 99)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        yield from MESSAGES[field.message_type.full_name]()
    elif field.type != FieldDescriptor.TYPE_BOOL:
        raise TypeError(f"{field.full_name}: values of this type are missing here")
