//! The same search where an account moves to another address and back, and its user proves once more who they are.

use countersign::pb::{
    ChangeEmailRequest, ConfirmEmailChangeRequest, ReauthenticateRequest, RegisterRequest, Tokens,
    UndoEmailChangeRequest, account_service_client::AccountServiceClient,
    auth_service_client::AuthServiceClient, login_response::Result as Outcome,
};
use rstest::rstest;
use tonic::transport::Channel;

use super::{NO_CODE, PASSWORD, WRONG, canaries::Canaries, login, recorded};
use crate::{
    harness::{
        Backend, Database,
        server::{alice, bearer},
    },
    process::{code_in, serve},
};

/// The tokens of a user who has proved twice who they are.
async fn proved(canaries: &mut Canaries, auth: &mut AuthServiceClient<Channel>) -> Tokens {
    auth.register(RegisterRequest { two_factor: false, ..alice(PASSWORD) }).await.unwrap();
    let outcome = auth.login(login(PASSWORD)).await.unwrap().into_inner().result;
    let Some(Outcome::Tokens(tokens)) = outcome else { panic!("{outcome:?}") };
    let again = |password: &str| {
        bearer(
            &tokens,
            ReauthenticateRequest {
                password: password.to_owned(),
                ..ReauthenticateRequest::default()
            },
        )
    };
    canaries.refused(auth.reauthenticate(again(WRONG)).await);
    auth.reauthenticate(again(PASSWORD)).await.unwrap();
    tokens
}

#[rstest]
#[tokio::test]
async fn no_secret_of_a_change_of_the_address_is_in_any_output(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut canaries = Canaries::start(serve(&database));
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let mut account = AccountServiceClient::connect(canaries.grpc()).await.unwrap();
    let tokens = proved(&mut canaries, &mut auth).await;
    let ask = |password: &str| {
        let (new_email, password) = ("moved@example.net".to_owned(), password.to_owned());
        bearer(&tokens, ChangeEmailRequest { new_email, password, ..Default::default() })
    };
    canaries.refused(account.change_email(ask(WRONG)).await);
    let change_id = account.change_email(ask(PASSWORD)).await.unwrap().into_inner().change_id;
    let code = code_in(&canaries.running.wait_for_log("one-time code"));
    let confirm = |code: &str| {
        let (change_id, code) = (change_id.clone(), code.to_owned());
        bearer(&tokens, ConfirmEmailChangeRequest { change_id, code, ..Default::default() })
    };
    canaries.refused(account.confirm_email_change(confirm(NO_CODE)).await);
    account.confirm_email_change(confirm(&code)).await.unwrap();
    let undo_code = code_in(&canaries.running.wait_for_log("undo_code="));
    let undo = || UndoEmailChangeRequest { undo_code: undo_code.clone(), ..Default::default() };
    auth.undo_email_change(undo()).await.unwrap();
    canaries.refused(auth.undo_email_change(undo()).await);
    // The code, the notices to the former address and to the new one, and those of the undo to both.
    canaries.stop(5).await;
    let recorded = recorded(&database).await;
    assert!(recorded.contains("email_change_undone"), "{recorded}");
    canaries.keep(&recorded);

    for (what, secret) in [
        ("the password", PASSWORD),
        ("a mistyped password", WRONG),
        ("what is no code", NO_CODE),
        ("the id of the change", &change_id),
        ("its code", &code),
        ("the code without its dash", &code.replace('-', "")),
        ("the undo code", &undo_code),
        ("the undo code without dashes", &undo_code.replace('-', "")),
        ("the token", &tokens.access_token),
        ("the refresh token", &tokens.refresh_token),
    ] {
        canaries.must_not_hold(what, secret);
    }
    canaries.spans_must_not_hold("moved@");
}
