"""The clients that the guides show, each as a program that lives on, with two replicas of the service.

What a client is asked: register, login, verify, refresh and resend are what their names say, with the fields of the proto files;
crowd registers many users at once; begin_load and end_load call GetJwks and, each fiftieth time, Login, until told to end. An answer
has the fields of the RPC's, or `error` with code, reason and retryAfter (seconds).
"""

import re
import signal
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from countersign import PASSWORD, Countersign
from languages import LANGUAGES, Talker, guide
from programs import free_port, wait_until

ADDRESSES = ("127.0.0.1", "127.0.0.2")
languages = pytest.mark.parametrize("language", [pytest.param(name, marks=pytest.mark.short) for name in LANGUAGES])


@pytest.fixture
def replicas(tmp_path, postgres, run) -> list[Countersign]:
    """Two, with one port at two addresses, as DNS would have them."""
    return [run(replica) for replica in two(tmp_path, postgres.url())]


def two(folder: Path, database: str, **settings: str) -> list[Countersign]:
    port = free_port()
    common = {"COUNTERSIGN_BCRYPT_COST": "10", "COUNTERSIGN_DRAIN_DELAY": "2s"} | settings
    return [
        Countersign(folder, database, f"replica-{at}", **(common | {"COUNTERSIGN_GRPC_ADDR": f"{address}:{port}"}))
        for at, address in enumerate(ADDRESSES)
    ]


@pytest.fixture
def client(tmp_path, run) -> Callable[..., Talker]:
    def start(language: str, replicas: list[Countersign], *others: tuple[str, str]) -> Talker:
        folder = tmp_path / language
        first, second = (replica.grpc for replica in replicas)
        port = first.rpartition(":")[2]
        # Java's guide has a name: it has two addresses there.
        replacements = {"countersign.internal:50051": f"countersign.internal:{port}"}
        if language != "java":
            replacements |= {"10.0.0.1:50051": first, "10.0.0.2:50051": second}
        built = guide(language, language, folder, replacements | dict(others))
        (folder / "hosts").write_text("".join(f"{address} countersign.internal\n" for address in ADDRESSES))
        return run(built.client(folder))

    return start


def code_for(replicas: list[Countersign], username: str) -> str:
    """The newest code for a user, whichever replica has sent it."""

    def newest() -> str | None:
        sent = [event for replica in replicas for event in replica.events() if event.get("code") and event.get("username") == username]
        return max(sent, key=lambda event: event["timestamp"])["code"] if sent else None

    return wait_until(f"a code for {username}", newest)


def error(answer: dict) -> tuple[str, str]:
    assert "error" in answer, answer
    return answer["error"]["code"], answer["error"].get("reason")


def handled(replica: Countersign, method: str, code: str) -> int:
    """How many calls of a method have ended so, as the replica counts them."""
    with urllib.request.urlopen(f"{replica.http}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    rows = [line for line in lines if line.startswith("grpc_server_handled_total{") and f'"{method}"' in line and f'"{code}"' in line]
    return sum(int(float(row.rpartition(" ")[2])) for row in rows)


@languages
def test_the_whole_flow(language, replicas, client):
    talker = client(language, replicas)
    name = f"{language}-user"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "two_factor": True, "request_id": str(uuid.uuid4())}
    registered = talker.ask(op="register", **user)["user"]
    assert (registered["username"], registered["two_factor_enabled"]) == (name, True)
    # Sent again, as after an answer that was lost: the same user.
    assert talker.ask(op="register", **user)["user"]["id"] == registered["id"]
    assert error(talker.ask(op="register", **(user | {"request_id": str(uuid.uuid4())}))) == ("ALREADY_EXISTS", "USERNAME_TAKEN")
    assert error(talker.ask(op="register", **(user | {"username": "a b", "request_id": ""}))) == ("INVALID_ARGUMENT", "INVALID_FIELD")

    assert error(talker.ask(op="login", username=name, password="wrong")) == ("UNAUTHENTICATED", "INVALID_CREDENTIALS")
    challenge = talker.ask(op="login", username=name, password=PASSWORD)["challenge"]
    code = code_for(replicas, name)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert error(talker.ask(op="verify", challenge_id=challenge["challenge_id"], code=wrong)) == ("UNAUTHENTICATED", "CHALLENGE_INVALID")

    # Too early for another code: the person is told at once for how long, although the client has a policy of retries.
    begun = time.monotonic()
    answer = talker.ask(op="resend", challenge_id=challenge["challenge_id"])
    assert error(answer) == ("RESOURCE_EXHAUSTED", "THROTTLED"), f"after {time.monotonic() - begun:.1f} s"
    assert 0 < answer["error"]["retryAfter"] <= 30

    tokens = talker.ask(op="verify", challenge_id=challenge["challenge_id"], code=code)["tokens"]
    assert tokens["access_token"].count(".") == 2
    # A refresh whose answer was lost, once more with its id; another tab with the same token gets the same, too; and once the
    # successor is used the first token is over.
    again = {"op": "refresh", "refresh_token": tokens["refresh_token"], "request_id": str(uuid.uuid4())}
    successor = talker.ask(**again)["tokens"]["refresh_token"]
    assert talker.ask(**again)["tokens"]["refresh_token"] == successor
    another = again | {"request_id": str(uuid.uuid4())}
    assert talker.ask(**another)["tokens"]["refresh_token"] == successor
    assert talker.ask(**(another | {"refresh_token": successor}))["tokens"]["refresh_token"] != successor
    assert error(talker.ask(**another)) == ("UNAUTHENTICATED", "REFRESH_REUSED")
    # Both replicas have had calls.
    calls = [sum(handled(replica, method, "OK") for method in ("Register", "Login", "Verify2FA", "RefreshToken")) for replica in replicas]
    assert all(calls), calls
    assert [handled(replica, "ResendCode", "RESOURCE_EXHAUSTED") for replica in replicas] in ([0, 1], [1, 0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_retries_wait_as_long_as_the_service_says(language, tmp_path, postgres, run, client):
    """More registrations at once than hashes may wait, one for each replica: those that are refused come again, and all succeed."""
    narrow = {"COUNTERSIGN_HASH_THREADS": "1", "COUNTERSIGN_HASH_LANES": "1", "COUNTERSIGN_HASH_QUEUE": "2", "COUNTERSIGN_BCRYPT_COST": "11"}
    replicas = [run(replica) for replica in two(tmp_path, postgres.url(), **narrow)]
    talker = client(language, replicas)
    # Not before the client has connections to both.
    wait_until("both replicas are used", lambda: talker.ask(op="login", username="x", password="x") and all(
        handled(replica, "Login", "UNAUTHENTICATED") for replica in replicas))  # fmt: skip
    results = talker.ask(op="crowd", count=8, prefix=f"{language}-", password=PASSWORD)["results"]
    refused = sum(handled(replica, "Register", "RESOURCE_EXHAUSTED") for replica in replicas)
    print(f"{language}: {refused} of {8 + refused} attempts were refused, and {results.count('OK')} of 8 calls succeeded")
    assert refused
    assert results == ["OK"] * 8


def test_grpcio_needs_an_authority_for_several_addresses(replicas, client):
    talker = client("python", replicas, ('("grpc.default_authority", "countersign"),', ""))
    answer = talker.ask(op="register", username="nobody", email="nobody@example.com", password=PASSWORD)
    print(f"without an authority: {answer}")
    assert answer["error"]["code"] == "INTERNAL" and not answer["error"]["reason"]
    assert [handled(replica, "Register", code) for replica in replicas for code in ("OK", answer["error"]["code"])] == [0, 0, 0, 0]


def load(talkers: dict[str, Talker], pause: int) -> None:
    """Each client calls with four workers, as a user of its own without a second factor."""
    for language, talker in talkers.items():
        user = {"username": f"{language}-load", "password": PASSWORD}
        registered = talker.ask(op="register", email=f"{language}@load.example", **user)
        assert "user" in registered or error(registered)[1] == "USERNAME_TAKEN", registered
        talker.ask(op="begin_load", workers=4, pause=pause, **user)


def loaded(talkers: dict[str, Talker], at_least: int) -> dict[str, dict]:
    """Ends the load; what each client has seen."""
    for talker in talkers.values():
        talker.send(op="end_load", at_least=at_least)
    results = {language: talker.answer(300) for language, talker in talkers.items()}
    for language, result in results.items():
        print(f"{language}: {result['calls']} calls, failed {result['failures'] or 0}, {result['gap']:.2f} s without a success at the longest")
    return results


def roll(replicas: list[Countersign]) -> None:
    """Restarts one after the other, each when the one before is ready."""
    for replica in replicas:
        assert replica.stop() == 0
        replica.start()
        wait_until(f"{replica.name} is ready", lambda url=f"{replica.http}/readyz": is_ready(url))


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_no_call_fails_in_a_rolling_restart(tmp_path, postgres, run, client):
    # A cost that leaves the machine to the calls.
    replicas = [run(replica) for replica in two(tmp_path, postgres.url(), COUNTERSIGN_BCRYPT_COST="10", COUNTERSIGN_DRAIN_DELAY="5s")]
    talkers = {language: client(language, replicas) for language in LANGUAGES}
    load(talkers, pause=10)
    roll(replicas)
    # Each this many, and 10,000 together.
    results = loaded(talkers, 2_500)
    assert {language: result["failures"] for language, result in results.items()} == dict.fromkeys(talkers, {})
    assert all(result["calls"] >= 2_500 for result in results.values())


def test_a_replica_that_falls_silent_is_left(replicas, client):
    """Its calls wait for their deadline until keepalive has found it: 20 and 5 s, as the guides say."""
    talkers = {language: client(language, replicas) for language in LANGUAGES}
    load(talkers, pause=50)
    frozen = replicas[0]
    frozen.signal(signal.SIGSTOP)
    try:
        # That it takes no longer is what is asked.
        time.sleep(20 + 5 + 3)
        silent = loaded(talkers, 0)
        load(talkers, pause=50)  # registered already: no more than an error
        after = loaded(talkers, 200)
    finally:
        frozen.signal(signal.SIGCONT)
    assert all(set(result["failures"]) <= {"DEADLINE_EXCEEDED", "UNAVAILABLE"} for result in silent.values()), silent
    assert {language: result["failures"] for language, result in after.items()} == dict.fromkeys(talkers, {})
