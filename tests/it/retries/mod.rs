//! Changes that a caller sends again, since the answer was lost: with the same `request_id` they are made once, and get the same
//! answer (idempotency keys).

mod authorised;
mod concurrent;
mod ended;
mod known;

use countersign::pb::{
    BeginTotpEnrollmentRequest, Challenge, ChangePasswordRequest, ConfirmTotpEnrollmentRequest,
    DeleteMeRequest, RegenerateRecoveryCodesRequest, ResendCodeRequest, ResetPasswordRequest,
    Tokens, User,
};
use tonic::Status;

use crate::{
    factors,
    harness::{
        Server,
        authenticator::App,
        logs,
        server::{PASSWORD, bearer},
        soon,
    },
    mailbox,
};

const NEW_PASSWORD: &str = "another long passphrase";

/// What can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Password,
    Deletion,
    Begin,
    Confirm,
    RecoveryCodes,
    Resend,
    Reset,
}

const CHANGES: [Change; 7] = [
    Change::Password,
    Change::Deletion,
    Change::Begin,
    Change::Confirm,
    Change::RecoveryCodes,
    Change::Resend,
    Change::Reset,
];

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A user, and all that a change of theirs takes.
struct Asking {
    user: User,
    tokens: Tokens,
    /// An enrolment that waits for its code, or a challenge or a reset for theirs.
    secret_id: String,
    code: String,
    password: String,
    new_password: String,
}

/// A user who may make that change.
async fn asking(server: &Server, change: Change) -> Asking {
    server.clock.stop();
    let needs_codes = matches!(change, Change::Resend | Change::RecoveryCodes);
    let user = server.user(needs_codes).await;
    let mut asking = Asking {
        user: user.clone(),
        tokens: Tokens::default(),
        secret_id: String::new(),
        code: String::new(),
        password: PASSWORD.to_owned(),
        new_password: NEW_PASSWORD.to_owned(),
    };
    match change {
        Change::Resend => {
            asking.secret_id = server.challenge(&user).await.challenge_id;
            server.clock.advance(mailbox::COOL_DOWN);
        }
        Change::RecoveryCodes => asking.tokens = server.session_by_mail(&user).await,
        Change::Reset => {
            (asking.secret_id, asking.code) = mailbox::open_reset(server, &user).await;
        }
        Change::Confirm => {
            asking.tokens = server.session(&user).await;
            let begun = factors::begin(server, &asking.tokens, PASSWORD).await.unwrap();
            asking.code = App::scan(&begun.otpauth_uri).code_at(&server.clock);
            asking.secret_id = begun.enrollment_id;
        }
        Change::Password | Change::Deletion | Change::Begin => {
            asking.tokens = server.session(&user).await;
        }
    }
    asking
}

/// Sends the request; the answer is as text, all of it.
async fn send(
    server: &Server,
    asking: &Asking,
    change: Change,
    request_id: &str,
) -> Result<String, Status> {
    let (mut account, mut auth) = (server.account.clone(), server.auth.clone());
    let Asking { tokens, secret_id, code, password, new_password, .. } = asking;
    let (request_id, password) = (request_id.to_owned(), password.clone());
    match change {
        Change::Password => {
            let request = ChangePasswordRequest {
                current_password: password,
                new_password: new_password.clone(),
                second_factor: None,
                request_id,
            };
            said(soon("ChangePassword", account.change_password(bearer(tokens, request))).await)
        }
        Change::Deletion => {
            let request = DeleteMeRequest { password, second_factor: None, request_id };
            said(soon("DeleteMe", account.delete_me(bearer(tokens, request))).await)
        }
        Change::Begin => {
            let request = BeginTotpEnrollmentRequest { password, second_factor: None, request_id };
            let begun = account.begin_totp_enrollment(bearer(tokens, request));
            let begun = soon("BeginTotpEnrollment", begun).await?.into_inner();
            Ok(format!("{} {} {}", begun.enrollment_id, begun.secret, begun.qr_text))
        }
        Change::Confirm => {
            let (enrollment_id, totp_code) = (secret_id.clone(), code.clone());
            let request = ConfirmTotpEnrollmentRequest { enrollment_id, totp_code, request_id };
            let codes = account.confirm_totp_enrollment(bearer(tokens, request));
            Ok(soon("ConfirmTotpEnrollment", codes).await?.into_inner().recovery_codes.join(" "))
        }
        Change::RecoveryCodes => {
            let second_factor = None;
            let request = RegenerateRecoveryCodesRequest { password, second_factor, request_id };
            let codes = account.regenerate_recovery_codes(bearer(tokens, request));
            Ok(soon("RegenerateRecoveryCodes", codes).await?.into_inner().recovery_codes.join(" "))
        }
        Change::Resend => {
            let request = ResendCodeRequest { challenge_id: secret_id.clone(), request_id };
            let Challenge { challenge_id, resend_time, attempts_remaining, .. } =
                soon("ResendCode", auth.resend_code(request))
                    .await?
                    .into_inner()
                    .challenge
                    .unwrap();
            server.delivered().await;
            Ok(format!("{challenge_id} {resend_time:?} {attempts_remaining}"))
        }
        Change::Reset => {
            let request = ResetPasswordRequest {
                reset_id: secret_id.clone(),
                code: code.clone(),
                new_password: new_password.clone(),
                request_id,
                ..Default::default()
            };
            Ok(soon("ResetPassword", auth.reset_password(request)).await?.into_inner().device_token)
        }
    }
}

fn said<T: std::fmt::Debug>(answer: Result<tonic::Response<T>, Status>) -> Result<String, Status> {
    answer.map(|answer| format!("{:?}", answer.into_inner()))
}

/// The notices and codes that the user was sent.
async fn mails(server: &Server, user: &User) -> usize {
    server.delivered().await;
    logs::messages(&user.username).len()
}
