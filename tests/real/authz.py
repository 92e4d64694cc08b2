"""Envoy asks the service whether requests may pass (ext_authz), as docs/guides/envoy-authz.md has it."""

import json
import ssl
import subprocess
import threading
import urllib.request
from collections import Counter
from pathlib import Path

import guides
from caller import Caller, Letters
from countersign import BINARY, PASSWORD, Countersign
from issuer import Issuer, SecureIssuer
from programs import free_port, wait_until
from proxies import Envoy
from upstream import Upstream, bearer, send

GUIDE = "envoy-authz"


def rules_text(*rules: dict) -> str:
    return json.dumps({"rules": rules})


def rules_file(folder: Path, *rules: dict) -> str:
    path = folder / "authz.json"
    path.write_text(rules_text(*rules))
    return str(path)


def authorizer(folder: Path, *rules: dict, **settings: str) -> Issuer:
    """The service on SQLite, with these rules."""
    return Issuer(folder, COUNTERSIGN_AUTHZ_RULES=rules_file(folder, *rules), **settings)


def envoy(folder: Path, servers: list[Countersign], upstream: Upstream, **changes: str) -> Envoy:
    """The guide's, in front of the upstream; each of its two replicas is one of the servers."""
    port, admin = free_port(), free_port()
    replacements = {
        "port_value: 9901": f"port_value: {admin}",
        "address: 0.0.0.0, port_value: 8000": f"address: 127.0.0.1, port_value: {port}",
        "address: 10.0.0.21, port_value: 3000": f"address: 127.0.0.1, port_value: {upstream.http}",
        "address: 10.0.0.21, port_value: 50051": f"address: 127.0.0.1, port_value: {upstream.grpc}",
    }
    for number, address in enumerate(("10.0.0.11", "10.0.0.12")):
        server = servers[number % len(servers)]
        there = f"address: {address}, port_value: 50051"
        replacements[there] = f"address: 127.0.0.1, port_value: {server.grpc.rpartition(':')[2]}"
    guides.write(GUIDE, folder, replacements | changes)
    return Envoy(folder, port, admin, file="envoy-authz.yaml")


class People:
    """Who asks: users with roles, claims and second factors, and service accounts."""

    def __init__(self, server: Countersign):
        self.server, self.call, self.letters = server, Caller(server), Letters(server)

    def command(self, *arguments: str) -> str:
        done = subprocess.run([str(BINARY), *arguments], cwd=self.server.folder, env=self.server.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def register(self, name: str, *options: str) -> None:
        self.call("Register", username=name, email=f"{name}@example.com", password=PASSWORD)
        if options:
            self.command("user", "set", name, *options)

    def log_in(self, name: str, audience: str = ""):
        """Tokens of a user without a second factor."""
        return self.call("Login", username=name, password=PASSWORD, audience=audience).tokens

    def log_in_with_code(self, name: str):
        """Tokens of a user with one."""
        sent = len(self.letters.of(name))
        challenge = self.call("Login", username=name, password=PASSWORD).challenge.challenge_id
        code = wait_until(f"a code for {name}", lambda: self.letters.of(name)[sent:])[0]
        return self.call("Verify2FA", challenge_id=challenge, otp_code=code).tokens


def metrics(server: Countersign) -> str:
    authority = server.authority.chain if isinstance(server, SecureIssuer) else None
    context = authority and ssl.create_default_context(cafile=authority)
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=5, context=context) as answer:
        return answer.read().decode()


def figure(server: Countersign, name: str) -> float:
    """Of the service's metrics; 0 where it has not been counted."""
    return next((float(line.removeprefix(name)) for line in metrics(server).splitlines() if line.startswith(f"{name} ")), 0)


class Traffic:
    """The same requests again and again while something happens; how often each had which status."""

    def __init__(self, port: int, *requests: tuple[str, str]):
        self.port, self.requests = port, requests
        self.seen: Counter[tuple[str, int]] = Counter()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(2)]

    def _run(self) -> None:
        while not self.ending.wait(0.005):
            for path, token in self.requests:
                self.seen[path, send(self.port, path, bearer(token)).status] += 1

    def __enter__(self) -> "Traffic":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()
