//! What deletes all passkeys of an account: the undoing of what a thief may have done, and the end of the account.

use countersign::pb::DeleteUserRequest;
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;

use super::{add, list, log_in_with, registered};
use crate::{
    admin::Office,
    deletion_grace::{self, DAY, by_nobody},
    email_change,
    harness::{Backend, Server, on_both, passkey::Passkey, server::PASSWORD},
};

/// The passkey opens nothing, none is left, and whoever has the account can add it anew.
async fn is_gone(server: &Server, user: &countersign::pb::User, passkey: &mut Passkey) {
    let refused = log_in_with(server, passkey).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM passkeys").await, 0);
    let back = server.session_by_mail(user).await;
    assert_eq!(list(server, &back).await, []);
    add(server, &back, passkey).await;
    log_in_with(server, passkey).await.unwrap();
}

/// Whoever moved the account knew the password, and may have added a passkey: they would be in again, and move it again.
#[apply(on_both)]
#[tokio::test]
async fn an_address_that_is_taken_back(backend: Backend) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    let code = email_change::move_away(&server, &tokens, &user).await;
    log_in_with(&server, &mut passkey).await.unwrap();
    email_change::undo(&server, &code).await.unwrap();
    is_gone(&server, &user, &mut passkey).await;
}

#[apply(on_both)]
#[tokio::test]
async fn a_deletion_that_is_undone(backend: Backend) {
    let server = deletion_grace::server(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    deletion_grace::delete(&server, &tokens, "").await.unwrap();
    let code = deletion_grace::code_of(&server, &user.username).await;
    deletion_grace::undo(&server, &code).await.unwrap();
    is_gone(&server, &user, &mut passkey).await;
}

/// Others' passkeys stay.
#[apply(on_both)]
#[tokio::test]
async fn nobody_else_s(backend: Backend) {
    let server = Server::start(backend).await;
    let (user, tokens, _) = registered(&server).await;
    let (_, _, mut others) = registered(&server).await;
    let code = email_change::move_away(&server, &tokens, &user).await;
    email_change::undo(&server, &code).await.unwrap();
    log_in_with(&server, &mut others).await.unwrap();
}

/// Who ends an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Owner,
    Administrator,
    Janitor,
}

/// At once, not with the account's row: its credential would be taken until the janitor comes.
#[apply(on_both)]
#[tokio::test]
async fn an_account_that_ends(
    backend: Backend,
    #[values(By::Owner, By::Administrator, By::Janitor)] by: By,
) {
    let server = Server::start_with(backend, |config, environment| {
        config.policy.deletion_grace =
            if by == By::Janitor { 3 * DAY } else { std::time::Duration::ZERO };
        environment.clean_every = 100 * DAY;
    });
    let office = Office::of(server.await).await;
    let server = &office.server;
    let (user, tokens, mut passkey) = registered(server).await;
    match by {
        By::Owner => server.delete_me(&tokens, PASSWORD).await.unwrap(),
        By::Administrator => {
            office.delete(DeleteUserRequest { id: user.id, ..Default::default() }).await.unwrap();
        }
        By::Janitor => {
            server.delete_me(&tokens, PASSWORD).await.unwrap();
            let store = server.database.store().await;
            let due = server.clock.now().plus(4 * DAY);
            assert_eq!(store.deletions_end(by_nobody(due), 9).await.unwrap(), 1);
            store.close().await;
        }
    }
    for left in ["passkeys", "users WHERE passkey_handle IS NOT NULL"] {
        let left = format!("SELECT COUNT(*) FROM {left}");
        assert_eq!(server.database.number(&left).await, 0, "{left}");
    }
    let another = server.user(false).await;
    let tokens = server.session(&another).await;
    add(server, &tokens, &mut passkey).await;
    let tokens = log_in_with(server, &mut passkey).await.unwrap();
    assert_eq!(server.me(&tokens).await.unwrap().id, another.id);
}
