//! A search for canaries in all that the service puts out while an address is verified and a password reset.

use countersign::{
    pb::{
        RegisterRequest, RequestPasswordResetRequest, ResendEmailVerificationRequest,
        ResetPasswordRequest, VerifyEmailRequest, auth_service_client::AuthServiceClient,
    },
    token::MasterKey,
};
use rstest::rstest;

use crate::{
    harness::{
        Backend, Database,
        command::Running,
        server::{alice, wrong},
    },
    http,
    process::{code_in, serve},
};

const PASSWORD: &str = "canary passphrase";
const NEXT: &str = "canary next passphrase";
const NO_CODE: &str = "canary no code";
const RECOVERY: &str = "canary recovery code";
const DEVICE: &str = "canary device token";

#[rstest]
#[tokio::test]
async fn no_secret_of_a_mailbox_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut command = serve(&database);
    let master_key = MasterKey::generate_text();
    command.env("COUNTERSIGN_LOG", "trace").env("COUNTERSIGN_MASTER_KEY", master_key.as_str());
    command.env("COUNTERSIGN_EMAIL_VERIFICATION", "on");
    let mut running = Running::start(command);
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    let user = RegisterRequest { is_2fa_enabled: false, ..alice(PASSWORD) };
    let verification_id = auth.register(user).await.unwrap().into_inner().verification_id;
    let verification_code = code_in(&running.wait_for_log("purpose=\"verify_email\""));
    let mut output = String::new();
    let verify = |code: &str| VerifyEmailRequest {
        verification_id: verification_id.clone(),
        code: code.into(),
    };
    for refused in [NO_CODE, &wrong(&verification_code)] {
        output += &format!("{:?}", auth.verify_email(verify(refused)).await.unwrap_err());
    }
    auth.verify_email(verify(&verification_code)).await.unwrap();

    let ask = RequestPasswordResetRequest {
        email: "alice@example.com".into(),
        device_token: DEVICE.into(),
    };
    let reset_id = auth.request_password_reset(ask.clone()).await.unwrap().into_inner().reset_id;
    output += &format!("{:?}", auth.request_password_reset(ask).await.unwrap_err());
    let reset_code = code_in(&running.wait_for_log("purpose=\"reset_password\""));
    let reset = |code: &str, new_password: &str| ResetPasswordRequest {
        reset_id: reset_id.clone(),
        code: code.into(),
        new_password: new_password.into(),
        recovery_code: RECOVERY.into(),
    };
    for (code, password) in
        [(NO_CODE, NEXT), (&*wrong(&reset_code), NEXT), (&reset_code, "alice, the canary")]
    {
        output += &format!("{:?}", auth.reset_password(reset(code, password)).await.unwrap_err());
    }
    auth.reset_password(reset(&reset_code, NEXT)).await.unwrap();
    output += &format!("{:?}", auth.reset_password(reset(&reset_code, NEXT)).await.unwrap_err());
    running.wait_for_log("purpose=\"password_changed\"");
    let nobody = ResendEmailVerificationRequest { email: "nobody@example.com".into() };
    let nobodys = auth.resend_email_verification(nobody).await.unwrap().into_inner();
    output += &http::get(running.http, "/metrics").await.1;
    drop(auth);
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);

    output += &running.banner;
    let delivery = |line: &&str| line.contains("countersign::delivery");
    assert_eq!(running.logged.lines().filter(delivery).count(), 3, "two codes, one notice");
    output.extend(running.logged.lines().filter(|line| !delivery(line)));
    assert!(output.len() > 10_000, "the log was turned up: {}", output.len());
    for secret in [
        PASSWORD,
        NEXT,
        "alice, the canary",
        NO_CODE,
        RECOVERY,
        DEVICE,
        master_key.as_str(),
        &verification_id,
        &reset_id,
        &nobodys.verification_id,
    ] {
        assert!(!output.contains(secret), "{secret}");
    }
    // As words: six digits may well be a part of a longer number.
    let mut words = output.split(|character: char| !character.is_alphanumeric());
    let codes = [&verification_code, &wrong(&verification_code), &reset_code, &wrong(&reset_code)];
    assert_eq!(words.find(|word| codes.iter().any(|code| code == word)), None);
}
