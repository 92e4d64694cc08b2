//! The generated types of `auth.v1`, how they are put on the wire (`codec`), and the descriptor set that reflection serves.
//!
//! Messages that hold a secret have a `Debug` of their own: it names the message and shows nothing of it.

#![expect(
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]

mod codec;
pub mod health;

tonic::include_proto!("auth.v1");

/// `auth.v1` and all that it imports, with comments, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/auth_v1.descriptors.bin"));

/// The RPCs as plain HTTP: an OpenAPI 3.1 document, made of the protos by the build script.
pub const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

macro_rules! hide_in_debug {
    ($($message:ty),+ $(,)?) => {$(
        impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )+};
}

pub mod ext_authz;

// `hide_in_debug!(…)` with every message that has a field which is a secret: the build script lists those that are none.
include!(concat!(env!("OUT_DIR"), "/secret_messages.rs"));

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::{FileDescriptorSet, field_descriptor_proto::Type};

    use super::*;

    /// What was marked as a secret before the build script listed what is none. Add to it; nothing leaves it.
    const SECRETS: [(&str, &[&str]); 48] = [
        ("BeginEmailLoginRequest", &["device_token"]),
        ("BeginEmailLoginResponse", &["login_id"]),
        ("BeginTotpEnrollmentRequest", &["password"]),
        ("BeginTotpEnrollmentResponse", &["secret", "otpauth_uri", "qr_png", "qr_text"]),
        ("Challenge", &["challenge_id", "passkey_request_options_json"]),
        ("ChangeEmailRequest", &["password"]),
        ("ChangeEmailResponse", &["change_id"]),
        ("ChangePasswordRequest", &["current_password", "new_password"]),
        ("ChangeUsernameRequest", &["password"]),
        ("ConfirmEmailChangeRequest", &["change_id", "code"]),
        ("ConfirmTotpEnrollmentRequest", &["totp_code"]),
        ("ConfirmTotpEnrollmentResponse", &["recovery_codes"]),
        ("DeleteMeRequest", &["password"]),
        ("ExportMeRequest", &["password"]),
        ("ExchangeTokenRequest", &["key", "assertion", "subject_token"]),
        ("ExchangeTokenResponse", &["access_token"]),
        ("FinishEmailLoginRequest", &["login_id", "code"]),
        ("IntrospectTokenRequest", &["token"]),
        ("IssueServiceTokenRequest", &["key", "assertion"]),
        ("IssueServiceTokenResponse", &["access_token"]),
        ("LoginRequest", &["password", "device_token"]),
        ("LogoutRequest", &["refresh_token"]),
        ("BeginPasskeyRegistrationRequest", &["password"]),
        ("BeginPasskeyRegistrationResponse", &["creation_options_json"]),
        ("DeletePasskeyRequest", &["password"]),
        ("FinishPasskeyLoginRequest", &["credential_json", "device_token"]),
        ("FinishPasskeyRegistrationRequest", &["credential_json"]),
        ("ReauthenticateRequest", &["password", "passkey_credential_json"]),
        ("RefreshTokenRequest", &["refresh_token"]),
        ("RegenerateRecoveryCodesRequest", &["password"]),
        ("RegenerateRecoveryCodesResponse", &["recovery_codes"]),
        ("RegisterRequest", &["password"]),
        ("RegisterResponse", &["verification_id"]),
        ("RequestPasswordResetRequest", &["device_token"]),
        ("RequestPasswordResetResponse", &["reset_id"]),
        ("ResendCodeRequest", &["challenge_id"]),
        ("ResendEmailVerificationRequest", &["verification_id"]),
        ("ResendEmailVerificationResponse", &["verification_id"]),
        ("ResetPasswordRequest", &["reset_id", "code", "new_password", "recovery_code"]),
        ("ResetPasswordResponse", &["device_token"]),
        ("SecondFactor", &["totp_code", "recovery_code"]),
        ("SendEmailVerificationResponse", &["verification_id"]),
        ("SetTwoFactorRequest", &["password"]),
        ("UndoDeletionRequest", &["undo_code"]),
        ("UndoEmailChangeRequest", &["undo_code"]),
        ("Tokens", &["access_token", "refresh_token", "device_token"]),
        (
            "Verify2FARequest",
            &["challenge_id", "otp_code", "totp_code", "recovery_code", "passkey_credential_json"],
        ),
        ("VerifyEmailRequest", &["verification_id", "code"]),
    ];

    macro_rules! every_message {
        ($($name:literal => $message:ty),+ $(,)?) => {
            /// Each message, and what `Debug` shows of it when it was received as these bytes.
            const MESSAGES: &[(&str, fn(&[u8]) -> String)] =
                &[$(($name, |bytes| format!("{:?}", <$message>::decode(bytes).unwrap()))),+];
        };
    }

    include!(concat!(env!("OUT_DIR"), "/every_message.rs"));

    /// The fields of text or bytes of a message.
    fn texts(message: &str) -> Vec<(String, u32)> {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
        let ours = files.into_iter().filter(|file| file.package() == "auth.v1");
        let mut messages = ours.flat_map(|file| file.message_type);
        let found = messages.find(|found| found.name() == message).unwrap();
        let texts = found
            .field
            .into_iter()
            .filter(|field| [Type::String, Type::Bytes].contains(&field.r#type()));
        texts.map(|field| (field.name().to_owned(), field.number().try_into().unwrap())).collect()
    }

    #[test]
    fn what_was_ever_a_secret_shows_in_no_debug() {
        let mut secrets: Vec<_> = SECRETS
            .iter()
            .flat_map(|(message, fields)| fields.iter().map(move |field| (*message, *field)))
            .collect();
        for (message, show) in MESSAGES {
            for (field, number) in texts(message) {
                let mut bytes = Vec::new();
                prost::encoding::string::encode(number, &"hunter2".to_owned(), &mut bytes);
                let before = secrets.len();
                secrets.retain(|secret| *secret != (*message, &*field));
                let (is_secret, text) = (secrets.len() < before, show(&bytes));
                assert!(!(is_secret && text.contains("hunter2")), "{message}.{field}: {text}");
            }
        }
        assert!(secrets.is_empty(), "not in the contract: {secrets:?}");
    }

    /// A message without secrets is of use in a log.
    #[test]
    fn what_is_listed_as_no_secret_shows() {
        let user = User { username: "alice".to_owned(), ..Default::default() };
        assert!(format!("{user:?}").contains("alice"));
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let secret = || "hunter2".to_owned();
        let register = RegisterRequest { password: secret(), ..Default::default() };
        let login = LoginRequest { username: secret(), password: secret(), ..Default::default() };
        let proof = verify2_fa_request::Proof::OtpCode(secret());
        let verify = Verify2FaRequest {
            challenge_id: secret(),
            proof: Some(proof.clone()),
            ..Default::default()
        };
        let resend = ResendCodeRequest { challenge_id: secret(), ..Default::default() };
        let challenge = Challenge { challenge_id: secret(), ..Default::default() };
        let tokens = Tokens { access_token: secret(), ..Default::default() };
        let results =
            [login_response::Result::Challenge(challenge), login_response::Result::Tokens(tokens)];
        let text = format!("{register:?} {login:?} {proof:?} {verify:?} {resend:?} {results:?}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
