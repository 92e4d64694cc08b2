#!/usr/bin/env bash
# A gRPC backend of HAProxy speaks HTTP/2 without TLS (`proto h2`), and its health check asks a plain HTTP/1.1 port
# (`port`, `check-proto h1`). May `check-proto h1` stand in `default-server`, as `proto h2`, `check` and `inter` may?
#
# Guess: yes. It is a parameter of servers like the others, and the configuration is accepted without a warning.
#
# Seen: it is accepted and has no effect. The check speaks HTTP/2 (it begins with "PRI * HTTP/2.0") to a port that knows HTTP/1.1
# alone, so every server is DOWN, and the backend answers 503. On the `server` line the same words work: "GET /readyz HTTP/1.1".
#
#   default-server … check-proto h1:   PRI * HTTP/2.0
#   server … check-proto h1:           GET /readyz HTTP/1.1
#
# Versions: HAProxy 2.6.12 (Debian 12). Seen on 2026-11-28.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# Debian's package and what it needs beside a minimal system, unpacked here: nothing is installed.
apt-get --quiet --quiet --option APT::Sandbox::User=root download haproxy=2.6.12-1+deb12u4 liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
for package in *.deb; do
    dpkg-deb --extract "$package" root
done
libraries=("$PWD"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH=${libraries[0]}

timeout 60 python3 - "$PWD/root/usr/sbin/haproxy" <<'PYTHON'
import pathlib
import socket
import subprocess
import sys

CONFIGURATION = """
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
backend grpc
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr host grpc
    default-server proto h2 check inter 1s {default}
    server one 127.0.0.1:1 port {port} {server}
frontend unused
    bind unix@unused.sock
    default_backend grpc
"""


def first_line_of_the_check(default: str, server: str) -> str:
    with socket.create_server(("127.0.0.1", 0)) as checked:
        checked.settimeout(10)
        port = checked.getsockname()[1]
        pathlib.Path("haproxy.cfg").write_text(CONFIGURATION.format(default=default, server=server, port=port))
        haproxy = subprocess.Popen([sys.argv[1], "-db", "-f", "haproxy.cfg"], stderr=subprocess.PIPE, text=True)
        try:
            connection, _ = checked.accept()
            with connection:
                connection.settimeout(10)
                return connection.recv(1024).split(b"\r\n")[0].decode()
        finally:
            haproxy.terminate()
            said = haproxy.communicate()[1]
            if "check-proto" in said:
                sys.exit(f"HAProxy has a word about it now:\n{said}")


failed = False
for name, default, server, expected in (
    ("default-server … check-proto h1", "check-proto h1", "", "PRI * HTTP/2.0"),
    ("server … check-proto h1", "", "check-proto h1", "GET /readyz HTTP/1.1"),
):
    seen = first_line_of_the_check(default, server)
    print(f"{name + ':':<35}{seen}")
    failed |= seen != expected
if failed:
    sys.exit("this is not what was seen before")
PYTHON
