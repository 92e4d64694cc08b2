"""Mail through real Postfix and Exim, by docs/guides/mail.md. Each mail is counted: one message, one copy."""

import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from countersign import PASSWORD, Countersign
from mail import Authority, Exim, MailServer, Postfix

both = pytest.mark.parametrize("kind", [pytest.param(Postfix, id="postfix"), pytest.param(Exim, id="exim")])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class Person:
    """Somebody who has registered, by gRPC, and reads mail."""

    def __init__(self, server: Countersign, mail: MailServer, address: str = "alice@example.com"):
        from auth.v1 import auth_service_pb2 as auth
        from auth.v1 import auth_service_pb2_grpc

        self.auth, self.mail, self.address = auth, mail, address
        self.stub = auth_service_pb2_grpc.AuthServiceStub(server.channel())
        self.username = re.sub("[^a-z]", "", address.split("@")[0])
        self.stub.Register(
            auth.RegisterRequest(username=self.username, email=address, password=PASSWORD, two_factor=True), timeout=20
        )

    def asks_for_a_code(self) -> str:
        """Logs in as far as the challenge."""
        request = self.auth.LoginRequest(username=self.username, password=PASSWORD)
        return self.stub.Login(request, timeout=20).challenge.challenge_id

    def logs_in(self, challenge: str, code: str) -> None:
        request = self.auth.Verify2FARequest(challenge_id=challenge, otp_code=code)
        assert self.stub.Verify2FA(request, timeout=20).tokens.access_token.count(".") == 2


def code_in(mail) -> str:
    """The code, as a person reads it."""
    return re.search(r"your code is (\d{6})\.", mail.get_body(("plain",)).get_content())[1]


def start(run: Callable, folder: Path, mail: MailServer, **changes: str) -> Countersign:
    settings = mail.settings(**changes)
    return run(Countersign(folder, f"sqlite://{folder}/countersign.db", **settings))


@pytest.mark.parametrize("kind", [pytest.param(Postfix, id="postfix", marks=pytest.mark.short), pytest.param(Exim, id="exim")])
def test_a_login_code_arrives_by_starttls(tmp_path, run, authority, kind):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail)
    alice = Person(server, mail)
    challenge = alice.asks_for_a_code()
    [letter] = mail.wait_for_mails("alice@example.com", 1)
    alice.logs_in(challenge, code_in(letter))
    assert copies(server, mail, "alice") == [1]


@both
def test_a_login_code_arrives_by_implicit_tls(tmp_path, run, authority, kind):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail, COUNTERSIGN_SMTP_URL=mail.url(tls=True))
    alice = Person(server, mail)
    challenge = alice.asks_for_a_code()
    alice.logs_in(challenge, code_in(mail.wait_for_mails("alice@example.com", 1)[0]))
    assert copies(server, mail, "alice") == [1]


def figures(server: Countersign) -> dict[str, float]:
    """What /metrics says of the outbox: names with their labels."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("countersign_outbox"))
    return {name.removeprefix("countersign_outbox_"): float(value) for name, value in pairs}


def wait_for_figure(server: Countersign, name: str, least: float = 1, seconds: float = 60) -> None:
    server.wait_for(f"{name} is {least} or more", lambda: figures(server).get(name, 0) >= least, seconds)


def failed_tries(server: Countersign) -> dict[str, float]:
    """By cause, those that there were."""
    tries = {name: value for name, value in figures(server).items() if name.startswith("tries_failed_total")}
    return {name.split('"')[1]: value for name, value in tries.items() if value}


def lines(server: Countersign, message: str) -> list[dict]:
    return [event for event in server.events() if message in event.get("message", "")]


def copies(server: Countersign, mail: MailServer, *names: str) -> list[int]:
    """How many mails each has, when there is nothing on its way any more."""
    server.wait_for("nothing waits", lambda: figures(server)["waiting"] == 0)
    mail.wait_for("all is delivered", mail.is_idle)
    return [len(mail.mails(f"{name}@example.com")) for name in names]


def gets_in(person: Person) -> float:
    """Logs in with a mailed code. The seconds that the mail took."""
    before = len(person.mail.mails(person.address))
    begun = time.monotonic()
    challenge = person.asks_for_a_code()
    letters = person.mail.wait_for_mails(person.address, before + 1)
    took = time.monotonic() - begun
    person.logs_in(challenge, code_in(letters[-1]))
    return took


@both
def test_a_mail_keeps_the_code_out_of_the_subject_and_asks_for_no_answer(tmp_path, run, authority, kind):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com")
    run(mail)
    Person(start(run, tmp_path, mail), mail).asks_for_a_code()
    [letter] = mail.wait_for_mails("alice@example.com", 1)
    assert code_in(letter) not in letter["Subject"]
    assert letter["From"] == "Example <auth@example.com>"
    assert letter["X-Auto-Response-Suppress"] == "All" and letter["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.com>", letter["Message-ID"])
    assert 'lang="en"' in letter.get_body(("html",)).get_content()


@pytest.mark.parametrize("kind, options", [
    pytest.param(Postfix, {"extra": "smtpd_sasl_mechanism_filter = login\n"}, id="postfix"),
    pytest.param(Exim, {"plain": "no"}, id="exim"),
])  # fmt: skip
def test_auth_login_is_spoken_where_there_is_no_plain(tmp_path, run, authority, kind, options):
    mail = kind(tmp_path, authority, **options)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail)
    gets_in(Person(server, mail))
    assert copies(server, mail, "alice") == [1]


def test_a_server_without_a_common_way_to_log_in_is_told_with_what_it_offers(tmp_path, run, authority):
    mail = Exim(tmp_path, authority, plain="no", login="no")
    run(mail)
    server = start(run, tmp_path, mail)
    Person(server, mail).asks_for_a_code()
    wait_for_figure(server, 'trouble{cause="setup"}')
    [line] = lines(server, "messages do not get through")
    print(line["why"])
    assert "PLAIN" in line["why"] and "it offers CRAM-MD5" in line["why"]


@both
def test_without_the_private_authority_nothing_is_sent_and_with_it_the_code_arrives(tmp_path, run, authority, kind):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com")
    run(mail)
    settings = mail.settings()
    authorities = settings.pop("COUNTERSIGN_DELIVERY_CA")
    server = run(Countersign(tmp_path, f"sqlite://{tmp_path}/countersign.db", **settings))
    alice = Person(server, mail)
    challenge = alice.asks_for_a_code()
    wait_for_figure(server, 'trouble{cause="away"}')
    [line] = lines(server, "messages do not get through")
    assert "certificate" in line["why"]
    assert server.stop() == 0 and mail.mails("alice@example.com") == []
    # What was kept goes out.
    server = start(run, tmp_path, mail, COUNTERSIGN_DELIVERY_CA=authorities)
    [letter] = mail.wait_for_mails("alice@example.com", 1)
    alice.stub = type(alice.stub)(server.channel())
    alice.logs_in(challenge, code_in(letter))
    assert copies(server, mail, "alice") == [1]


def test_a_server_without_starttls_gets_nothing(tmp_path, run, authority):
    mail = Exim(tmp_path, authority, starttls="")
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail)
    Person(server, mail).asks_for_a_code()
    wait_for_figure(server, 'trouble{cause="setup"}')
    print(lines(server, "messages do not get through")[0]["why"])
    assert mail.mails("alice@example.com") == []


@both
def test_a_wrong_password_is_tried_once_a_minute_and_everything_is_kept(tmp_path, run, authority, kind):
    names = ["alice", "bob", "carol"]
    mail = kind(tmp_path, authority)
    mail.add(*(f"{name}@example.com" for name in names))
    run(mail)
    server = start(run, tmp_path, mail, COUNTERSIGN_SMTP_URL=mail.url(password="wrong"))
    alice = Person(server, mail)
    alice.asks_for_a_code()
    wait_for_figure(server, 'trouble{cause="setup"}')
    [line] = lines(server, "messages do not get through")
    print(line["why"])
    assert "535" in line["why"] and "wrong" not in line["why"]
    # Others fail without a try of the password: servers lock accounts out.
    for name in ("bob", "carol"):
        Person(server, mail, f"{name}@example.com").asks_for_a_code()
    wait_for_figure(server, 'tries_failed_total{cause="setup"}', 3)
    assert len(re.findall(mail.WRONG_PASSWORD, mail.text())) == 1
    assert server.stop() == 0
    server = start(run, tmp_path, mail)
    begun = time.monotonic()
    for name in names:
        mail.wait_for_mails(f"{name}@example.com", 1, 120)
    print(f"all are there {time.monotonic() - begun:.1f} s after a start with the right password")
    assert copies(server, mail, *names) == [1, 1, 1]


# Where Postfix puts off its answer to RCPT, as it does by default, it looks like one about the recipient.
DELAYED = pytest.param(Postfix, {"delay_reject": True}, "recipient", id="postfix-as-it-comes")


@pytest.mark.parametrize("kind, options, cause", [
    pytest.param(Postfix, {}, "away", id="postfix"),
    DELAYED,
    pytest.param(Exim, {"main": "helo_verify_hosts = *"}, "setup", id="exim"),
])  # fmt: skip
def test_a_name_in_ehlo_that_is_refused_is_cured_by_the_setting(tmp_path, run, authority, kind, options, cause):
    if kind is Postfix:
        # 450: the name may be known tomorrow.
        names = {"extra": "smtpd_helo_restrictions = reject_unknown_helo_hostname\n", "hosts": "A login.example.com 127.0.0.1\n"}
        options = options | names
    mail = kind(tmp_path, authority, **options)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail, COUNTERSIGN_SMTP_HELLO="unknown.example.com", COUNTERSIGN_LOG="info,countersign=debug")
    Person(server, mail).asks_for_a_code()
    wait_for_figure(server, f'tries_failed_total{{cause="{cause}"}}')
    print(lines(server, "a message waits")[0]["why"], "- alarm:", [line["message"] for line in lines(server, "messages do not get through")])
    assert list(failed_tries(server)) == [cause] and mail.mails("alice@example.com") == []
    assert server.stop() == 0
    # With the guide's own name.
    server = start(run, tmp_path, mail)
    mail.wait_for_mails("alice@example.com", 1)
    assert copies(server, mail, "alice") == [1]


@both
def test_an_unknown_mailbox_is_given_up_and_holds_up_nobody(tmp_path, run, authority, kind):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail)
    nobody, alice = Person(server, mail, "nobody@example.com"), Person(server, mail)
    nobody.asks_for_a_code()
    print(f"beside it: {gets_in(alice):.2f} s")
    wait_for_figure(server, 'failed_total{kind="login"}')
    [line] = lines(server, "a message is given up")
    print(line["why"])
    assert "550 5.1.1" in line["why"] and line["tries"] == 1 and "nobody" not in line["why"]
    assert failed_tries(server) == {"refused": 1}
    assert lines(server, "messages do not get through") == []
    assert copies(server, mail, "alice") == [1]


@both
@pytest.mark.parametrize("answer", [
    "450 4.2.0 Greylisted, come back later",
    "452 4.2.2 The mailbox is full",
    "552 5.2.2 The mailbox is full",
    "550 5.7.1 Too many mails today",
])  # fmt: skip
def test_what_may_pass_is_tried_again_and_holds_up_nobody(tmp_path, run, authority, kind, answer):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com", "bob@example.com")
    mail.answers.of["bob@example.com"] = [answer, answer]
    run(mail)
    server = start(run, tmp_path, mail)
    alice, bob = Person(server, mail), Person(server, mail, "bob@example.com")
    begun = time.monotonic()
    challenge = bob.asks_for_a_code()
    beside = gets_in(alice)
    [letter] = mail.wait_for_mails("bob@example.com", 1)
    print(f"{answer}: {time.monotonic() - begun:.1f} s; beside it {beside:.2f} s")
    bob.logs_in(challenge, code_in(letter))
    assert [given for to, given in mail.answers.given if to == "bob@example.com"] == [answer, answer, "DUNNO"]
    assert failed_tries(server) == {"recipient": 2}
    assert lines(server, "messages do not get through") == []
    assert copies(server, mail, "alice", "bob") == [1, 1]


NOT_YOURS = "  deny condition = ${if !eq{$sender_address}{auth@example.com}}\n       message = 553 5.7.1 Not your address"


@pytest.mark.parametrize("kind, options, cause", [
    pytest.param(Postfix, {}, "setup", id="postfix"),
    DELAYED,
    pytest.param(Exim, {"mail": NOT_YOURS}, "setup", id="exim"),
])  # fmt: skip
def test_a_sender_that_is_refused_raises_an_alarm_and_everything_is_kept(tmp_path, run, authority, kind, options, cause):
    mail = kind(tmp_path, authority, **options)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail, COUNTERSIGN_SMTP_FROM="other@example.com", COUNTERSIGN_LOG="info,countersign=debug")
    Person(server, mail).asks_for_a_code()
    wait_for_figure(server, f'tries_failed_total{{cause="{cause}"}}', 2)
    alarms = lines(server, "messages do not get through")
    print(lines(server, "a message waits")[0]["why"], "- alarms:", len(alarms))
    assert "553 5.7.1" in lines(server, "a message waits")[0]["why"] and list(failed_tries(server)) == [cause]
    assert figures(server).get('trouble{cause="setup"}', 0) == len(alarms) == (cause == "setup")
    assert server.stop() == 0 and mail.mails("alice@example.com") == []
    server = start(run, tmp_path, mail)
    mail.wait_for_mails("alice@example.com", 1)
    assert copies(server, mail, "alice") == [1]


@both
def test_a_server_that_is_started_anew_between_two_mails_gets_each_once(tmp_path, run, authority, kind):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail)
    alice = Person(server, mail)
    gets_in(alice)
    # The connection that the service has kept ends with the server, or does with 421.
    mail.stop()
    mail.start()
    print(f"after the restart: {gets_in(alice):.2f} s")
    assert failed_tries(server) == {}
    assert lines(server, "messages do not get through") == []
    assert copies(server, mail, "alice") == [2]


@both
def test_a_server_that_is_away_for_a_while_gets_what_waited_once(tmp_path, run, authority, kind):
    mail = kind(tmp_path, authority)
    mail.add("alice@example.com")
    run(mail)
    server = start(run, tmp_path, mail)
    alice = Person(server, mail)
    gets_in(alice)
    mail.stop()
    challenge = alice.asks_for_a_code()
    wait_for_figure(server, 'tries_failed_total{cause="away"}', 2)
    assert len(lines(server, "messages do not get through")) == 1
    mail.start()
    begun = time.monotonic()
    letters = mail.wait_for_mails("alice@example.com", 2)
    print(f"after its return: {time.monotonic() - begun:.1f} s")
    alice.logs_in(challenge, code_in(letters[-1]))
    server.wait_for("the end of it is told", lambda: lines(server, "messages get through again"))
    assert copies(server, mail, "alice") == [2]


@pytest.mark.parametrize("kind, options", [
    pytest.param(Postfix, {"extra": "smtputf8_enable = no\n"}, id="postfix"),
    pytest.param(Exim, {}, id="exim"),
])  # fmt: skip
def test_a_domain_beyond_ascii_arrives_without_smtputf8_and_a_local_part_is_given_up(tmp_path, run, authority, kind, options):
    mail = kind(tmp_path, authority, **options)
    mail.add("alice@xn--bcher-kva.example")
    run(mail)
    server = start(run, tmp_path, mail)
    alice, other = Person(server, mail, "alice@bücher.example"), Person(server, mail, "bób@example.com")
    alice.address = "alice@xn--bcher-kva.example"
    gets_in(alice)
    [letter] = mail.mails(alice.address)
    assert letter["To"] == alice.address
    other.asks_for_a_code()
    wait_for_figure(server, 'failed_total{kind="login"}')
    print(lines(server, "a message is given up")[0]["why"])
    assert failed_tries(server) == {"refused": 1}
