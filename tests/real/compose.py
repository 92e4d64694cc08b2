"""The Envoy of docker-compose.yml's profile `mesh`, with its rules, before a replica of a test."""

import json
import urllib.error
import urllib.request
from pathlib import Path

from countersign import ROOT, Countersign
from programs import free_port
from proxies import Envoy

FOLDER = ROOT / "deploy/compose"
RULES = FOLDER / "authz/rules.json"


def envoy(folder: Path, server: Countersign) -> Envoy:
    """With addresses of this machine in place of the containers'. There is no collector, which must not matter."""
    port, shop, nobody = free_port(), free_port(), free_port()
    text = (FOLDER / "envoy.yaml").read_text()
    replacements = {
        "port_value: 9901": f"port_value: {free_port()}",
        "address: 0.0.0.0, port_value: 10000": f"address: 127.0.0.1, port_value: {port}",
        "port_value: 10001": f"port_value: {shop}",
        "address: countersign, port_value: 50051": f"address: 127.0.0.1, port_value: {server.grpc.rsplit(':', 1)[1]}",
        "address: countersign, port_value: 8080": f"address: 127.0.0.1, port_value: {server.http.rsplit(':', 1)[1]}",
        "address: collector, port_value: 4317": f"address: 127.0.0.1, port_value: {nobody}",
    }
    for there, here in replacements.items():
        assert there in text, there
        text = text.replace(there, here)
    (folder / "envoy.yaml").write_text(text)
    return Envoy(folder, port)


def get(url: str, **headers: str) -> tuple[int, dict]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}
