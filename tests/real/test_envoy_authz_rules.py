"""The file of rules changes while requests go through: by every way that a file can change, and with mistakes in it."""

import os
from pathlib import Path

import pytest

import authz
from authz import People, Traffic, figure, rules_text
from countersign import Countersign
from issuer import Issuer
from programs import wait_until
from proxies import Envoy
from upstream import bearer, send
from volume import Volume

FIRST = [{"path_prefix": "/both"}, {"path_prefix": "/first"}]
SECOND = [{"path_prefix": "/both"}, {"path_prefix": "/second"}]
REFUSED = "the file of rules is refused: those before stay in force"


def wait_for(proxy: Envoy, token: str, path: str, other: str) -> None:
    """Until the rules with the one path are in force, and not those with the other."""
    wait_until(f"{path} passes", lambda: send(proxy.port, path, bearer(token)).status == 200, 10)
    assert send(proxy.port, other, bearer(token)).status == 403


def told(server: Countersign, message: str) -> int:
    return sum(event.get("message") == message for event in server.events())


def start(tmp_path: Path, upstream, run, rules: Path) -> tuple[Issuer, Envoy, str]:
    server = run(Issuer(tmp_path, COUNTERSIGN_AUTHZ_RULES=str(rules)))
    people = People(server)
    people.register("alice")
    return server, run(authz.envoy(tmp_path, [server], upstream)), people.log_in("alice").access_token


@pytest.mark.short
def test_new_rules_count_however_the_file_changes(tmp_path, upstream, run):
    rules, new = tmp_path / "authz.json", tmp_path / "new"
    rules.write_text(rules_text(*FIRST))
    server, proxy, token = start(tmp_path, upstream, run, rules)
    with Traffic(proxy.port, ("/both", token)) as traffic:
        wait_for(proxy, token, "/first", "/second")
        new.write_text(rules_text(*SECOND))
        os.replace(new, rules)
        wait_for(proxy, token, "/second", "/first")
        # In place, and with the same time: the content counts.
        before = rules.stat()
        rules.write_text(rules_text(*FIRST))
        os.utime(rules, ns=(before.st_atime_ns, before.st_mtime_ns))
        wait_for(proxy, token, "/first", "/second")
        # A file that is gone changes nothing.
        rules.unlink()
        server.wait_for("a word about it", lambda: told(server, REFUSED) == 1)
        assert send(proxy.port, "/first", bearer(token)).status == 200
        rules.write_text(rules_text(*SECOND))
        wait_for(proxy, token, "/second", "/first")
    assert traffic.seen.keys() == {("/both", 200)}, traffic.seen
    print(traffic.seen)


@pytest.mark.short
def test_new_rules_count_as_kubernetes_mounts_them(tmp_path, upstream, run):
    volume = Volume(tmp_path / "rules")
    volume.write({"rules.json": rules_text(*FIRST)})
    _, proxy, token = start(tmp_path, upstream, run, volume.folder / "rules.json")
    with Traffic(proxy.port, ("/both", token)) as traffic:
        for _ in range(2):
            volume.write({"rules.json": rules_text(*SECOND)})
            wait_for(proxy, token, "/second", "/first")
            volume.write({"rules.json": rules_text(*FIRST)})
            wait_for(proxy, token, "/first", "/second")
    assert traffic.seen.keys() == {("/both", 200)}, traffic.seen


def test_rules_with_a_mistake_change_nothing_and_are_told_of(tmp_path, upstream, run):
    rules = tmp_path / "authz.json"
    rules.write_text(rules_text(*FIRST))
    server, proxy, token = start(tmp_path, upstream, run, rules)
    metric = "countersign_authz_rules_refused"
    assert figure(server, metric) == 0
    with Traffic(proxy.port, ("/both", token), ("/first", token)) as traffic:
        for number, text in enumerate(("", "{", '{"rules": []}', rules_text({"path_prefix": "/second", "role": ["admin"]})), start=1):
            rules.write_text(text)
            server.wait_for("a word about it", lambda number=number: told(server, REFUSED) == number)
            assert figure(server, metric) == 1
        why = [event["why"] for event in server.events() if event.get("message") == REFUSED]
        assert "unknown field `role`" in why[-1], why
        rules.write_text(rules_text(*FIRST))
        wait_until("the metric goes back", lambda: figure(server, metric) == 0, 10)
    assert traffic.seen.keys() == {("/both", 200), ("/first", 200)}, traffic.seen
    # Said once each, and not again and again.
    assert told(server, REFUSED) == 4
