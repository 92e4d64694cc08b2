//! Logins with the hashes that other systems have made.

use countersign::pb::ImportOutcome;
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    import,
    rows::{HASHES, PASSWORD, firebase, row, with_hash},
};
use crate::{
    admin::Office,
    harness::{Backend, Server, eventually, on_both, reason},
};

/// Waits until the user's hash is one of ours.
async fn is_replaced(server: &Server, username: &str) {
    let sql = format!(
        "SELECT COUNT(*) FROM users WHERE username = '{username}' \
         AND password_hash LIKE '$bcrypt-sha256$v=2,t=2b,r=_$%'"
    );
    eventually("the hash is replaced", async || server.database.number(&sql).await == 1).await;
}

#[apply(on_both)]
#[tokio::test]
async fn each_format_logs_in_with_its_password_alone_and_is_replaced_by_ours(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let mut rows: Vec<_> = HASHES.iter().map(|(_, hash)| with_hash(hash)).collect();
    rows.push(firebase());
    let results = import(server, token, rows.clone()).await;
    for (result, row) in results.iter().zip(&rows) {
        assert_eq!(result.outcome(), ImportOutcome::Created, "{}: {result:?}", row.password_hash);
    }
    for row in &rows {
        let refused = server.login(&row.username, "plum harbour lantern 47?").await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_CREDENTIALS", "{}", row.password_hash);
        let tokens = server.login(&row.username, PASSWORD).await;
        assert!(tokens.is_ok(), "{}: {tokens:?}", row.password_hash);
        is_replaced(server, &row.username).await;
        assert!(server.login(&row.email, PASSWORD).await.is_ok(), "with our hash");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn who_has_no_password_can_not_log_in_with_any(backend: Backend) {
    let office = Office::start(backend).await;
    let row = row();
    import(&office.server, &office.tokens.access_token, vec![row.clone()]).await;
    for password in [PASSWORD, " ", "\0"] {
        let refused = office.server.login(&row.username, password).await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_CREDENTIALS", "{password:?}");
    }
}

/// What is typed is hashed by other systems as it is; their old passwords may have a tab, or no NFC.
#[tokio::test]
async fn passwords_that_can_not_be_registered_today_log_in() {
    let office = Office::start(Backend::Sqlite).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    for password in ["with\ta tab", "Zu\u{308}rich in NFD"] {
        let row = with_hash(&bcrypt::hash(password, 4).unwrap());
        import(server, token, vec![row.clone()]).await;
        assert!(server.login(&row.username, password).await.is_ok(), "{password:?}");
        is_replaced(server, &row.username).await;
        assert!(server.login(&row.username, password).await.is_ok(), "{password:?}, replaced");
        let refused = server.login(&row.username, &password.replace(['\t', '\u{308}'], "")).await;
        assert_eq!(reason(&refused.unwrap_err()), "INVALID_CREDENTIALS");
    }
}

/// Of all memory-hard checks together.
#[tokio::test]
async fn a_hash_that_needs_more_memory_than_there_is_for_them_is_refused_as_overload() {
    let server = Server::start_with(Backend::Sqlite, |config, _| config.password.memory = 1 << 20);
    let office = Office::of(server.await).await;
    // 1 MiB fits, and 2 MiB does not.
    let dear = HASHES[2].1.replace("m=1024", "m=2048");
    let (fits, dear) = (with_hash(HASHES[2].1), with_hash(&dear));
    let token = &office.tokens.access_token;
    import(&office.server, token, vec![fits.clone(), dear.clone()]).await;
    assert!(office.server.login(&fits.username, PASSWORD).await.is_ok());
    let refused = office.server.login(&dear.username, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "OVERLOADED");
}
