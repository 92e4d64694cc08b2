"""That the harness itself works: a registered user logs in with the code from the log, on Postgres and on SQLite."""

import pytest

from countersign import PASSWORD, Countersign

pytestmark = pytest.mark.short


def log_in(server: Countersign) -> str:
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import auth_service_pb2_grpc

    stub = auth_service_pb2_grpc.AuthServiceStub(server.channel())
    stub.Register(auth.RegisterRequest(username="alice", email="alice@example.com", password=PASSWORD, two_factor=True))
    challenge = stub.Login(auth.LoginRequest(username="alice", password=PASSWORD)).challenge
    request = auth.Verify2FARequest(challenge_id=challenge.challenge_id, otp_code=server.code_for("alice"))
    return stub.Verify2FA(request).tokens.access_token


def test_login_on_sqlite(server):
    assert log_in(server).count(".") == 2
    assert server.stop() == 0


def test_login_on_postgres(tmp_path, postgres, run):
    server = run(Countersign(tmp_path, postgres.url()))
    assert log_in(server).count(".") == 2
    assert server.stop() == 0
