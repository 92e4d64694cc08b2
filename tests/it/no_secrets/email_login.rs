//! The same search where a user logs in by a mailed code.

use countersign::pb::{
    BeginEmailLoginRequest, FinishEmailLoginRequest, RegisterRequest,
    auth_service_client::AuthServiceClient, finish_email_login_response::Result as Outcome,
};
use rstest::rstest;

use super::{NO_CODE, PASSWORD, canaries::Canaries, recorded};
use crate::{
    harness::{
        Backend, Database,
        server::{alice, wrong},
    },
    process::{code_in, serve},
};

const DEVICE: &str = "canary device token";

#[rstest]
#[tokio::test]
async fn no_secret_of_a_login_by_mail_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_EMAIL_LOGIN", "on");
    let mut canaries = Canaries::start(command);
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    auth.register(RegisterRequest { two_factor: false, ..alice(PASSWORD) }).await.unwrap();
    database.run("UPDATE users SET email_verified = (1 = 1)").await;
    let ask = BeginEmailLoginRequest {
        email: "alice@example.com".into(),
        device_token: DEVICE.into(),
        ..Default::default()
    };
    let login_id = auth.begin_email_login(ask.clone()).await.unwrap().into_inner().login_id;
    canaries.refused(auth.begin_email_login(ask).await);
    let code = code_in(&canaries.running.wait_for_log("purpose=\"email_login\""));
    let finish = |code: &str| {
        let (login_id, code) = (login_id.clone(), code.to_owned());
        FinishEmailLoginRequest { login_id, code }
    };
    for refused in [NO_CODE, &wrong(&code)] {
        canaries.refused(auth.finish_email_login(finish(refused)).await);
    }
    let outcome = auth.finish_email_login(finish(&code)).await.unwrap().into_inner().result;
    let Some(Outcome::Tokens(tokens)) = outcome else { panic!("{outcome:?}") };
    canaries.refused(auth.finish_email_login(finish(&code)).await);
    canaries.stop(1).await;
    let recorded = recorded(&database).await;
    assert!(recorded.contains("email_login_requested"), "{recorded}");
    canaries.keep(&recorded);

    for (what, secret) in [
        ("the password", PASSWORD),
        ("what is no code", NO_CODE),
        ("the id of the login", &login_id),
        ("its code", &code),
        ("the code without its dash", &code.replace('-', "")),
        ("the token", &tokens.access_token),
        ("the refresh token", &tokens.refresh_token),
        ("the device token that was sent", DEVICE),
        ("the device token that was given", &tokens.device_token),
    ] {
        canaries.must_not_hold(what, secret);
    }
    canaries.spans_must_not_hold("alice@");
}
