//! The same search where a user exports their data, deletes the account and has it back.

use countersign::pb::{
    DeleteMeRequest, ExportMeRequest, RegisterRequest, UndoDeletionRequest,
    account_service_client::AccountServiceClient, auth_service_client::AuthServiceClient,
    login_response::Result as Outcome,
};
use rstest::rstest;

use super::{NO_CODE, PASSWORD, WRONG, canaries::Canaries, login, recorded};
use crate::{
    harness::{
        Backend, Database,
        server::{alice, bearer},
    },
    process::{code_in, serve},
};

#[rstest]
#[tokio::test]
async fn no_secret_of_an_export_or_a_deletion_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_DELETION_GRACE", "3d");
    let mut canaries = Canaries::start(command);
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let mut account = AccountServiceClient::connect(canaries.grpc()).await.unwrap();
    auth.register(RegisterRequest { two_factor: false, ..alice(PASSWORD) }).await.unwrap();
    let outcome = auth.login(login(PASSWORD)).await.unwrap().into_inner().result;
    let Some(Outcome::Tokens(tokens)) = outcome else { panic!("{outcome:?}") };
    let export = |password: &str| {
        let password = password.to_owned();
        bearer(&tokens, ExportMeRequest { password, ..Default::default() })
    };
    canaries.refused(account.export_me(export(WRONG)).await);
    let mut parts = account.export_me(export(PASSWORD)).await.unwrap().into_inner();
    while let Some(part) = parts.message().await.unwrap() {
        canaries.keep(&format!("{part:?}"));
    }
    let delete = DeleteMeRequest { password: PASSWORD.to_owned(), ..Default::default() };
    account.delete_me(bearer(&tokens, delete)).await.unwrap();
    let undo_code = code_in(&canaries.running.wait_for_log("undo_code="));
    let undo = |undo_code: &str| UndoDeletionRequest {
        undo_code: undo_code.to_owned(),
        ..Default::default()
    };
    canaries.refused(auth.undo_deletion(undo(NO_CODE)).await);
    auth.undo_deletion(undo(&undo_code)).await.unwrap();
    canaries.refused(auth.undo_deletion(undo(&undo_code)).await);
    // The notices of the export, of the deletion with its code, and of the undoing.
    canaries.stop(3).await;
    let recorded = recorded(&database).await;
    assert!(recorded.contains("deletion_undone"), "{recorded}");
    canaries.keep(&recorded);

    for (what, secret) in [
        ("the password", PASSWORD),
        ("a mistyped password", WRONG),
        ("what is no code", NO_CODE),
        ("the undo code", &undo_code),
        ("the undo code without dashes", &undo_code.replace('-', "")),
        ("the token", &tokens.access_token),
        ("the refresh token", &tokens.refresh_token),
    ] {
        canaries.must_not_hold(what, secret);
    }
}
