//! The generated types of `auth.v1`, how they are put on the wire (`codec`), and the descriptor set that reflection serves.
//!
//! Messages that hold a secret have a `Debug` of their own: it names the message and shows nothing of it.

#![expect(
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]

mod codec;

tonic::include_proto!("auth.v1");

/// `auth.v1` and all that it imports, with comments, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/auth_v1.descriptors.bin"));

macro_rules! hide_in_debug {
    ($($message:ty),+ $(,)?) => {$(
        impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )+};
}

// `hide_in_debug!(…)` with every message that has a field marked `debug_redact`: the build script finds them.
include!(concat!(env!("OUT_DIR"), "/secret_messages.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_in_debug() {
        let secret = || "hunter2".to_owned();
        let register = RegisterRequest { password: secret(), ..Default::default() };
        let login = LoginRequest { username: secret(), password: secret(), ..Default::default() };
        let proof = verify2_fa_request::Proof::OtpCode(secret());
        let verify = Verify2FaRequest { challenge_id: secret(), proof: Some(proof.clone()) };
        let resend = ResendCodeRequest { challenge_id: secret() };
        let challenge = Challenge { challenge_id: secret(), ..Default::default() };
        let tokens = Tokens { access_token: secret(), ..Default::default() };
        let results =
            [login_response::Result::Challenge(challenge), login_response::Result::Tokens(tokens)];
        let text = format!("{register:?} {login:?} {proof:?} {verify:?} {resend:?} {results:?}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
