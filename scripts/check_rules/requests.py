"""Requests: a valid one for each RPC, and what differs from it in one field or in several."""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import values
from auth.v1 import account_service_pb2 as account
from auth.v1 import admin_service_pb2 as admin
from auth.v1 import audit_event_pb2, managed_user_pb2
from auth.v1 import auth_service_pb2 as auth
from auth.v1 import token_service_pb2 as token
from google.protobuf import field_mask_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from server import World

PACKAGE = "auth.v1."
NEW_PASSWORD = "another horse, no battery"
FILES = (auth, account, token, admin)
# Rows of an import are judged one by one: a bad one has its problems in the answer, which is no error, and no rules.
LEFT_OUT = {"AdminService.ImportUsers"}
MIXED = 30
# How many values are tried in each field of all bases but the first.
FEWER = 60


@dataclass(frozen=True)
class Rpc:
    name: str
    request: Descriptor
    is_stream: bool
    # Valid requests, new ones at each call.
    bases: Callable[[], list[Message]]

    @property
    def service(self) -> str:
        return self.name.partition(".")[0]

    @property
    def method(self) -> str:
        return self.name.partition(".")[2]


def new_id() -> str:
    return str(uuid.uuid4())


def register() -> Message:
    name = f"u{uuid.uuid4().hex[:20]}"
    return auth.RegisterRequest(username=name, email=f"{name}@example.com", password=NEW_PASSWORD, request_id=new_id())


def reset(**more: object) -> Message:
    return auth.ResetPasswordRequest(reset_id="x", code="123456", request_id=new_id(), **more)


def create(**credential: object) -> Message:
    user = managed_user_pb2.ManagedUser(username="new-user", email="new-user@example.com")
    return admin.CreateUserRequest(user=user, validate_only=True, request_id=new_id(), **credential)


def update(user_id: str, *paths: str) -> Message:
    user = managed_user_pb2.ManagedUser(
        id=user_id, username="changed", email="changed@example.com", state=managed_user_pb2.USER_STATE_ACTIVE
    )
    mask = field_mask_pb2.FieldMask(paths=paths)
    return admin.UpdateUserRequest(user=user, update_mask=mask, validate_only=True, request_id=new_id())


def subscription() -> Message:
    wanted = audit_event_pb2.Subscription(url="https://example.com/hook", kinds=["login_failed"])
    return admin.CreateSubscriptionRequest(subscription=wanted, validate_only=True)


def bases(world: World) -> dict[str, Callable[[], list[Message]]]:
    """Of the RPCs for which an empty request is not valid. Passwords and codes are wrong: nothing is to change."""
    wrong, one = "a wrong password", {"id": world.target_id, "validate_only": True}
    return {
        "Register": lambda: [register()],
        "Login": lambda: [auth.LoginRequest(username="nobody", password=wrong)],
        "Verify2FA": lambda: [auth.Verify2FARequest(challenge_id="x", otp_code="123456")],
        "Reauthenticate": lambda: [auth.ReauthenticateRequest(password=wrong)],
        "FinishPasskeyLogin": lambda: [auth.FinishPasskeyLoginRequest(credential_json="{}")],
        "BeginPasskeyRegistration": lambda: [account.BeginPasskeyRegistrationRequest(password=wrong)],
        "FinishPasskeyRegistration": lambda: [account.FinishPasskeyRegistrationRequest(credential_json="{}", name="phone")],
        "RenamePasskey": lambda: [account.RenamePasskeyRequest(passkey_id=new_id(), name="phone")],
        "DeletePasskey": lambda: [account.DeletePasskeyRequest(passkey_id=new_id(), password=wrong)],
        "BeginEmailLogin": lambda: [auth.BeginEmailLoginRequest(email="nobody@example.com", request_id=new_id())],
        "FinishEmailLogin": lambda: [auth.FinishEmailLoginRequest(login_id="x", code="123456")],
        "VerifyEmail": lambda: [auth.VerifyEmailRequest(verification_id="x", code="123456")],
        "ResendEmailVerification": lambda: [auth.ResendEmailVerificationRequest(verification_id="x")],
        "RequestPasswordReset": lambda: [auth.RequestPasswordResetRequest(email="nobody@example.com")],
        "ResetPassword": lambda: [reset(new_password=NEW_PASSWORD), reset(end_unverified_account=True)],
        "RevokeSession": lambda: [account.RevokeSessionRequest(session_id=new_id())],
        "RevokeTrustedDevice": lambda: [account.RevokeTrustedDeviceRequest(id=new_id())],
        "ChangePassword": lambda: [account.ChangePasswordRequest(current_password=wrong, new_password=NEW_PASSWORD)],
        "DeleteMe": lambda: [account.DeleteMeRequest(password=wrong)],
        "SetTwoFactor": lambda: [account.SetTwoFactorRequest(password=wrong)],
        "BeginTotpEnrollment": lambda: [account.BeginTotpEnrollmentRequest(password=wrong)],
        "ConfirmTotpEnrollment": lambda: [account.ConfirmTotpEnrollmentRequest(enrollment_id=new_id(), totp_code="123456")],
        "RegenerateRecoveryCodes": lambda: [account.RegenerateRecoveryCodesRequest(password=wrong)],
        "ChangeEmail": lambda: [account.ChangeEmailRequest(new_email="another@example.com", password=wrong)],
        "ConfirmEmailChange": lambda: [account.ConfirmEmailChangeRequest(change_id="x", code="123456")],
        "ChangeUsername": lambda: [account.ChangeUsernameRequest(new_username="another", password=wrong)],
        "ExportMe": lambda: [account.ExportMeRequest(password=wrong)],
        "UndoEmailChange": lambda: [auth.UndoEmailChangeRequest(undo_code="0123456789ABCDEFGHJKMNPQ")],
        "UndoDeletion": lambda: [auth.UndoDeletionRequest(undo_code="0123456789ABCDEFGHJKMNPQ")],
        "IssueServiceToken": lambda: [token.IssueServiceTokenRequest(key=world.key)],
        "ExchangeToken": lambda: [token.ExchangeTokenRequest(key=world.key, subject_token=world.access_token)],
        "GetUser": lambda: [admin.GetUserRequest(id=world.target_id)],
        "ListUsers": lambda: [
            admin.ListUsersRequest(),
            admin.ListUsersRequest(filter=managed_user_pb2.UserFilter(username_prefix="a")),
            admin.ListUsersRequest(order_by="create_time"),
        ],
        "CreateUser": lambda: [create(), create(password=NEW_PASSWORD)],
        "UpdateUser": lambda: [
            update(world.target_id), update(world.target_id, "*"), update(world.target_id, "username", "roles"),
            update(world.target_id, "email", "state"),
        ],
        "DeleteUser": lambda: [admin.DeleteUserRequest(**one)],
        "SetPassword": lambda: [admin.SetPasswordRequest(password=NEW_PASSWORD, **one)],
        "ResetFactors": lambda: [admin.ResetFactorsRequest(**one)],
        "ListUserSessions": lambda: [admin.ListUserSessionsRequest(user_id=world.target_id)],
        "RevokeUserSessions": lambda: [admin.RevokeUserSessionsRequest(user_id=world.target_id)],
        "UnlockUser": lambda: [admin.UnlockUserRequest(id=world.target_id)],
        "CreateSubscription": lambda: [subscription()],
        "SetLogFilter": lambda: [
            admin.SetLogFilterRequest(filter="debug,countersign::store=trace", ttl_seconds=1),
            admin.SetLogFilterRequest(filter="countersign::delivery=debug"),
        ],
        "DeleteSubscription": lambda: [admin.DeleteSubscriptionRequest(id=new_id())],
    }  # fmt: skip


def rpcs(world: World) -> list[Rpc]:
    """All RPCs whose requests have fields."""
    known = bases(world)
    found = []
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                request = getattr(file, method.input_type.name)
                empty = lambda request=request: [request()]  # noqa: E731
                rpc = Rpc(f"{service.name}.{method.name}", method.input_type, method.server_streaming, known.pop(method.name, empty))
                if method.input_type.fields and rpc.name not in LEFT_OUT:
                    found.append(rpc)
    assert not known, f"no RPCs: {list(known)}"
    return found


def places(message: Descriptor, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldDescriptor]]:
    """All fields that have values of their own, with the messages that lead to them."""
    for field in message.fields:
        inner = field.message_type
        if inner and inner.full_name.startswith(PACKAGE):
            yield from places(inner, (*path, field.name))
        else:
            yield path, field


def put(request: Message, path: tuple[str, ...], field: FieldDescriptor, value: object) -> Message:
    at = request
    for name in path:
        at = getattr(at, name)
        at.SetInParent()
    at.ClearField(field.name)
    if field.is_repeated:
        getattr(at, field.name).extend(value)
    elif field.message_type:
        getattr(at, field.name).CopyFrom(value)
    else:
        setattr(at, field.name, value)
    return request


def inputs(rpc: Rpc, rng: random.Random) -> Iterator[tuple[set[str], Message]]:
    """Requests, and the fields in which they differ from a valid one."""
    yield from ((set(), base) for base in rpc.bases())
    found = list(places(rpc.request))
    for at in range(len(rpc.bases())):
        for path, field in found:
            candidates = list(values.of(field, rng))
            for value in candidates if at == 0 else rng.sample(candidates, min(FEWER, len(candidates))):
                yield {field.name}, put(rpc.bases()[at], path, field, value)
        for absent in (*rpc.request.oneofs, *(field for field in rpc.request.fields if field.message_type)):
            request = rpc.bases()[at]
            request.ClearField(absent.name)
            yield {absent.name}, request
        yield from mixed(rpc, at, found, rng)


def mixed(rpc: Rpc, at: int, found: list, rng: random.Random) -> Iterator[tuple[set[str], Message]]:
    for _ in range(MIXED):
        request, names = rpc.bases()[at], set()
        for path, field in rng.sample(found, min(len(found), rng.randint(2, 3))):
            if candidates := list(values.of(field, rng)):
                names.add(field.name)
                put(request, path, field, rng.choice(candidates))
        if len(names) > 1:
            yield names, request
