"""Passkeys from end to end, with clients that are not ours: soft-webauthn, python-fido2, passkey-client. And what they answer, used for
something that it is not for.
"""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from countersign import PASSWORD, Countersign
from languages import Talker
from passkey_clients import Device, Person, Refused, challenge_of, claims, talker, with_member
from programs import running


def short(*kind: str):
    """A parameter that CI runs."""
    return pytest.param(*kind, marks=pytest.mark.short)


KINDS = [short(client, algorithm) for client in ("soft-webauthn", "fido2") for algorithm in ("EdDSA", "ES256", "RS256")]
# It has no RSA, and takes a minute and more to compile.
KINDS += [("passkey-client", algorithm) for algorithm in ("EdDSA", "ES256")]
# These ask for no login without a user who is verified, and make no second credential beside an excluded one.
CAREFUL = {"fido2", "passkey-client"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Countersign]:
    folder = tmp_path_factory.mktemp("passkeys")
    # The tests fail more often from one address than people do.
    server = Countersign(folder, f"sqlite://{folder}/countersign.db", COUNTERSIGN_SOURCE_FAILURES="0")
    with running(server):
        yield server


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Talker]]:
    """The program of each client, started once."""
    folder, started = tmp_path_factory.mktemp("talkers"), {}

    def of(client: str) -> Talker:
        if client not in started:
            started[client] = talker(client, folder).start()
        return started[client]

    yield of
    for program in started.values():
        program.kill()


@pytest.fixture
def device(service: Countersign, talk) -> Callable[..., Device]:
    origin = service.http.replace("127.0.0.1", "localhost")
    return lambda client="fido2", algorithm="ES256": Device(talk(client), client, algorithm, origin)


def refused(call: Callable, *arguments: object, **more: object) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize(("client", "algorithm"), KINDS)
def test_a_client_that_is_not_ours_registers_logs_in_and_proves(service, device, client: str, algorithm: str):
    ada, key = Person(service, two_factor=True).log_in(), device(client, algorithm)
    made = ada.add(key, "Blue key")
    assert [one["id"] for one in ada.passkeys()] == [made["id"]]
    assert made["name"] == "Blue key" and "lastUsedTime" not in made

    login = ada.passkey_login(key.get(ada.request_options()))
    assert (login["preferred_username"], login["amr"], login["acr"]) == (ada.name, ["pop", "mfa"], "phr")
    assert "lastUsedTime" in ada.passkeys()[0]

    challenge = ada.begin_login()["challenge"]
    assert challenge["factors"] == ["FACTOR_PASSKEY", "FACTOR_EMAIL_CODE"]
    proof = key.get(challenge["passkeyRequestOptionsJson"])
    tokens = ada.post("/v1/sessions:verify", challengeId=challenge["challengeId"], passkeyCredentialJson=proof)["tokens"]
    assert (claims(tokens)["amr"], claims(tokens)["acr"]) == (["pwd", "pop", "mfa"], "phr")

    before = claims({"accessToken": ada.token})
    proof = key.get(ada.request_options())
    after = claims(ada.post("/v1/sessions:reauthenticate", passkeyCredentialJson=proof)["tokens"])
    assert (before["acr"], after["acr"], after["sid"]) == ("2fa", "phr", before["sid"])
    assert after["auth_time"] >= before["auth_time"]


@pytest.mark.parametrize("client", [*map(short, ("soft-webauthn", "fido2")), "passkey-client"])
def test_a_login_wants_a_verified_user_and_a_second_factor_does_not(service, device, client: str):
    ada, key = Person(service, two_factor=True).log_in(), device(client)
    ada.add(key)
    answer = key.ask("get", ada.request_options(), verified=False)
    assert ("refused" in answer) == (client in CAREFUL), answer
    weak = key.get(with_member(ada.request_options(), userVerification="discouraged"), verified=False)
    assert refused(ada.passkey_login, weak) == (401, "INVALID_CREDENTIALS")
    weak = key.get(with_member(ada.request_options(), userVerification="discouraged"), verified=False)
    assert refused(ada.post, "/v1/sessions:reauthenticate", passkeyCredentialJson=weak) == (403, "INVALID_CREDENTIALS")
    challenge = ada.begin_login()["challenge"]
    proof = key.get(challenge["passkeyRequestOptionsJson"], verified=False)
    assert ada.post("/v1/sessions:verify", challengeId=challenge["challengeId"], passkeyCredentialJson=proof)["tokens"]


@pytest.mark.short
def test_a_registration_wants_a_verified_user(service, device):
    ada, key = Person(service).log_in(), device("soft-webauthn")
    assert refused(ada.finish, key.create(ada.creation_options(), verified=False)) == (403, "CHALLENGE_INVALID")
    assert ada.passkeys() == []


@pytest.mark.parametrize("client", [short("fido2"), "passkey-client"])
def test_an_authenticator_makes_no_second_passkey_of_an_account(service, device, client: str):
    ada, key = Person(service).log_in(), device(client)
    ada.add(key)
    assert "refused" in key.ask("create", ada.creation_options())
    ada.add(device(client), "Another")
    assert [one["name"] for one in ada.passkeys()] == ["Another", "Key"]


@pytest.mark.short
def test_authenticators_make_a_key_of_the_first_algorithm_that_they_can(service):
    offered = json.loads(Person(service).log_in().creation_options())["pubKeyCredParams"]
    assert [one["alg"] for one in offered] == [-8, -7, -257]


@pytest.mark.short
def test_a_challenge_is_for_its_ceremony_alone(service, device):
    ada, key = Person(service).log_in(), device()
    of_login = with_member(ada.creation_options(), challenge=challenge_of(ada.request_options()))
    assert refused(ada.finish, key.create(of_login)) == (403, "CHALLENGE_INVALID")
    key = device()
    ada.add(key)
    of_registration = with_member(ada.request_options(), challenge=challenge_of(ada.creation_options()))
    answer = key.get(of_registration)
    assert refused(ada.passkey_login, answer) == (401, "CHALLENGE_INVALID")
    assert refused(ada.post, "/v1/sessions:reauthenticate", passkeyCredentialJson=answer) == (403, "CHALLENGE_INVALID")
    made_up = with_member(ada.request_options(), challenge=base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="))
    assert refused(ada.passkey_login, key.get(made_up)) == (401, "CHALLENGE_INVALID")


@pytest.mark.short
def test_a_challenge_of_a_login_is_not_one_of_a_second_factor(service, device):
    ada, key = Person(service, two_factor=True).log_in(), device()
    ada.add(key)

    def verify(challenge: dict, proof: str) -> dict:
        return ada.post("/v1/sessions:verify", challengeId=challenge["challengeId"], passkeyCredentialJson=proof)

    first, second = ada.begin_login()["challenge"], ada.begin_login()["challenge"]
    assert refused(verify, first, key.get(ada.request_options())) == (401, "CHALLENGE_INVALID")
    assert refused(verify, first, key.get(second["passkeyRequestOptionsJson"])) == (401, "CHALLENGE_INVALID")
    answer = key.get(second["passkeyRequestOptionsJson"])
    assert refused(ada.passkey_login, answer) == (401, "CHALLENGE_INVALID")
    assert verify(second, answer)["tokens"]
    assert refused(verify, second, answer) == (401, "CHALLENGE_INVALID")


@pytest.mark.short
def test_a_registration_works_once_and_can_be_sent_again(service, device):
    ada, key, request = Person(service).log_in(), device(), str(uuid4())
    credential = key.create(ada.creation_options())
    made = ada.finish(credential, requestId=request)
    assert ada.finish(credential, requestId=request) == made
    assert refused(ada.finish, credential) == (403, "CHALLENGE_INVALID")
    assert refused(ada.finish, credential, requestId=str(uuid4())) == (403, "CHALLENGE_INVALID")
    assert len(ada.passkeys()) == 1


@pytest.mark.short
def test_a_registration_is_finished_by_the_session_that_began_it(service, device):
    ada, bob = Person(service).log_in(), Person(service).log_in()
    credential, token = device().create(ada.creation_options()), ada.token
    assert refused(bob.finish, credential) == (403, "CHALLENGE_INVALID")
    assert refused(ada.log_in().finish, credential) == (403, "CHALLENGE_INVALID")
    ada.token = token
    ada.finish(credential)
    assert bob.passkeys() == []


@pytest.mark.short
def test_a_registration_ends_with_the_password_that_began_it(service, device):
    ada, key = Person(service).log_in(), device()
    credential = key.create(ada.creation_options())
    ada.post("/v1/me:changePassword", currentPassword=PASSWORD, newPassword=f"another {PASSWORD}")
    assert refused(ada.finish, credential) == (403, "CHALLENGE_INVALID")
    assert ada.passkeys() == []


@pytest.mark.short
def test_a_passkey_stays_when_the_password_is_changed(service, device):
    ada, key = Person(service).log_in(), device()
    ada.add(key)
    asked = ada.request_options()
    ada.post("/v1/me:changePassword", currentPassword=PASSWORD, newPassword=f"another {PASSWORD}")
    assert ada.passkey_login(key.get(asked))["preferred_username"] == ada.name


@pytest.mark.short
def test_a_passkey_of_somebody_else_proves_nothing(service, device):
    ada, bob = Person(service, two_factor=True).log_in(), Person(service).log_in()
    own, other = device(), device()
    ada.add(own)
    bob.add(other)
    answer = other.get(ada.request_options())
    assert refused(ada.post, "/v1/sessions:reauthenticate", passkeyCredentialJson=answer) == (403, "INVALID_CREDENTIALS")
    challenge = ada.begin_login()["challenge"]
    answer = other.get(json.dumps({k: v for k, v in json.loads(challenge["passkeyRequestOptionsJson"]).items() if k != "allowCredentials"}))
    verify = {"challengeId": challenge["challengeId"], "passkeyCredentialJson": answer}
    assert refused(ada.post, "/v1/sessions:verify", **verify) == (401, "CHALLENGE_INVALID")
    # By the id of the one and the key of the other.
    answer = json.loads(other.get(ada.request_options()))
    id_ = json.loads(own.get(ada.request_options()))["id"]
    assert refused(ada.passkey_login, json.dumps(answer | {"id": id_, "rawId": id_})) == (401, "INVALID_CREDENTIALS")


@pytest.mark.short
def test_a_credential_is_one_account_s(service, device):
    ada, mallory, key = Person(service).log_in(), Person(service).log_in(), device("soft-webauthn")
    ada.add(key)
    taken = json.loads(key.get(ada.request_options()))["id"]
    other = json.loads(device("soft-webauthn").create(mallory.creation_options()))
    # Nobody signs an attestation of none.
    decoded, id_, wanted = (base64.urlsafe_b64decode(t + "==") for t in (other["response"]["attestationObject"], other["id"], taken))
    assert decoded.count(id_) == 1
    copied = base64.urlsafe_b64encode(decoded.replace(id_, wanted)).decode().rstrip("=")
    other |= {"id": taken, "rawId": taken, "response": other["response"] | {"attestationObject": copied}}
    assert refused(mallory.finish, json.dumps(other)) == (409, "PASSKEY_TAKEN")
    assert mallory.passkeys() == []
    assert ada.passkey_login(key.get(ada.request_options()))["preferred_username"] == ada.name


@pytest.mark.short
def test_a_login_is_not_replayed(service, device):
    ada, key = Person(service).log_in(), device()
    ada.add(key)
    answer = key.get(ada.request_options())
    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(ada.passkey_login, answer) for _ in range(8)]
    failures = [attempt.exception() for attempt in tries if attempt.exception()]
    assert len(failures) == 7
    assert {failure.status for failure in failures} == {401}, failures
    # One challenge, answered once for each of two RPCs.
    asked = ada.request_options()
    assert ada.post("/v1/sessions:reauthenticate", passkeyCredentialJson=key.get(asked))
    assert refused(ada.passkey_login, key.get(asked))[0] == 401


@pytest.mark.short
def test_an_answer_that_is_sent_again_is_no_copy(service, device):
    ada, key = Person(service).log_in(), device()
    ada.add(key)
    answer = key.get(ada.request_options())
    ada.passkey_login(answer)
    assert refused(ada.passkey_login, answer) == (401, "CHALLENGE_INVALID")
    answer = key.get(ada.request_options())
    ada.post("/v1/sessions:reauthenticate", passkeyCredentialJson=answer)
    assert refused(ada.post, "/v1/sessions:reauthenticate", passkeyCredentialJson=answer) == (403, "CHALLENGE_INVALID")
    assert "passkey_copied" not in events(service, ada.name)


@pytest.mark.short
def test_a_copy_is_refused_and_told_of_once(service, device):
    ada, key = Person(service).log_in(), device("soft-webauthn")
    ada.add(key)
    for _ in range(3):
        ada.passkey_login(key.get(ada.request_options()))
    for count in (0, 2):
        copy = key.get(ada.request_options(), count=count)
        assert refused(ada.passkey_login, copy) == (401, "INVALID_CREDENTIALS")
    copy = key.get(ada.request_options(), count=1)
    assert refused(ada.post, "/v1/sessions:reauthenticate", passkeyCredentialJson=copy) == (403, "INVALID_CREDENTIALS")
    assert ada.passkey_login(key.get(ada.request_options(), count=3))["preferred_username"] == ada.name
    assert events(service, ada.name).count("passkey_copied") == 3
    service.wait_for("tells of the copy", lambda: "passkey_copied" in notices(service, ada.name))
    told = [notice for notice in notices(service, ada.name) if notice.startswith("passkey_")]
    assert sorted(told) == ["passkey_added", "passkey_copied"]


def notices(service: Countersign, name: str) -> list[str]:
    """What the log delivery told a user."""
    return [e["purpose"] for e in service.events() if e["message"] == "notice" and e["username"] == name]


def events(service: Countersign, name: str) -> list[str]:
    """The kinds of the events of a user, by the command line."""
    done = subprocess.run(
        [service.command[0], "events", "--user", name, "--json"], env=service.environment, capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line)["event"] for line in done.stdout.splitlines()]


@pytest.mark.short
def test_a_page_of_another_origin_gets_nothing(service, device):
    ada, key = Person(service).log_in(), device()
    ada.add(key)
    for origin in ("http://localhost:1", "https://localhost", "http://app.localhost"):
        key.origin = origin
        answer = key.ask("get", ada.request_options())
        # The last one is no matter of a server: the client refuses the RP id.
        if "credential" in answer:
            assert refused(ada.passkey_login, answer["credential"]) == (401, "INVALID_CREDENTIALS")
        else:
            assert origin == "http://app.localhost", answer


@pytest.mark.short
def test_a_deleted_passkey_logs_in_no_more_and_can_be_added_again(service, device):
    ada, key = Person(service).log_in(), device("soft-webauthn")
    made = ada.add(key)
    path = f"/v1/me/passkeys/{made['id']}"
    assert ada.post(f"{path}:rename", name="Left pocket")["passkey"]["name"] == "Left pocket"
    bob = Person(service).log_in()
    assert refused(bob.post, f"{path}:rename", name="Mine") == (404, "PASSKEY_NOT_FOUND")
    assert refused(bob.post, f"{path}:delete", password=PASSWORD) == (404, "PASSKEY_NOT_FOUND")
    assert refused(ada.post, f"{path}:delete", password="not the password") == (403, "INVALID_CREDENTIALS")
    answer = key.get(ada.request_options())
    ada.post(f"{path}:delete", password=PASSWORD)
    assert refused(ada.passkey_login, answer) == (401, "INVALID_CREDENTIALS")
    assert refused(ada.post, f"{path}:delete", password=PASSWORD) == (404, "PASSKEY_NOT_FOUND")
    ada.add(key)
    assert ada.passkey_login(key.get(ada.request_options()))["acr"] == "phr"


def test_a_user_has_twenty_passkeys_at_the_most(service, device):
    ada = Person(service).log_in()
    begun = [ada.creation_options() for _ in range(21)]
    for number, options in enumerate(begun[:20]):
        ada.finish(device("soft-webauthn").create(options), f"Key {number}")
    assert refused(ada.finish, device("soft-webauthn").create(begun[20])) == (400, "TOO_MANY_PASSKEYS")
    assert refused(ada.creation_options) == (400, "TOO_MANY_PASSKEYS")
    assert len(ada.passkeys()) == 20


@pytest.mark.short
def test_pages_of_related_domains_and_apps_are_told_from_others(tmp_path, run, talk):
    # The SHA-256 of a certificate, as Android writes it.
    app = f"android:apk-key-hash:{base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip('=')}"
    settings = {
        "COUNTERSIGN_WEBAUTHN_RP_ID": "example.com",
        "COUNTERSIGN_WEBAUTHN_ORIGINS": f"https://app.example.com,{app}",
        "COUNTERSIGN_WEBAUTHN_RELATED_ORIGINS": "https://example.de",
        "COUNTERSIGN_WEBAUTHN_MANAGE_URL": "https://app.example.com/passkeys",
    }
    server = run(Countersign(tmp_path, f"sqlite://{tmp_path}/countersign.db", **settings))
    ada, key = Person(server).log_in(), Device(talk("soft-webauthn"), "soft-webauthn", "ES256", app)
    assert ada.send("GET", "/.well-known/webauthn") == {"origins": ["https://example.de"]}
    assert ada.send("GET", "/.well-known/passkey-endpoints") == {"manage": "https://app.example.com/passkeys"}
    ada.add(key)
    for origin in ("https://app.example.com", app, "https://example.de"):
        key.origin = origin
        assert ada.passkey_login(key.get(ada.request_options()))["acr"] == "phr"
    # The default, and what is like one on the list.
    for origin in ("https://example.com", "https://www.example.de", "https://app.example.com:443", "http://app.example.com", app[:-1]):
        key.origin = origin
        assert refused(ada.passkey_login, key.get(ada.request_options())) == (401, "INVALID_CREDENTIALS"), origin


@pytest.mark.short
def test_passkeys_can_be_off(tmp_path, run):
    server = run(Countersign(tmp_path, f"sqlite://{tmp_path}/countersign.db", COUNTERSIGN_WEBAUTHN_RP_ID="off"))
    # Two logins send two codes: the newest is that of the first one, where the second is still on its way.
    ada = Person(server, two_factor=True).log_in()
    assert ada.begin_login()["challenge"]["factors"] == ["FACTOR_EMAIL_CODE"]
    assert refused(ada.request_options) == (400, "PASSKEYS_OFF")
    assert refused(ada.creation_options) == (400, "PASSKEYS_OFF")
    assert refused(ada.send, "GET", "/.well-known/webauthn")[0] == 404
    assert ada.passkeys() == []
