"""Certificates, made by openssl's command line: an authority, and what it signs for servers, services and workloads."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Files in PEM; the chain is the certificate alone."""

    chain: Path
    key: Path


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Authority:
    """Signs for a day."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self.chain, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 1, "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", self.key, "-out", self.chain)  # fmt: skip

    def issue(self, file: str, *names: str, common_name: str = "", usage: str = "serverAuth,clientAuth") -> Certificate:
        """A certificate with these SANs (`DNS:localhost`, `URI:spiffe://…`, `IP:127.0.0.1`); as SPIRE's, its subject is empty."""
        made = Certificate(self.folder / f"{file}.pem", self.folder / f"{file}.key")
        request = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={common_name}" if common_name else "/"]
        extensions = ["basicConstraints=critical,CA:false", "keyUsage=critical,digitalSignature", f"extendedKeyUsage={usage}"]
        if names:
            critical = "" if common_name else "critical,"
            extensions.append(f"subjectAltName={critical}{','.join(names)}")
        signed = self.folder / f"{file}.new"
        options = [part for extension in extensions for part in ("-addext", extension)]
        openssl("req", "-x509", "-CA", self.chain, "-CAkey", self.key, "-days", 1, *request, *options,
                "-keyout", made.key, "-out", signed)  # fmt: skip
        os.replace(signed, made.chain)
        return made
