"""A replica whose tokens can be verified by its own URL, and what is in a token."""

import base64
import json
import subprocess
from pathlib import Path

import grpc

from certificates import Authority, Certificate
from countersign import BINARY, PASSWORD, Countersign
from programs import free_port


def part(text: str) -> dict:
    """A header or the claims, as they stand in a token."""
    return json.loads(base64.urlsafe_b64decode(text + "=="))


class Issuer(Countersign):
    """A replica on SQLite whose `iss` is where its key set is."""

    def __init__(self, folder: Path, **settings: str):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        defaults = {
            "COUNTERSIGN_HTTP_ADDR": f"127.0.0.1:{self.port}",
            "COUNTERSIGN_ISSUER": self.url,
            "COUNTERSIGN_AUDIENCE": "countersign,another",
            "COUNTERSIGN_BCRYPT_COST": "4",
        }
        super().__init__(folder, f"sqlite://{folder}/countersign.db", **(defaults | settings))

    def token(self, audience: str = "") -> str:
        """A fresh access token of a user without a second factor."""
        from auth.v1 import auth_service_pb2 as auth
        from auth.v1 import auth_service_pb2_grpc

        with self.channel() as channel:
            stub = auth_service_pb2_grpc.AuthServiceStub(channel)
            request = auth.LoginRequest(username="alice", password=PASSWORD, audience=audience)
            try:
                return stub.Login(request, timeout=30).tokens.access_token
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAUTHENTICATED:
                    raise
            stub.Register(auth.RegisterRequest(username="alice", email="alice@example.com", password=PASSWORD), timeout=30)
            return stub.Login(request, timeout=30).tokens.access_token

    def rotate(self, *options: str) -> None:
        command = [str(BINARY), "keys", "rotate", "--now", *options]
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class SecureIssuer(Issuer):
    """The same with TLS on both listeners, by a certificate of an authority of its own for `localhost`."""

    def __init__(self, folder: Path, **settings: str):
        self.authority = Authority(folder, "ca")
        made = self.authority.issue("server", "DNS:localhost", "DNS:countersign.internal", "IP:127.0.0.1")
        defaults = {"COUNTERSIGN_TLS_CERT": str(made.chain), "COUNTERSIGN_TLS_KEY": str(made.key)}
        super().__init__(folder, **(defaults | settings))
        self.url = self.environment["COUNTERSIGN_ISSUER"] = f"https://localhost:{self.port}"
        # What the test's own calls show.
        self.certificate: Certificate | None = None

    def start(self) -> "SecureIssuer":
        super().start()
        self.http = self.url
        self.target = f"localhost:{self.grpc.rpartition(':')[2]}"
        return self

    def channel(self, *options: tuple[str, object]) -> grpc.Channel:
        own = (self.certificate.key.read_bytes(), self.certificate.chain.read_bytes()) if self.certificate else ()
        credentials = grpc.ssl_channel_credentials(self.authority.chain.read_bytes(), *own)
        return grpc.secure_channel(self.target, credentials, options=list(options))
