"""Runs the service as the kubelet would run a rendered container: its arguments, its environment, what is mounted."""

import base64
import json
import signal
import subprocess
from pathlib import Path

from .chart import CHECKER, Object

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()


def environment(container: Object, given: dict[str, str], mounts: Path) -> dict[str, str]:
    """References to secrets are looked up in `given`, by the variable's name. Addresses stay; their ports are free ones."""
    found = {}
    for entry in container["env"]:
        reference = entry.get("valueFrom", {})
        value = entry.get("value", "1" if "resourceFieldRef" in reference else given.get(entry["name"]))
        for mount in container.get("volumeMounts", ()):
            path = mount["mountPath"]
            value = value.replace(f"{path}/", f"{mounts}{path}/")
        found[entry["name"]] = f"{value.rsplit(':', 1)[0]}:0" if entry["name"].endswith("_ADDR") else value
    return {**found, "COUNTERSIGN_LOG_FORMAT": "json"}


def migrate(binary: Path, container: Object, given: dict[str, str], mounts: Path) -> None:
    env = environment(container, given, mounts)
    done = subprocess.run([binary, *container["args"]], env=env, cwd=mounts, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{container['args']} failed: {done.stderr}"


class Server:
    """A replica. Its log is read line by line; `wait_for` gives the first line with a message."""

    def __init__(self, name: str, binary: Path, container: Object, given: dict[str, str], mounts: Path) -> None:
        self.name = name
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [binary, *container["args"]],
            env=environment(container, given, mounts),
            cwd=mounts,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )

    def wait_for(self, *messages: str) -> Object:
        for line in self.process.stderr:
            self.log.append(line)
            said = json.loads(line)
            if said["message"] in messages:
                return said
        raise AssertionError(f"{self.name} ended before it said {messages}:\n{''.join(self.log)}")

    def probe(self, manifests: Path, listening: Object) -> dict[str, str]:
        """What the kubelet's own code finds: `success` or `failure` for each probe."""
        ports = [f"{part}={listening[part].rsplit(':', 1)[1]}" for part in ("grpc", "http")]
        done = subprocess.run([CHECKER, "probe", manifests, *ports], capture_output=True, text=True, check=False)
        found = dict(line.split(": ")[:2] for line in done.stdout.splitlines())
        assert len(found) == 3, f"{self.name}: {done.stdout}{done.stderr}"
        return found

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self, grace: int) -> None:
        """After that many seconds the kubelet kills."""
        self.process.communicate(timeout=grace)
        assert self.process.returncode == 0, f"{self.name} ended with {self.process.returncode}"

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
