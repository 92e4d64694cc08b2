"""What is seen of our TLS from outside: by openssl, curl, sslscan and testssl."""

import json
import re
import subprocess
import xml.etree.ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import Authority, Certificate, openssl
from issuer import SecureIssuer
from programs import running

# Those of TLS 1.2 that have an ephemeral key and authenticate what they encrypt.
SUITES_1_2 = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305")
SUITES_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
CBC = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384")


@dataclass(frozen=True)
class Shaken:
    """How a handshake ended."""

    text: str

    @property
    def version(self) -> str | None:
        """None where there was no handshake."""
        found = re.search(r"^New, (TLSv1\.\d)", self.text, re.MULTILINE)
        # The first line has the version in which the suite was defined.
        return found and (re.search(r"^ *Protocol *: (\S+)$", self.text, re.MULTILINE) or found)[1]

    @property
    def suite(self) -> str:
        return re.search(r"^New, \S+, Cipher is (\S+)$", self.text, re.MULTILINE)[1]

    @property
    def alpn(self) -> str | None:
        found = re.search(r"^ALPN protocol: (\S+)$", self.text, re.MULTILINE)
        return found and found[1]


def shake(port: int, server: SecureIssuer, *options: object) -> Shaken:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", server.authority.chain, *options]
    done = subprocess.run(list(map(str, command)), input="", capture_output=True, text=True, errors="replace", timeout=30)
    return Shaken(done.stdout + done.stderr)


def ports(server: SecureIssuer) -> dict[str, int]:
    return {"gRPC": int(server.grpc.rpartition(":")[2]), "HTTP": server.port}


@pytest.fixture(scope="module")
def server(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureIssuer]:
    with running(SecureIssuer(tmp_path_factory.mktemp("server"))) as started:
        yield started


@pytest.mark.short
def test_versions_and_suites(server):
    for name, port in ports(server).items():
        found = shake(port, server)
        assert found.version == "TLSv1.3" and "Verify return code: 0 (ok)" in found.text, (name, found)
        for suite in SUITES_1_3:
            found = shake(port, server, "-tls1_3", "-ciphersuites", suite)
            assert (found.version, found.suite) == ("TLSv1.3", suite), name
        for suite in SUITES_1_2:
            found = shake(port, server, "-tls1_2", "-cipher", suite)
            assert (found.version, found.suite) == ("TLSv1.2", suite), name
        # openssl itself would not speak the old ones without its level 0.
        for version in ("-tls1", "-tls1_1"):
            found = shake(port, server, version, "-cipher", "ALL:@SECLEVEL=0")
            assert found.version is None and re.search("alert|unexpected eof", found.text), (name, version, found)
        for suite in CBC:
            found = shake(port, server, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
            assert found.version is None and "handshake failure" in found.text, (name, suite, found)
        assert shake(port, server, "-tls1_2", "-cipher", "kRSA:@SECLEVEL=0").version is None, name
        assert "Secure Renegotiation IS supported" in shake(port, server, "-tls1_2").text, name
        assert "Compression: NONE" in shake(port, server, "-tls1_2").text, name


@pytest.mark.short
def test_alpn(server):
    grpc, http = ports(server).values()
    assert shake(grpc, server, "-alpn", "h2").alpn == "h2"
    assert shake(grpc, server, "-alpn", "http/1.1,h2").alpn == "h2"
    assert shake(http, server, "-alpn", "h2,http/1.1").alpn == "http/1.1"
    # RFC 7301, section 3.2: none in common is an alert.
    found = shake(grpc, server, "-alpn", "http/1.1")
    assert found.alpn is None and "alert no application protocol" in found.text
    # None offered is not refused: grpc-js may.
    assert shake(grpc, server).version == "TLSv1.3"


@pytest.mark.short
def test_the_least_version_is_a_setting(tmp_path, run):
    server = run(SecureIssuer(tmp_path, COUNTERSIGN_TLS_MIN_VERSION="1.3"))
    for name, port in ports(server).items():
        found = shake(port, server, "-tls1_2")
        assert found.version is None and "protocol version" in found.text, (name, found)
        assert shake(port, server, "-tls1_3").version == "TLSv1.3", name


def curl(url: str, *options: object) -> subprocess.CompletedProcess:
    command = ["curl", "--silent", "--show-error", "--max-time", "10", *map(str, options), url]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.short
def test_curl(server, tmp_path, run):
    ready = f"{server.url}/readyz"
    known = ("--cacert", server.authority.chain)
    done = curl(ready, *known, "--write-out", " %{http_code} %{http_version}")
    assert done.stdout.endswith(" 200 1.1"), done
    # 60: the certificate can't be checked.
    assert curl(ready).returncode == 60
    assert curl(ready.replace("https", "http")).returncode != 0
    clients, stranger = Authority(tmp_path / "clients", "clients"), Authority(tmp_path / "stranger", "clients")
    mutual = run(SecureIssuer(tmp_path, COUNTERSIGN_TLS_CLIENT_CA=str(clients.chain), COUNTERSIGN_TLS_CLIENT_AUTH="required"))
    ready, known = f"{mutual.url}/readyz", ("--cacert", mutual.authority.chain)

    def by(certificate: Certificate) -> subprocess.CompletedProcess:
        return curl(ready, *known, "--cert", certificate.chain, "--key", certificate.key)

    assert by(clients.issue("caller", "URI:spiffe://example.org/caller")).returncode == 0
    assert by(clients.issue("named", "DNS:caller.internal", common_name="caller")).returncode == 0
    assert curl(ready, *known).returncode != 0
    assert by(stranger.issue("caller", "URI:spiffe://example.org/caller")).returncode != 0
    # A certificate for servers alone.
    assert by(clients.issue("server", "DNS:caller.internal", usage="serverAuth")).returncode != 0


@pytest.mark.short
def test_a_client_certificate_may_be_optional(tmp_path, run):
    clients, stranger = Authority(tmp_path / "clients", "clients"), Authority(tmp_path / "stranger", "clients")
    server = run(SecureIssuer(tmp_path, COUNTERSIGN_TLS_CLIENT_CA=str(clients.chain), COUNTERSIGN_TLS_CLIENT_AUTH="optional"))
    known = ("--cacert", server.authority.chain)
    assert curl(f"{server.url}/readyz", *known).returncode == 0
    for authority, accepted in ((clients, True), (stranger, False)):
        made = authority.issue("caller", "URI:spiffe://example.org/caller")
        done = curl(f"{server.url}/readyz", *known, "--cert", made.chain, "--key", made.key)
        assert (done.returncode == 0) == accepted, done


@pytest.mark.parametrize("listener", [pytest.param("gRPC", marks=pytest.mark.short), "HTTP"])
def test_sslscan(listener, server):
    # Its list of groups takes nine seconds.
    command = ["sslscan", "--no-colour", "--no-groups", "--xml=-", f"localhost:{ports(server)[listener]}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    scanned = xml.etree.ElementTree.fromstring(done.stdout)
    spoken = {f"{one.get('type')} {one.get('version')}" for one in scanned.iter("protocol") if one.get("enabled") == "1"}
    assert spoken == {"tls 1.2", "tls 1.3"}
    assert {one.get("cipher") for one in scanned.iter("cipher")} == {*SUITES_1_2, *SUITES_1_3}
    assert {one.get("strength") for one in scanned.iter("cipher")} <= {"strong", "acceptable"}
    assert {one.get("supported") for one in scanned.iter("compression")} <= {"0"}
    assert {one.get("vulnerable") for one in scanned.iter("heartbleed")} == {"0"}


def test_testssl(server, tmp_path):
    """It knows of more than sslscan does. Remarks on the certificate of the test (its short life, its authority) do not count."""
    for name, port in ports(server).items():
        report = tmp_path / f"{name}.json"
        command = ["testssl", "--quiet", "--color", "0", "--add-ca", server.authority.chain, "--jsonfile", report]
        subprocess.run(list(map(str, [*command, f"localhost:{port}"])), capture_output=True, text=True, timeout=600)
        found = {one["id"]: (one["severity"], one["finding"]) for one in json.loads(report.read_text())}
        # Any of the suites will do, so the client chooses. No browser shows what we answer.
        about_others = ("cert_", "DNS_CAA", "cipher_order", "security_headers")
        grave = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
        bad = {what: why for what, why in found.items() if why[0] in grave and not what.startswith(about_others)}
        print(name, bad)
        assert not bad and found["TLS1_3"][0] == "OK"


@pytest.mark.short
def test_what_openssl_says_of_the_certificate(server, tmp_path):
    """The whole chain is sent, and the name is in it."""
    text = shake(ports(server)["gRPC"], server, "-showcerts").text
    sent = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    ours = Path(server.environment["COUNTERSIGN_TLS_CERT"]).read_text()
    assert "".join(sent[0].split()) in "".join(ours.split())
    assert "localhost" in openssl("x509", "-in", server.environment["COUNTERSIGN_TLS_CERT"], "-noout", "-ext", "subjectAltName")
