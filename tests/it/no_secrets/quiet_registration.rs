//! The same search where users are registered quietly.

use countersign::pb::{
    RegisterRequest, VerifyEmailRequest, auth_service_client::AuthServiceClient,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{NO_CODE, PASSWORD, canaries::Canaries, recorded};
use crate::{
    harness::{
        Backend, Database, on_both,
        server::{alice, wrong},
    },
    process::{code_in, serve},
};

#[apply(on_both)]
#[tokio::test]
async fn no_secret_of_a_quiet_registration_is_in_any_output(backend: Backend) {
    let database = Database::new(backend).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_EMAIL_VERIFICATION", "on");
    command.env("COUNTERSIGN_REGISTER_QUIETLY", "on");
    let mut canaries = Canaries::start(command);
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let register = RegisterRequest { two_factor: false, ..alice(PASSWORD) };
    let pending = auth.register(register.clone()).await.unwrap().into_inner();
    let code = code_in(&canaries.running.wait_for_log("purpose=\"verify_email\""));
    let verify = |code: &str| VerifyEmailRequest {
        verification_id: pending.verification_id.clone(),
        code: code.to_owned(),
        ..Default::default()
    };
    for refused in [NO_CODE, &wrong(&code)] {
        canaries.refused(auth.verify_email(verify(refused)).await);
    }
    auth.verify_email(verify(&code)).await.unwrap();
    canaries.refused(auth.verify_email(verify(&code)).await);
    // By now name and address are taken, which the owner is told of.
    let in_vain = auth.register(register).await.unwrap().into_inner();
    canaries.running.wait_for_log("purpose=\"email_in_use\"");
    canaries.stop(2).await;
    let recorded = recorded(&database).await;
    assert!(recorded.contains("registered"), "{recorded}");
    canaries.keep(&recorded);

    for (what, secret) in [
        ("the password", PASSWORD),
        ("what is no code", NO_CODE),
        ("the id of the verification", &pending.verification_id),
        ("its code", &code),
        ("the code without its dash", &code.replace('-', "")),
        ("the id of a verification in vain", &in_vain.verification_id),
    ] {
        canaries.must_not_hold(what, secret);
    }
    canaries.spans_must_not_hold("alice@");
}
