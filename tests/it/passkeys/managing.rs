//! Names, deletion, and what others do to a user's passkeys.

use countersign::pb::{RenamePasskeyRequest, ResetFactorsRequest};
use rstest::rstest;
use tonic::{Code, Status};

use super::{add, delete, list, log_in_with, recorded, registered};
use crate::{
    admin::Office,
    harness::{
        Backend, Server, eventually,
        passkey::Passkey,
        reason,
        server::{PASSWORD, bearer},
    },
};

async fn rename(
    server: &Server,
    tokens: &countersign::pb::Tokens,
    id: &str,
    name: &str,
) -> Result<String, Status> {
    let request = RenamePasskeyRequest { passkey_id: id.to_owned(), name: name.to_owned() };
    let renamed = server.account.clone().rename_passkey(bearer(tokens, request)).await?;
    Ok(renamed.into_inner().passkey.unwrap().name)
}

#[rstest]
#[tokio::test]
async fn a_passkey_has_the_name_that_its_user_gives_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, tokens, _) = registered(&server).await;
    let id = list(&server, &tokens).await.remove(0).id;
    assert_eq!(rename(&server, &tokens, &id, "Ada's key 🔑").await.unwrap(), "Ada's key 🔑");
    for bad in ["", "   ", "a\u{7}b", &"x".repeat(129)] {
        assert_eq!(reason(&rename(&server, &tokens, &id, bad).await.unwrap_err()), "INVALID_FIELD");
    }
    assert_eq!(list(&server, &tokens).await[0].name, "Ada's key 🔑");
}

#[rstest]
#[tokio::test]
async fn nobody_touches_another_users_passkey(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, tokens, mut passkey) = registered(&server).await;
    let (_, others, _) = registered(&server).await;
    let id = list(&server, &tokens).await.remove(0).id;
    let refusals = [
        rename(&server, &others, &id, "mine").await.unwrap_err(),
        delete(&server, &others, &id, PASSWORD).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::NotFound, "PASSKEY_NOT_FOUND")
        );
    }
    assert_eq!(list(&server, &tokens).await[0].name, "my phone");
    let wrong = delete(&server, &tokens, &id, "not the password").await.unwrap_err();
    assert_eq!(reason(&wrong), "INVALID_CREDENTIALS");
    log_in_with(&server, &mut passkey).await.unwrap();
    delete(&server, &tokens, &id, PASSWORD).await.unwrap();
    assert_eq!(recorded(&server, "passkey_deleted").await, 1);
}

#[rstest]
#[tokio::test]
async fn an_administrator_who_resets_the_factors_ends_passkeys(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, _, mut passkey) = registered(&server).await;
    let office = Office::of(server).await;
    let request = ResetFactorsRequest { id: user.id.clone(), ..ResetFactorsRequest::default() };
    office.reset_factors(request).await.unwrap();
    assert_eq!(recorded(&office.server, "factors_reset").await, 1);
    let refused = log_in_with(&office.server, &mut passkey).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
}

#[rstest]
#[tokio::test]
async fn a_deleted_account_leaves_no_passkey(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        environment.clean_every = std::time::Duration::from_millis(20);
    })
    .await;
    let (_, tokens, mut passkey) = registered(&server).await;
    add(&server, &tokens, &mut Passkey::new()).await;
    server.delete_me(&tokens, PASSWORD).await.unwrap();
    assert_eq!(
        reason(&log_in_with(&server, &mut passkey).await.unwrap_err()),
        "INVALID_CREDENTIALS"
    );
    let count = "SELECT COUNT(*) FROM passkeys";
    eventually("no passkeys", async || server.database.number(count).await == 0).await;
}
