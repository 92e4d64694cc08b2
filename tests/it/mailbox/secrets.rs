//! A search for canaries in all that the service puts out while an address is verified and a password reset.

use countersign::pb::{
    RegisterRequest, RequestPasswordResetRequest, ResendEmailVerificationRequest,
    ResetPasswordRequest, VerifyEmailRequest, auth_service_client::AuthServiceClient,
};
use rstest::rstest;

use crate::{
    harness::{
        Backend, Database,
        server::{alice, wrong},
    },
    no_secrets::canaries::Canaries,
    process::{code_in, serve},
};

const PASSWORD: &str = "canary passphrase";
const NEXT: &str = "canary next passphrase";
const NO_CODE: &str = "canary no code";
const RECOVERY: &str = "CANARY-RECVRY-CANARY-RECVRY";
const DEVICE: &str = "canary device token";

#[rstest]
#[tokio::test]
async fn no_secret_of_a_mailbox_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_EMAIL_VERIFICATION", "on");
    let mut canaries = Canaries::start(command);
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let user = RegisterRequest { two_factor: false, ..alice(PASSWORD) };
    let verification_id = auth.register(user).await.unwrap().into_inner().verification_id;
    let verification_code = code_in(&canaries.running.wait_for_log("purpose=\"verify_email\""));
    let verify = |code: &str| VerifyEmailRequest {
        verification_id: verification_id.clone(),
        code: code.into(),
        ..VerifyEmailRequest::default()
    };
    for refused in [NO_CODE, &wrong(&verification_code)] {
        canaries.refused(auth.verify_email(verify(refused)).await);
    }
    let resend = || ResendEmailVerificationRequest {
        verification_id: verification_id.clone(),
        ..ResendEmailVerificationRequest::default()
    };
    let next_verification = auth.resend_email_verification(resend()).await.unwrap().into_inner();
    // A message whose code is void before it is delivered is not.
    canaries.running.wait_for_log("purpose=\"verify_email\"");
    canaries.refused(auth.resend_email_verification(resend()).await);
    auth.verify_email(verify(&verification_code)).await.unwrap();
    canaries.refused(auth.resend_email_verification(resend()).await);

    let ask = RequestPasswordResetRequest {
        email: "alice@example.com".into(),
        device_token: DEVICE.into(),
    };
    let reset_id = auth.request_password_reset(ask.clone()).await.unwrap().into_inner().reset_id;
    canaries.refused(auth.request_password_reset(ask).await);
    let reset_code = code_in(&canaries.running.wait_for_log("purpose=\"reset_password\""));
    let reset = |code: &str, new_password: &str| ResetPasswordRequest {
        reset_id: reset_id.clone(),
        code: code.into(),
        new_password: new_password.into(),
        recovery_code: RECOVERY.into(),
        end_unverified_account: false,
        ..Default::default()
    };
    for (code, password) in
        [(NO_CODE, NEXT), (&*wrong(&reset_code), NEXT), (&reset_code, "alice, the canary")]
    {
        canaries.refused(auth.reset_password(reset(code, password)).await);
    }
    let no_recovery_code =
        ResetPasswordRequest { recovery_code: NO_CODE.into(), ..reset(&reset_code, NEXT) };
    canaries.refused(auth.reset_password(no_recovery_code).await);
    auth.reset_password(reset(&reset_code, NEXT)).await.unwrap();
    canaries.refused(auth.reset_password(reset(&reset_code, NEXT)).await);
    canaries.running.wait_for_log("purpose=\"password_changed\"");
    canaries.get("/metrics").await;
    drop(auth);
    // Three codes and a notice.
    canaries.stop(4).await;
    for (what, secret) in [
        ("the password", PASSWORD),
        ("the next password", NEXT),
        ("a password that is refused", "alice, the canary"),
        ("what is no code", NO_CODE),
        ("a recovery code", RECOVERY),
        ("a device token", DEVICE),
        ("the master key", &canaries.master_key),
        ("the id of the verification", &verification_id),
        ("the id of the reset", &reset_id),
        ("the id of the next verification", &next_verification.verification_id),
    ] {
        canaries.must_not_hold(what, secret);
    }
    let mistyped = [wrong(&verification_code), wrong(&reset_code)];
    canaries.must_not_hold_codes(&[verification_code, reset_code]);
    canaries.must_not_hold_codes(&mistyped);
}
