"""Envoy, HAProxy and nginx, each with its guide's configuration, in front of two replicas."""

import contextlib
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import guides
from load import Replicas
from programs import Program, accepts, free_port

# nginx's own file of Debian, as far as the guide's depends on it: it is included in `http`.
NGINX = """
pid nginx.pid;
error_log stderr info;
worker_processes 2;
events {}
http {
    access_log off;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    include countersign.conf;
}
"""


class Proxy(Program):
    """Listens with TLS on `port`."""

    port: int

    def start(self) -> "Proxy":
        super().start()
        self.wait_for("accepts connections", lambda: accepts(self.port))
        return self

    def kill(self) -> None:
        """Asks first: nginx's workers would outlive a master that is killed."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.process:
                self.process.wait(10)
        super().kill()


class Envoy(Proxy):
    def __init__(self, folder: Path, port: int, admin: int | None = None, file: str = "envoy.yaml"):
        self.port, self.admin = port, f"http://127.0.0.1:{admin}"
        command = [Path(sys.executable).parent / "envoy", "-c", file, "--concurrency", "2", "--use-dynamic-base-id"]
        super().__init__("envoy", [*command, "--log-level", "warning"], folder)

    def value(self, name: str) -> int:
        """Of a counter or gauge."""
        with urllib.request.urlopen(f"{self.admin}/stats?filter=^{name}$", timeout=5) as answer:
            (line,) = answer.read().splitlines()
        return int(line.rsplit(b" ", 1)[1])


def envoy(folder: Path, replicas: Replicas, **changes: str) -> Envoy:
    port, admin = free_port(), free_port()
    replacements = {
        "port_value: 9901": f"port_value: {admin}",
        "address: 0.0.0.0, port_value: 8443": f"address: 127.0.0.1, port_value: {port}",
        "/etc/envoy/": f"{folder}/",
    }
    for number, address in enumerate(("10.0.0.11", "10.0.0.12")):
        there = f"address: {address}, port_value: 50051"
        replacements[there] = f"address: 127.0.0.1, port_value: {replicas.port(number, 'grpc')}"
        there = f"address: {address}, port_value: 8080"
        replacements[there] = f"address: 127.0.0.1, port_value: {replicas.port(number, 'http')}"
    guides.write("envoy", folder, replacements | changes)
    return Envoy(folder, port, admin)


def haproxy(folder: Path, replicas: Replicas, **changes: str) -> Proxy:
    port = free_port()
    replacements = {"bind :8443": f"bind 127.0.0.1:{port}", "/etc/haproxy/": f"{folder}/"}
    # A whole path could be longer than a socket's may be.
    replacements |= {"stats socket /run/haproxy/": "stats socket unix@", "stdio /run/haproxy/": "stdio ./"}
    for number, address in enumerate(("10.0.0.11", "10.0.0.12")):
        here = f"{replicas.each[number].grpc} port {replicas.port(number, 'http')}"
        replacements[f"{address}:50051 port 8080"] = here
        replacements[f"{address}:8080"] = f"127.0.0.1:{replicas.port(number, 'http')}"
    guides.write("haproxy", folder, replacements | changes)
    proxy = Proxy("haproxy", ["haproxy", "-db", "-f", "haproxy.cfg"], folder)
    proxy.port = port
    return proxy


def nginx(folder: Path, replicas: Replicas, **changes: str) -> Proxy:
    port = free_port()
    replacements = {"listen 443 ": f"listen 127.0.0.1:{port} ", "/etc/nginx/": f"{folder}/"}
    for number, address in enumerate(("10.0.0.11", "10.0.0.12")):
        replacements[f"{address}:50051"] = replicas.each[number].grpc
        replacements[f"{address}:8080"] = f"127.0.0.1:{replicas.port(number, 'http')}"
    guides.write("nginx", folder, replacements | changes)
    (folder / "nginx.conf").write_text(NGINX)
    (folder / "temporary").mkdir(exist_ok=True)
    proxy = Proxy("nginx", ["nginx", "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf", "-g", "daemon off;"], folder)
    proxy.port = port
    return proxy


PROXIES = {"envoy": envoy, "haproxy": haproxy, "nginx": nginx}
