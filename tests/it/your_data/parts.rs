//! An export as a stream: what it takes, what it records, how long it goes on.

use std::collections::BTreeSet;

use countersign::pb::{ExportMeRequest, User};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;

use super::{begin, export, with_password};
use crate::harness::{
    Backend, Server, logs, on_both, reason, reason_of, server::PASSWORD, soon, violations,
};

/// Gives the user that many events of one moment, past the service.
async fn add_events(server: &Server, user: &User, rows: usize) {
    let now = server.clock.now().unix_micros();
    let (id, user, at) = match server.database.backend {
        Backend::Sqlite => {
            ("randomblob(16)", format!("x'{}'", user.id.replace('-', "")), now.to_string())
        }
        Backend::Postgres => (
            "gen_random_uuid()",
            format!("'{}'::uuid", user.id),
            format!("to_timestamp({now} / 1000000.0)"),
        ),
    };
    let sql = format!(
        "INSERT INTO events (id, kind, user_id, at, seq) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
         SELECT {id}, 'login_failed', {user}, {at}, 0 FROM n"
    );
    server.database.run(&sql).await;
}

#[apply(on_both)]
#[tokio::test]
async fn it_is_recorded_and_the_user_is_told(backend: Backend) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let messages = export(&server, &tokens, with_password()).await.unwrap();
    assert!(messages[0].account.is_some() && messages[1..].iter().all(|it| it.account.is_none()));
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'data_exported' AND session_id IS NOT NULL \
                    AND user_id IS NOT NULL AND address = '127.0.0.1'";
    assert_eq!(server.database.number(recorded).await, 1);
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["data_exported"]);
}

#[apply(on_both)]
#[tokio::test]
async fn without_the_password_nothing_is_told_and_guesses_are_counted_with_those_of_changes(
    backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let guess =
        |password: &str| ExportMeRequest { password: password.to_owned(), ..Default::default() };
    let refused = begin(&server, &tokens, guess("")).await.unwrap_err();
    assert_eq!(violations(&refused), ["password"]);
    let refused = begin(&server, &tokens, guess("not it")).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "INVALID_CREDENTIALS".into())
    );
    for _ in 0..20 {
        let refused = reason_of(begin(&server, &tokens, guess("not it")).await);
        if refused == "THROTTLED" {
            break;
        }
    }
    assert_eq!(reason_of(begin(&server, &tokens, with_password()).await), "THROTTLED");
    let changed = server.change_password(&tokens, PASSWORD, "another passphrase").await;
    assert_eq!(reason_of(changed), "THROTTLED");
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'data_exported'";
    assert_eq!(server.database.number(recorded).await, 0);
    assert_eq!(logs::notices(&user.username), Vec::<String>::new());
}

#[apply(on_both)]
#[tokio::test]
async fn of_very_many_events_each_comes_once(backend: Backend) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (user, other) = (server.user(false).await, server.user(false).await);
    let tokens = server.session(&user).await;
    add_events(&server, &other, 1500).await;
    add_events(&server, &user, 3500).await;
    let messages = export(&server, &tokens, with_password()).await.unwrap();
    let sizes: Vec<_> = messages.iter().map(|message| message.events.len()).collect();
    assert!(sizes.iter().all(|size| *size <= 1000), "{sizes:?}");
    let events: Vec<_> = messages.into_iter().flat_map(|message| message.events).collect();
    let ids: BTreeSet<_> = events.iter().map(|event| event.id.clone()).collect();
    // registered, login_succeeded, data_exported.
    assert_eq!((events.len(), ids.len()), (3503, 3503));
    assert!(events.iter().all(|event| event.user_id == user.id));
}

/// Who logs a thief out must not be read out to the end.
#[apply(on_both)]
#[tokio::test]
async fn it_ends_with_the_session_that_asks(backend: Backend) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    // Far more than the windows of the connection take: the rest is read when the caller has.
    add_events(&server, &user, 40_000).await;
    let mut stream = begin(&server, &tokens, with_password()).await.unwrap();
    assert!(soon("the account", stream.message()).await.unwrap().unwrap().account.is_some());
    server.logout(&tokens.refresh_token).await.unwrap();
    let mut events = 0;
    let ended = loop {
        match soon("a part", stream.message()).await {
            Ok(Some(message)) => events += message.events.len(),
            Ok(None) => panic!("all {events} events"),
            Err(ended) => break ended,
        }
    };
    assert_eq!((ended.code(), reason(&ended)), (Code::Unauthenticated, "TOKEN_INVALID".into()));
    assert!(events < 40_000);
}
