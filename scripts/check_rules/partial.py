"""What the server alone refuses, by intent, and why no rule says it. The rules of these fields are the part that always holds."""

from google.protobuf.message import Message

# The user who calls.
CALLER = "rules-user"

# Only of texts with other characters than ASCII.
UNICODE = "Unicode: PRECIS, normalisation, and the digits and dashes of all scripts are no part of CEL"
REASONS = {
    UNICODE: (
        "Register.username", "Login.username", "Login.device_name", "GetUser.username", "CreateUser.username", "UpdateUser.username",
        "Verify2FA.otp_code", "Verify2FA.totp_code", "Verify2FA.recovery_code", "VerifyEmail.code", "ResetPassword.code",
        "ResetPassword.recovery_code", "ConfirmTotpEnrollment.totp_code", "ConfirmEmailChange.code", "UndoEmailChange.undo_code",
        "ChangeUsername.new_username", "FinishPasskeyLogin.device_name", "FinishPasskeyRegistration.name", "RenamePasskey.name",
        "BeginEmailLogin.device_name", "FinishEmailLogin.code", "VerifyEmail.username",
        "UndoDeletion.undo_code",
    ),
    "addresses: the rule is their shape": (
        "Register.email", "RequestPasswordReset.email", "GetUser.email", "CreateUser.email", "UpdateUser.email",
        "ChangeEmail.new_email", "BeginEmailLogin.email",
    ),
    "common passwords, those with the name, and lengths that normalisation changes": (
        "Register.password", "ResetPassword.new_password", "ChangePassword.new_password", "CreateUser.password", "SetPassword.password",
    ),
    "opaque: only the service can tell what it has given": (
        "ListSessions.page_token", "ListUserSessions.page_token", "ListUsers.page_token", "ListEvents.page_token",
        "WatchRevocations.cursor", "WatchEvents.cursor", "ExportUsers.cursor",
    ),
    "new kinds of events may come, which older copies of the contract would refuse": (
        "ListEvents.kinds", "WatchEvents.kinds", "CreateSubscription.kinds",
    ),
    "times that google.protobuf.Timestamp does not allow": (
        "ListUsers.created_from", "ListUsers.created_before", "ListUsers.last_login_from", "ListUsers.last_login_before",
        "ListEvents.from", "ListEvents.before",
    ),
    "sizes and depths as JSON, and names of claims that have a meaning": (
        "CreateUser.metadata", "CreateUser.claims", "UpdateUser.metadata", "UpdateUser.claims",
    ),
    "formats of hashes": ("CreateUser.password_hash", "SetPassword.password_hash"),
    "prefixes in other letters than ASCII": ("ListUsers.order_by",),
    "the audiences are a setting": ("Login.audience", "BeginEmailLogin.audience", "FinishPasskeyLogin.audience"),
    "the JSON of WebAuthn, and what is in it": (
        "FinishPasskeyLogin.credential_json", "FinishPasskeyRegistration.credential_json", "Verify2FA.passkey_credential_json",
        "Reauthenticate.passkey_credential_json",
    ),
    "URLs, and the networks of the settings": ("CreateSubscription.url",),
    "base64": ("CreateSubscription.secret",),
    "the module that logs codes can't be named: RE2 has no negation": ("SetLogFilter.filter",),
}  # fmt: skip
FIELDS = {field: reason for reason, fields in REASONS.items() for field in fields}


def texts(message: Message, name: str) -> str:
    """All texts in fields of that name."""
    found = ""
    for field, value in message.ListFields():
        if field.name == name and isinstance(value, str):
            found += value
        elif field.message_type and not field.is_repeated:
            found += texts(value, name)
    return found


def is_intended(rpc: str, field: str, request: Message) -> bool:
    """Whether the server may refuse the field alone."""
    if f"{rpc}.{field}" == "ChangeUsername.new_username" and texts(request, field) == CALLER:
        # It is the name that they have.
        return True
    reason = FIELDS.get(f"{rpc}.{field}")
    return reason is not None and (reason != UNICODE or not texts(request, field).isascii())
