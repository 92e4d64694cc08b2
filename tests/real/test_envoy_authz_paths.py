"""No spelling of a path leads past a rule, whatever Envoy makes of it: what the service behind gets is what was decided, or it gets nothing."""

import contextlib
import http.client
import itertools
import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

import authz
import guides
from authz import People
from oauth import Answer
from programs import free_port, running
from proxies import Envoy
from upstream import bearer, behind, send

RULES = [
    {"path_prefix": "/admin", "roles": ["admin"]},
    {"path": "/orders/{id}", "methods": ["GET"]},
    {"path_prefix": "/open", "access": "open"},
    {"path_prefix": "/"},
]
# What Envoy can be told to make of a path.
SETTINGS = [
    {"normalize_path": normalize, "merge_slashes": merge, "path_with_escaped_slashes_action": action}
    for normalize, merge, action in itertools.product(
        (False, True), (False, True), ("KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD")
    )
]
# As most people write them, by the rule that decides.
PLAIN = {"/orders/7": 2, "/orders/Ab-c_d~e?x=/../admin": 2, "/open": 3, "/open/a%20b": 3, "/": 4, "/elsewhere/a": 4}
# Each is `/admin` for some server.
ADMIN = [
    "/admin", "/admin/", "/admin/users", "/admin?x", "/Admin", "/ADMIN/users", "/%61dmin", "/%41dmin", "/admi%6e/users", "/%2561dmin", "/%252561dmin",
    "/admin.", "/admin..", "/admin%2e", "/admin%20", "/admin%2520", "/admin%09", "/admin%00", "/admin%00.png", "/admin%0d%0a", "/admin;", "/admin;x=1", "/admin;x/users", "/admin%3bx",
    "//admin", "///admin", "/./admin", "/.//admin", "/%2e/admin", "/%2fadmin", "/%2Fadmin", "/%2f%2fadmin", "/%5cadmin", "/%5Cadmin", "/\\admin", "/;/admin", "/;x/admin",
    "/admin%2fusers", "/admin%5cusers", "/admin\\users", "/admin//users", "/admin/./users", "/admin/x/../users", "/admin%23x", "/admin#x",
    "/admin%3fx", "/admin%3Fx", "/admin%253fx", "/admin%c2%a0",
    "/%e2%84%aa/../admin", "/%ef%bc%8fadmin", "/adm%c4%b1n", "/ADM%c4%b0N", "/%c0%afadmin", "/%ff/../admin",
]  # fmt: skip
UP = [
    "/..", "/../", "//..", "/%2e%2e", "/%2E%2E", "/.%2e", "/%2e.", "/%252e%252e", "/..;", "/..;x", "/%2e%2e;", "/%2e%2e%3b", "/..%00", "/..%20", "/.. ".strip(), "/...", "/..%2f..",
    "%2f..", "%2F%2e%2e", "%5c..", "\\..", "%252f..", "/x/../..", "/x/%2e%2e/..", "/./..", "/.;/..", "/%2e/%2e%2e",
]  # fmt: skip
TO = ["/admin", "%2fadmin", "%5cadmin", "\\admin", "//admin", "/ADMIN", "/admin;x"]


def spellings() -> Iterator[str]:
    yield from ADMIN
    for up, to in itertools.product(UP, TO):
        yield f"/open{up}{to}"
        yield f"/orders{up}{to}"
    yield from ("http://shop.example.com/admin", "http://shop.example.com//admin", "http://shop.example.com/open/../admin", "*", "admin", "", "?x")


def once_more(path: str) -> Iterator[str]:
    """What some server makes of a path in one step."""
    yield urllib.parse.unquote(path, errors="replace")
    yield path.lower()
    # As Java and Python fold it: ı and İ are an i.
    yield path.upper().casefold().replace("\u0307", "")
    yield path.replace("\\", "/")
    yield re.sub("/+", "/", path)
    yield re.sub("[?#\0].*", "", path)
    yield re.sub(";[^/]*", "", path)
    yield re.sub("[. \t\r\n\0\xa0]+(?=/|$)", lambda dots: dots[0] if dots[0] in (".", "..") else "", path)
    done: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del done[-1:]
        elif segment != ".":
            done.append(segment)
    yield "/" + "/".join(done)


def readings(path: str) -> set[str]:
    found, new = set(), {path}
    while new:
        found |= new
        new = {reading for path in new for reading in once_more(path)} - found
    return found


def is_for_administrators(path: str) -> bool:
    return any(re.match("/admin(/|$)", reading) for reading in readings(path))


def rule_for(path: str) -> int:
    """The rule of a path as it stands."""
    path = path.partition("?")[0]
    if re.match("/admin(/|$)", path):
        return 1
    if re.fullmatch("/orders/[^/]+/?", path):
        return 2
    return 3 if re.match("/open(/|$)", path) else 4


def listen(envoy: Envoy) -> list[int]:
    """Gives Envoy a listener for each of the settings; their ports. The service behind gets the number of the rule that decided."""
    path = Path(envoy.folder) / "envoy-authz.yaml"
    head, begin, rest = path.read_text().partition("  listeners:\n")
    listener, end, clusters = rest.partition("  clusters:\n")
    rule = """{ header: { key: x-rule, value: "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:rule)%" } }"""
    routes = "                route_config:\n"
    assert listener.count(routes) == 1
    listener = listener.replace(routes, f"{routes}                  request_headers_to_add: [{rule}]\n")
    ports, listeners = [], []
    for settings in SETTINGS:
        ports.append(free_port())
        each = listener.replace(f"port_value: {envoy.port}", f"port_value: {ports[-1]}").replace("- name: shop\n", f"- name: shop-{ports[-1]}\n", 1)
        for name, value in settings.items():
            each, count = re.subn(f"{name}: .*", f"{name}: {json.dumps(value)}", each)
            assert count == 1, name
        listeners.append(each)
    path.write_text(head + begin + "".join(listeners) + end + clusters)
    envoy.port = ports[-1]
    return ports


@pytest.fixture(scope="module")
def ports(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[int], str]]:
    """A port for each of the settings, and a token of somebody who is no administrator."""
    folder = tmp_path_factory.mktemp("paths")
    with contextlib.ExitStack() as started:
        server = started.enter_context(running(authz.authorizer(folder, *RULES)))
        orders = started.enter_context(behind())
        envoy = authz.envoy(folder, [server], orders)
        ports = listen(envoy)
        started.enter_context(running(envoy))
        people = People(server)
        people.register("bob")
        yield ports, people.log_in("bob").access_token


def answers(ports: list[int], path: str, token: str) -> Iterator[tuple[dict, Answer]]:
    for settings, port in zip(SETTINGS, ports, strict=True):
        # Envoy may close a connection without a word on what is no HTTP.
        with contextlib.suppress(http.client.RemoteDisconnected, ConnectionResetError):
            answer = send(port, path, bearer(token))
            if answer.status == 307:
                answer = send(port, answer.headers["location"], bearer(token))
            yield settings, answer


def test_plain_paths_pass_unchanged_whatever_the_settings(ports):
    for path, rule in PLAIN.items():
        found = list(answers(ports[0], path, ports[1]))
        assert len(found) == len(SETTINGS)
        for settings, answer in found:
            assert (answer.status, answer.json["path"], answer.json["headers"]["x-rule"]) == (200, path, [str(rule)]), (path, settings, answer)


def test_no_spelling_leads_past_a_rule(ports):
    seen: dict[str, int] = {}
    for path in spellings():
        for settings, answer in answers(ports[0], path, ports[1]):
            seen[str(answer.status)] = seen.get(str(answer.status), 0) + 1
            if answer.status != 200:
                assert answer.status in (400, 403, 404), (path, settings, answer)
                continue
            got = answer.json
            assert not is_for_administrators(got["path"]), (path, settings, got)
            assert got["headers"]["x-rule"] == [str(rule_for(got["path"]))], (path, settings, got)
    print(seen)


@pytest.mark.short
def test_the_guides_settings_decide_what_the_service_behind_gets(ports):
    text = guides.files(authz.GUIDE)["envoy-authz.yaml"]
    words = {name: re.search(f"{name}: (.*)", text)[1] for name in SETTINGS[0]}
    port = ports[0][SETTINGS.index({name: {"true": True, "false": False}.get(word, word) for name, word in words.items()})]
    for path, status in {
        "/admin": 403, "/open/../admin": 403, "/open/%2e%2e/admin": 403, "//admin": 403, "/open/..;/admin": 403, "/%61dmin": 403,
        "/open//x": 200, "/open/x;y": 200, "/admin/..": 200,
        "/open%2fx": 400, "/admin;x": 400, "/Admin": 400, "/open/%2e%2e;/admin": 400, "/%2561dmin": 400,
    }.items():  # fmt: skip
        answer = send(port, path, bearer(ports[1]))
        assert answer.status == status, (path, answer)
