"""Envoy as a caller with a certificate, as docs/guides/envoy-mtls.md has it, while certificates and authorities change."""

import base64
import contextlib
import json
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import guides
from certificates import Authority, Certificate, openssl
from issuer import SecureIssuer
from load import Load
from programs import free_port, wait_until
from proxies import Envoy
from volume import Volume

NAMES = ("DNS:localhost", "DNS:countersign.internal", "IP:127.0.0.1")
GATEWAY = "URI:spiffe://example.org/ns/shop/sa/gateway"


def files(certificate: Certificate, authorities: list[Authority]) -> dict[str, str]:
    """As cert-manager calls them."""
    trusted = "".join(one.chain.read_text() for one in authorities)
    return {"tls.crt": certificate.chain.read_text(), "tls.key": certificate.key.read_text(), "ca.crt": trusted}


class Sides:
    """Countersign and Envoy, each with a folder of its own and what must be in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.services, self.callers = Authority(folder / "services", "services"), Authority(folder / "callers", "callers")
        self.server, self.envoy = Volume(folder / "server-tls"), Volume(folder / "tls")
        self.made = 0
        self.renew([self.services], [self.callers])

    def issue(self, authority: Authority, *names: str) -> Certificate:
        self.made += 1
        return authority.issue(f"{self.made}", *names)

    def renew(self, services: list[Authority], callers: list[Authority]) -> None:
        """New certificates of the last authority of each list; all of them are trusted."""
        self.server.write(files(self.issue(services[-1], *NAMES), callers))
        self.envoy.write(files(self.issue(callers[-1], GATEWAY), services))

    def serial(self, side: Volume) -> str:
        return openssl("x509", "-in", side.folder / "tls.crt", "-noout", "-serial").strip().partition("=")[2].lower().lstrip("0")


@pytest.fixture
def sides(tmp_path) -> Sides:
    return Sides(tmp_path)


@pytest.fixture
def server(tmp_path, sides, run) -> SecureIssuer:
    started = SecureIssuer(
        tmp_path,
        COUNTERSIGN_TLS_CERT=str(sides.server.folder / "tls.crt"), COUNTERSIGN_TLS_KEY=str(sides.server.folder / "tls.key"),
        COUNTERSIGN_TLS_CLIENT_CA=str(sides.server.folder / "ca.crt"), COUNTERSIGN_TLS_CLIENT_AUTH="required",
        COUNTERSIGN_CALLERS="spiffe://example.org/ns/shop/sa/gateway = introspect; anyone = register",
    )  # fmt: skip
    started.authority = sides.services
    started.certificate = sides.issue(sides.callers, GATEWAY)
    return run(started)


def envoy(folder: Path, server: SecureIssuer, lifetime: str) -> Envoy:
    port, admin = free_port(), free_port()
    upstream = int(server.grpc.rpartition(":")[2])
    replacements = {
        "port_value: 9901": f"port_value: {admin}",
        "address: 127.0.0.1, port_value: 50051": f"address: 127.0.0.1, port_value: {port}",
        "/etc/envoy/": f"{folder}/",
        "max_connection_duration: 600s": f"max_connection_duration: {lifetime}",
    }
    for address in ("10.0.0.11", "10.0.0.12"):
        replacements[f"address: {address}, port_value: 50051"] = f"address: 127.0.0.1, port_value: {upstream}"
    guides.write("envoy-mtls", folder, replacements)
    return Envoy(folder, port, admin, file="envoy-mtls.yaml")


def calls(token: str) -> list[dict[str, str]]:
    from auth.v1 import token_service_pb2 as tokens

    message = tokens.IntrospectTokenRequest(token=token).SerializeToString()
    return [{"method": "/auth.v1.TokenService/IntrospectToken", "message": base64.b64encode(message).decode()}]


def in_use(proxy: Envoy) -> set[str]:
    """The serial numbers of Envoy's own certificates."""
    with urllib.request.urlopen(f"{proxy.admin}/certs", timeout=5) as answer:
        listed = json.load(answer)["certificates"]
    return {one["serial_number"].lstrip("0") for each in listed for one in each.get("cert_chain", [])}


@contextlib.contextmanager
def connected(server: SecureIssuer) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=server.authority.chain)
    context.load_cert_chain(server.certificate.chain, server.certificate.key)
    context.set_alpn_protocols(["h2"])
    address = ("127.0.0.1", int(server.grpc.rpartition(":")[2]))
    with socket.create_connection(address, timeout=5) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
        yield secure


def sent(server: SecureIssuer) -> str | None:
    """The serial number of the certificate that a new connection gets; none while it is of another authority."""
    with contextlib.suppress(ssl.SSLCertVerificationError), connected(server) as connection:
        return connection.getpeercert()["serialNumber"].lower().lstrip("0")
    return None


def followed(sides: Sides, server: SecureIssuer, proxy: Envoy) -> float:
    """Waits until both have what is in their folders; after how many seconds the server has."""
    begun = time.monotonic()
    wait_until("the server sends its new certificate", lambda: sent(server) == sides.serial(sides.server), 10)
    took = time.monotonic() - begun
    wait_until("Envoy has its new certificate", lambda: in_use(proxy) == {sides.serial(sides.envoy)}, 10)
    return took


@pytest.mark.parametrize("rounds", [pytest.param(3, marks=pytest.mark.short), 30])
def test_certificates_and_authorities_change_while_calls_go_through(rounds, tmp_path, sides, server, run):
    token = server.token()
    proxy = run(envoy(tmp_path, server, "1s"))
    load = run(Load(tmp_path, "calls", [f"127.0.0.1:{proxy.port}"], calls(token), 200, 100))
    slowest = 0.0
    for _ in range(rounds):
        sides.renew([sides.services], [sides.callers])
        slowest = max(slowest, followed(sides, server, proxy))
    # Both authorities, then new certificates, then the new authorities alone, when no connection is older.
    old = server.certificate
    services, callers = Authority(tmp_path / "new-services", "services"), Authority(tmp_path / "new-callers", "callers")
    sides.renew([services, sides.services], [callers, sides.callers])
    slowest = max(slowest, followed(sides, server, proxy))
    sides.renew([sides.services, services], [sides.callers, callers])
    server.authority, server.certificate = services, sides.issue(callers, GATEWAY)
    slowest = max(slowest, followed(sides, server, proxy))
    connections = proxy.value("cluster.countersign.upstream_cx_total")
    wait_until("Envoy's connections are new ones", lambda: proxy.value("cluster.countersign.upstream_cx_total") >= connections + 4, 20)
    sides.renew([services], [callers])
    slowest = max(slowest, followed(sides, server, proxy))
    result = load.result()
    print(f"{rounds + 3} renewals: {result}; {proxy.value('cluster.countersign.upstream_cx_total')} connections; the server took {slowest:.2f} s at the most")
    assert result.failed == {}
    assert slowest < 1.2
    # The old authority's certificate is worth nothing now.
    server.certificate = old
    # With TLS 1.3 a client's handshake has ended before the server refuses: reading tells.
    with pytest.raises(OSError), connected(server) as connection:
        assert connection.recv(1) == b"", "the server speaks"
        raise ConnectionResetError


@pytest.mark.short
def test_envoy_refuses_another_name_and_countersign_another_caller(tmp_path, sides, server, run):
    from auth.v1 import token_service_pb2 as tokens
    from auth.v1 import token_service_pb2_grpc

    token = server.token()
    sides.envoy.write(files(sides.issue(sides.callers, "URI:spiffe://example.org/ns/shop/sa/other"), [sides.services]))
    proxy = run(envoy(tmp_path, server, "1s"))
    with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
        stub = token_service_pb2_grpc.TokenServiceStub(channel)

        def code() -> grpc.StatusCode:
            try:
                stub.IntrospectToken(tokens.IntrospectTokenRequest(token=token), timeout=10)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        assert code() == grpc.StatusCode.PERMISSION_DENIED
        sides.envoy.write(files(sides.issue(sides.callers, GATEWAY), [sides.services]))
        wait_until("it calls as the gateway", lambda: code() == grpc.StatusCode.OK, 20)
        # A certificate of the same authority for another service.
        sides.server.write(files(sides.issue(sides.services, "DNS:localhost", "DNS:other.internal"), [sides.callers]))
        wait_until("it does not call another service", lambda: code() == grpc.StatusCode.UNAVAILABLE, 20)
        assert proxy.value("cluster.countersign.ssl.fail_verify_san") > 0
