"""The server: who calls it, and what it answers."""

from dataclasses import dataclass, field

import grpc
from auth.v1 import (
    account_service_pb2_grpc,
    admin_service_pb2_grpc,
    auth_service_pb2,
    auth_service_pb2_grpc,
    token_service_pb2_grpc,
)
from google.rpc import error_details_pb2, status_pb2
from partial import CALLER

PASSWORD = "correct horse battery staple"
SECONDS = 30


@dataclass(frozen=True)
class World:
    """What requests need to reach their fields."""

    # The user whom administrators change.
    target_id: str
    # The token of another user.
    access_token: str
    # The key of a service account.
    key: str


@dataclass(frozen=True)
class Answer:
    """The code and reason, and the fields that an INVALID_ARGUMENT names."""

    text: str
    refused: set[str] = field(default_factory=set)


def answer_of(error: grpc.RpcError) -> Answer:
    reason, fields = "", set()
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                    reason = error_details_pb2.ErrorInfo.FromString(detail.value).reason
                if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                    violations = error_details_pb2.BadRequest.FromString(detail.value).field_violations
                    fields = {violation.field for violation in violations}
    invalid = error.code() == grpc.StatusCode.INVALID_ARGUMENT
    return Answer(f"{error.code().name}/{reason}", fields if invalid else set())


class Client:
    def __init__(self, address: str) -> None:
        channel = grpc.insecure_channel(address)
        self.auth = auth_service_pb2_grpc.AuthServiceStub(channel)
        self.stubs = {
            "AuthService": self.auth,
            "AccountService": account_service_pb2_grpc.AccountServiceStub(channel),
            "TokenService": token_service_pb2_grpc.TokenServiceStub(channel),
            "AdminService": admin_service_pb2_grpc.AdminServiceStub(channel),
        }
        self.tokens: dict[str, str] = {}

    def prepare(self, key: str) -> World:
        """Makes two users, and logs one of them and the administrator in."""
        target, _ = (self._register(name) for name in ("rules-target", CALLER))
        self.tokens = {"AccountService": self._login(CALLER), "AdminService": self._login("rules-admin")}
        return World(target, self.tokens["AccountService"], key)

    def _register(self, name: str) -> str:
        request = auth_service_pb2.RegisterRequest(username=name, email=f"{name}@example.com", password=PASSWORD)
        return self.auth.Register(request, timeout=SECONDS).user.id

    def _login(self, username: str) -> str:
        request = auth_service_pb2.LoginRequest(username=username, password=PASSWORD)
        return self.auth.Login(request, timeout=SECONDS).tokens.access_token

    def begin(self, rpc, request):
        # The one RPC of AuthService that a user's session asks for.
        service = "AccountService" if rpc.method == "Reauthenticate" else rpc.service
        metadata = [("authorization", f"Bearer {token}")] if (token := self.tokens.get(service)) else []
        method = getattr(self.stubs[rpc.service], rpc.method)
        return (method if rpc.is_stream else method.future)(request, timeout=SECONDS, metadata=metadata)

    def finish(self, rpc, call) -> Answer:
        """Of a stream, the first message tells that its request was accepted."""
        try:
            if rpc.is_stream:
                next(call, None)
                call.cancel()
            else:
                call.result()
        except grpc.RpcError as error:
            return answer_of(error)
        return Answer("OK")
