//! What voids a code, and a challenge that began with one.

use countersign::pb::{ChangeEmailRequest, ConfirmEmailChangeRequest, Tokens, User};
use rstest::rstest;

use super::{challenge, finish, open, server, verified, verify};
use crate::{
    factors::{answer, enrolled, totp},
    harness::{
        Backend, Server, logs, reason_of,
        server::{PASSWORD, bearer},
    },
    mailbox::{NEW_PASSWORD, open_reset, reset},
};

/// What happens between a code and its use.
#[derive(Debug, Clone, Copy)]
enum Change {
    Password,
    Reset,
    Address,
    Disabled,
    Deleted,
}

async fn make(server: &Server, change: Change, user: &User, session: &Tokens) {
    match change {
        Change::Password => {
            server.change_password(session, PASSWORD, NEW_PASSWORD).await.unwrap();
        }
        Change::Reset => {
            let (id, code) = open_reset(server, user).await;
            reset(server, &id, &code, NEW_PASSWORD).await.unwrap();
        }
        Change::Address => move_away(server, user, session).await,
        Change::Disabled => {
            let disable = "UPDATE users SET disabled_at = created_at WHERE username";
            server.database.run(&format!("{disable} = '{}'", user.username)).await;
        }
        Change::Deleted => server.delete_me(session, PASSWORD).await.unwrap(),
    }
}

async fn move_away(server: &Server, user: &User, session: &Tokens) {
    let mut account = server.account.clone();
    let (new_email, password) = (format!("moved-{}", user.email), PASSWORD.to_owned());
    let ask = ChangeEmailRequest { new_email, password, ..Default::default() };
    let change_id =
        account.change_email(bearer(session, ask)).await.unwrap().into_inner().change_id;
    server.delivered().await;
    let code = logs::code(&user.username);
    let confirm = ConfirmEmailChangeRequest { change_id, code, ..Default::default() };
    account.confirm_email_change(bearer(session, confirm)).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_code_is_void_after_a_change_of_the_credentials_or_of_the_account(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Change::Password, Change::Reset, Change::Address, Change::Disabled, Change::Deleted)]
    change: Change,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let session = server.session(&user).await;
    let (id, code) = open(&server, &user).await;
    make(&server, change, &user, &session).await;
    assert_eq!(reason_of(finish(&server, &id, &code).await), "CHALLENGE_INVALID");
    let by_code = "SELECT COUNT(*) FROM sessions WHERE amr = 'otp'";
    assert_eq!(server.database.number(by_code).await, 0);
}

/// Or a replica of it, or an operator's SQL: the transaction asks once more.
#[rstest]
#[tokio::test]
async fn a_challenge_that_began_with_a_code_is_void_after_a_new_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let who = enrolled(&server).await;
    verify(&server, &who.user).await;
    let (id, code) = open(&server, &who.user).await;
    let asked = challenge(finish(&server, &id, &code).await.unwrap());
    let (id, code) = open_reset(&server, &who.user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    let late = answer(&server, &asked, totp(who.app.code_at(&server.clock))).await;
    assert_eq!(reason_of(late), "CHALLENGE_INVALID");
}
