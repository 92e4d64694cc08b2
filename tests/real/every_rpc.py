"""Every RPC of the contract, as people, administrators and services call them: a load that leaves out no statement of ours."""

import base64
import hashlib
import hmac
import struct
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import oauth
from authenticator import ORIGIN, RP_ID, Authenticator
from caller import GIVEN_UP, Caller, Letters
from countersign import BINARY, PASSWORD, Countersign
from programs import wait_until

OTHER_PASSWORD = "another horse battery"
# Seconds until a code may be sent again.
RESEND_AFTER = 1
# Hashes cost as little as production allows, and nobody is held back or waited for.
SETTINGS = {
    "COUNTERSIGN_ADDRESS_RATE": "0",
    "COUNTERSIGN_SOURCE_FAILURES": "0",
    "COUNTERSIGN_SERVICE_FAILURES": "0",
    "COUNTERSIGN_BCRYPT_COST": "10",
    "COUNTERSIGN_DELETION_GRACE": "1d",
    "COUNTERSIGN_DRAIN_DELAY": "0s",
    "COUNTERSIGN_EMAIL_LOGIN": "on",
    "COUNTERSIGN_OTP_RESEND_AFTER": f"{RESEND_AFTER}s",
    "COUNTERSIGN_WEBAUTHN_RP_ID": RP_ID,
    "COUNTERSIGN_WEBAUTHN_ORIGINS": ORIGIN,
    # Of a subscription, where nobody listens.
    "COUNTERSIGN_FETCH_PRIVATE": "127.0.0.0/8",
}


def totp(secret: str) -> str:
    """The code of this half minute (RFC 6238)."""
    mac = hmac.digest(base64.b32decode(secret + "=" * (-len(secret) % 8)), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    (number,) = struct.unpack_from(">I", mac, mac[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


class World:
    """An administrator, a service account, and people who come and go. `others` are replicas that may send their codes."""

    def __init__(self, server: Countersign, *others: Countersign):
        self.server, self.call, self.letters = server, Caller(server), Letters(server, *others)
        self.account = oauth.create(server, "orders", "--grant-scope", "orders.read", "--grant-audience", "countersign", "--may-exchange")
        name = "the-administrator"
        self.register(name)
        self._command("user", "set", name, "--role", "admin")
        self.admin = self.log_in(name).access_token

    def _command(self, *arguments: str) -> None:
        command = [str(BINARY), *arguments]
        done = subprocess.run(command, cwd=self.server.folder, env=self.server.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def register(self, name: str, status: str = "OK") -> None:
        self.call("Register", username=name, email=f"{name}@example.com", password=PASSWORD, status=status)

    def log_in(self, name: str, password: str = PASSWORD):
        """Tokens of a user without a second factor."""
        return self.call("Login", username=name, password=password).tokens

    def run(self, seconds: float, workers: int = 4) -> None:
        """Rounds of everything, by so many at once, each at least once."""
        end = time.monotonic() + seconds

        def rounds() -> None:
            while True:
                self.round()
                if time.monotonic() > end:
                    return

        with ThreadPoolExecutor(workers) as pool:
            for each in [pool.submit(rounds) for _ in range(workers)]:
                each.result()

    def round(self) -> None:
        name = f"user-{uuid.uuid4().hex[:12]}"
        self._a_person(name)
        self._a_second_factor(name)
        self._a_session_and_its_end(name)
        self._an_administrator(name)
        self._a_person_goes(name)

    def _mailed(self, name: str, rpc: str, token: str = "", **fields):
        """The answer, and the code that it has sent."""
        sent = len(self.letters.of(name))
        answer = self.call(rpc, token, **fields)
        return answer, wait_until(f"a code for {name}", lambda: self.letters.of(name)[sent:])[0]

    def _log_in_with_code(self, name: str):
        challenge, _ = self._mailed(name, "Login", username=name, password=PASSWORD)
        time.sleep(RESEND_AFTER + 0.1)
        challenge, code = self._mailed(name, "ResendCode", challenge_id=challenge.challenge.challenge_id)
        wrong = {"challenge_id": challenge.challenge.challenge_id, "otp_code": "ECHBE-7M9VF"}
        self.call("Verify2FA", **wrong, status="UNAUTHENTICATED")
        return self.call("Verify2FA", **wrong | {"otp_code": code}).tokens

    def _a_person(self, name: str) -> None:
        self.register(name)
        self.register(name, "ALREADY_EXISTS")
        self.call("Login", username=name, password="a wrong password", status="UNAUTHENTICATED")
        token = self.log_in(name).access_token
        self.call("GetMe", token)
        self.call("GetMe", "x.y.z", status="UNAUTHENTICATED")
        sent, _ = self._mailed(name, "SendEmailVerification", token)
        time.sleep(RESEND_AFTER + 0.1)
        sent, code = self._mailed(name, "ResendEmailVerification", verification_id=sent.verification_id)
        self.call("VerifyEmail", verification_id=sent.verification_id, code=code)
        self._by_mail(name)
        token = self._another_address(name, token)
        for deadline in (0.001, 0.002, 0.004, 0.008, 0.016):
            self.call("GetMe", token, status=GIVEN_UP, deadline=deadline)
            self.call("Login", username=name, password=PASSWORD, status=GIVEN_UP, deadline=deadline)

    def _by_mail(self, name: str) -> None:
        begun, code = self._mailed(name, "BeginEmailLogin", email=f"{name}@example.com")
        self.call("FinishEmailLogin", login_id=begun.login_id, code="ECHBE-7M9VF", status="UNAUTHENTICATED")
        self.call("FinishEmailLogin", login_id=begun.login_id, code=code)
        self.call("FinishEmailLogin", login_id=begun.login_id, code=code, status="UNAUTHENTICATED")

    def _another_address(self, name: str, token: str) -> str:
        """There and back: both the name and the address are what they were before. The token of a session: the others have ended."""
        asked, code = self._mailed(name, "ChangeEmail", token, new_email=f"{name}@example.net", password=PASSWORD)
        told = len(self.letters.of(name))
        self.call("ConfirmEmailChange", token, change_id=asked.change_id, code=code)
        undo = wait_until(f"an undo code for {name}", lambda: self.letters.of(name)[told:])[0]
        self.call("UndoEmailChange", undo_code=undo)
        self.call("UndoEmailChange", undo_code=undo, status="PERMISSION_DENIED")
        # Somebody else may know the password now: until there is another one, a login takes a code, too.
        reset, code = self._mailed(name, "RequestPasswordReset", email=f"{name}@example.com")
        self.call("ResetPassword", reset_id=reset.reset_id, code=code, new_password=PASSWORD)
        token = self.log_in(name).access_token
        self.call("ChangeUsername", token, new_username=f"{name}-9", password=PASSWORD)
        self.call("ChangeUsername", token, new_username=name, password=PASSWORD)
        return token

    def _a_second_factor(self, name: str) -> None:
        token = self.log_in(name).access_token
        begun = self.call("BeginTotpEnrollment", token, password=PASSWORD)
        codes = self.call("ConfirmTotpEnrollment", token, enrollment_id=begun.enrollment_id, totp_code=totp(begun.secret)).recovery_codes
        challenge = self.call("Login", username=name, password=PASSWORD).challenge.challenge_id
        token = self.call("Verify2FA", challenge_id=challenge, recovery_code=codes[0]).tokens.access_token
        proof = {"recovery_code": codes[1]}
        codes = self.call("RegenerateRecoveryCodes", token, password=PASSWORD, second_factor=proof).recovery_codes
        self.call("SetTwoFactor", token, enabled=False, password=PASSWORD, second_factor={"recovery_code": codes[0]})
        self.call("SetTwoFactor", token, enabled=True, password=PASSWORD)
        token = self._log_in_with_code(name).access_token
        self.call("SetTwoFactor", token, enabled=False, password=PASSWORD)

    def _passkeys(self, token: str) -> None:
        authenticator = Authenticator()
        begun = self.call("BeginPasskeyRegistration", token, password=PASSWORD)
        added = authenticator.create(begun.creation_options_json)
        passkey = self.call("FinishPasskeyRegistration", token, credential_json=added, name="phone").passkey
        asked = self.call("BeginPasskeyLogin")
        self.call("FinishPasskeyLogin", credential_json=authenticator.get(asked.request_options_json))
        self.call("ListPasskeys", token)
        self.call("RenamePasskey", token, passkey_id=passkey.id, name="laptop")
        self.call("DeletePasskey", token, passkey_id=passkey.id, password=PASSWORD)

    def _a_session_and_its_end(self, name: str) -> None:
        tokens = self.log_in(name)
        tokens = self.call("RefreshToken", refresh_token=tokens.refresh_token).tokens
        self.call("Reauthenticate", tokens.access_token, password="a wrong password", status="PERMISSION_DENIED")
        self.call("Reauthenticate", tokens.access_token, password=PASSWORD)
        self._passkeys(tokens.access_token)
        self.call("GetJwks")
        self.call("IntrospectToken", token=tokens.access_token)
        self.call("IssueServiceToken", key=self.account.key, audience="countersign")
        self.call("ExchangeToken", key=self.account.key, subject_token=tokens.access_token, audience="countersign")
        self.call("WatchRevocations")
        self.call("RevokeSession", tokens.access_token, session_id=self.log_in(name).session_id)
        self.call("RevokeOtherSessions", tokens.access_token)
        self.call("ListSessions", tokens.access_token)
        self.call("ExportMe", tokens.access_token, password=PASSWORD)
        self.call("ListTrustedDevices", tokens.access_token)
        self.call("RevokeTrustedDevice", tokens.access_token, id=str(uuid.uuid4()))
        self.call("ChangePassword", tokens.access_token, current_password=PASSWORD, new_password=OTHER_PASSWORD)
        reset, code = self._mailed(name, "RequestPasswordReset", email=f"{name}@example.com")
        self.call("ResetPassword", reset_id=reset.reset_id, code=code, new_password=PASSWORD)
        self.call("Logout", refresh_token=self.log_in(name).refresh_token)

    def _an_administrator(self, name: str) -> None:
        def call(rpc: str, **fields):
            return self.call(rpc, self.admin, **fields)

        made = call("CreateUser", user={"username": f"{name}-2", "email": f"{name}-2@example.com"}, password=PASSWORD).user
        made = call("UpdateUser", user={"id": made.id, "metadata": {"plan": "small"}}, update_mask={"paths": ["metadata"]}).user
        call("GetUser", username=name)
        call("BatchGetUsers", ids=[made.id])
        call("ListUsers", page_size=5)
        call("SetPassword", id=made.id, password=OTHER_PASSWORD)
        call("ResetFactors", id=made.id)
        self.log_in(f"{name}-2", OTHER_PASSWORD)
        call("ListUserSessions", user_id=made.id)
        call("RevokeUserSessions", user_id=made.id)
        call("UnlockUser", id=made.id)
        call("SetLogFilter", filter="info", ttl_seconds=1)
        call("ListEvents", page_size=5)
        call("WatchEvents")
        call("ImportUsers", users=[{"username": f"{name}-3", "email": f"{name}-3@example.com"}])
        call("ExportUsers")
        subscription = call("CreateSubscription", subscription={"url": "https://127.0.0.1:9/events"}).subscription
        call("ListSubscriptions")
        call("DeleteSubscription", id=subscription.id)
        call("DeleteUser", id=made.id)

    def _a_person_goes(self, name: str) -> None:
        token = self.log_in(name).access_token
        told = len(self.letters.of(name))
        self.call("DeleteMe", token, password=PASSWORD)
        self.call("Login", username=name, password=PASSWORD, status="UNAUTHENTICATED")
        undo = wait_until(f"an undo code for {name}", lambda: self.letters.of(name)[told:])[0]
        self.call("UndoDeletion", undo_code=undo)
