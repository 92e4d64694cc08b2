//! ExportUsers, and the way round.

use std::ops::RangeInclusive;

use countersign::pb::{
    ExportUsersRequest, ImportOutcome, UserRecord, UserState, login_response::Result as Outcome,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    export, import,
    rows::{HASHES, PASSWORD, firebase, row, with_hash, with_password},
};
use crate::{
    admin::{Office, official},
    events::events,
    factors::{answer, totp},
    harness::{
        Backend, authenticator::App, oauth::machine, on_both, reason_of, server::PASSWORD as OURS,
    },
};

fn with_secrets() -> ExportUsersRequest {
    ExportUsersRequest { include_secrets: true, cursor: String::new() }
}

/// What was exported can be imported, and everybody logs in there as before.
#[apply(on_both)]
#[tokio::test]
async fn who_moves_on_logs_in_with_the_same_password_and_app(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let registered = server.user(false).await;
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let mut rows: Vec<_> = HASHES.iter().map(|(_, hash)| with_hash(hash)).collect();
    rows.push(firebase());
    rows.push(UserRecord { totp_secret: secret.into(), email_verified: true, ..with_password() });
    rows.push(UserRecord { state: UserState::Disabled.into(), ..with_password() });
    rows.push(row());
    import(server, token, rows.clone()).await;
    // Its hash is one of ours from now on.
    assert!(server.login(&rows[0].username, PASSWORD).await.is_ok());
    let mover = machine(server, "admin.read export_hashes").await;
    let (users, _) = export(server, &mover.key, with_secrets()).await.unwrap();
    assert_eq!(users.len(), rows.len() + 2, "the registered ones, too");

    let there = Office::start(backend).await;
    let moved: Vec<_> =
        users.iter().filter(|user| user.username != office.admin.username).cloned().collect();
    let results = import(&there.server, &there.tokens.access_token, moved.clone()).await;
    assert!(results.iter().all(|of| of.outcome() == ImportOutcome::Created), "{results:?}");
    for row in &rows[..HASHES.len() + 1] {
        let login = there.server.login(&row.username, PASSWORD).await;
        assert!(matches!(login.unwrap().result, Some(Outcome::Tokens(_))), "{}", row.password_hash);
    }
    assert!(there.server.login(&registered.username, OURS).await.is_ok());
    there.server.clock.advance(std::time::Duration::from_secs(60));
    let with_app = &rows[HASHES.len() + 1];
    let login = there.server.login(&with_app.username, PASSWORD).await.unwrap();
    let Some(Outcome::Challenge(challenge)) = login.result else { panic!("an app") };
    let code = App::of(secret).code_at(&there.server.clock);
    answer(&there.server, &challenge, totp(code)).await.unwrap();
    for refused in &rows[HASHES.len() + 2..] {
        let login = there.server.login(&refused.username, PASSWORD).await;
        assert_eq!(reason_of(login), "INVALID_CREDENTIALS");
    }
    // Nothing is lost on the way: exported again, it is the same but for the ids.
    let mover = machine(&there.server, "admin.read export_hashes").await;
    let (again, _) = export(&there.server, &mover.key, with_secrets()).await.unwrap();
    let plain = |users: &[UserRecord]| {
        let same = |user: &UserRecord| {
            let user =
                UserRecord { id: String::new(), password_hash: String::new(), ..user.clone() };
            (
                user.username.clone(),
                format!("{:?} {:?} {:?}", user.roles, user.create_time, user.state),
                user.totp_secret,
            )
        };
        let mut all: Vec<_> = users.iter().map(same).collect();
        all.sort();
        all
    };
    let known = |user: &&UserRecord| moved.iter().any(|of| of.username == user.username);
    let again: Vec<_> = again.iter().filter(known).cloned().collect();
    assert_eq!(plain(&again), plain(&moved));
}

#[apply(on_both)]
#[tokio::test]
async fn hashes_and_secrets_take_a_permission_of_their_own(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    let secret = UserRecord { totp_secret: "GEZDGNBVGY3TQOJQ".into(), ..with_password() };
    import(server, token, vec![secret]).await;
    let (_, viewer) = official(server, "admin.viewer").await;
    let reader = machine(server, "admin.read").await;
    let writer = machine(server, "admin").await;
    let only_hashes = machine(server, "export_hashes").await;
    let viewer = viewer.access_token.as_str();
    for token in [token.as_str(), viewer, &reader.key, &writer.key, &only_hashes.key] {
        let refused = export(server, token, with_secrets()).await;
        assert_eq!(reason_of(refused), "PERMISSION_MISSING");
    }
    for token in [token.as_str(), viewer, &reader.key] {
        let (users, _) = export(server, token, ExportUsersRequest::default()).await.unwrap();
        assert!(users.len() >= 2);
        for user in users {
            assert_eq!((user.password_hash, user.totp_secret), (String::new(), String::new()));
        }
    }
    let kinds: Vec<_> =
        events(&server.database).await.into_iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "users_exported").count(), 3);
    assert_eq!(kinds.iter().filter(|kind| **kind == "secrets_exported").count(), 0);
}

/// Messages have 100 users, however many are read at a time.
#[apply(on_both)]
#[tokio::test]
async fn an_export_has_everybody_once_and_goes_on_after_a_cursor(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    for _ in 0..5 {
        import(server, token, (0..250).map(|_| row()).collect()).await;
    }
    let (users, cursors) = export(server, token, ExportUsersRequest::default()).await.unwrap();
    assert_eq!((users.len(), cursors.len()), (1251, 13));
    let mut ids: Vec<_> = users.iter().map(|user| user.id.clone()).collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), 1251);
    for (cursor, sent) in [(0, 100), (4, 500), (10, 1100), (12, 1251)] {
        let after = ExportUsersRequest { include_secrets: false, cursor: cursors[cursor].clone() };
        let (rest, _) = export(server, token, after).await.unwrap();
        assert_eq!(rest, users[sent..], "after message {cursor}");
    }
    // The rows of deleted users stay for a while.
    server.database.run(&deletion(backend, &ids[500], &ids[999])).await;
    let (left, _) = export(server, token, ExportUsersRequest::default()).await.unwrap();
    assert_eq!(left, [&users[..500], &users[1000..]].concat());
}

/// The ends of pages are looked up eight at a time: those of 8,000 users. Nobody is left out or named twice where the next look-up
/// begins, nor where it finds nobody.
#[apply(on_both)]
#[tokio::test]
async fn an_export_of_thousands_has_everybody_once(backend: Backend) {
    let office = Office::start(backend).await;
    let token = &office.tokens.access_token;
    let database = &office.server.database;
    let registered = database.number("SELECT COUNT(*) FROM users").await;
    let mut numbers = 1..=8000 - registered;
    for total in [8000, 9001] {
        database.run(&crowd(backend, &numbers)).await;
        let everybody = ExportUsersRequest::default();
        let (users, _) = export(&office.server, token, everybody).await.unwrap();
        assert!(users.is_sorted_by(|one, next| one.id < next.id), "each once");
        assert_eq!(users.len(), total);
        numbers = *numbers.end() + 1..=9001 - registered;
    }
    // A page of deleted users alone is no end.
    let (before, _) = export(&office.server, token, ExportUsersRequest::default()).await.unwrap();
    database.run(&deletion(backend, &before[1000].id, &before[1999].id)).await;
    let (left, _) = export(&office.server, token, ExportUsersRequest::default()).await.unwrap();
    assert!(left == [&before[..1000], &before[2000..]].concat());
}

/// What marks the users of a range of ids as deleted.
fn deletion(backend: Backend, first: &str, last: &str) -> String {
    let of = |id: &str| match backend {
        Backend::Sqlite => format!("x'{}'", id.replace('-', "")),
        Backend::Postgres => format!("'{id}'::uuid"),
    };
    format!(
        "UPDATE users SET deleted_at = created_at WHERE id BETWEEN {} AND {}",
        of(first),
        of(last)
    )
}

/// What adds users of these numbers. Their ids come before all that the service makes.
fn crowd(backend: Backend, numbers: &RangeInclusive<i64>) -> String {
    let (first, last) = (numbers.start(), numbers.end());
    let id = match backend {
        Backend::Sqlite => "unhex(printf('%032x', number))",
        Backend::Postgres => "lpad(to_hex(number), 32, '0')::uuid",
    };
    format!(
        "WITH RECURSIVE numbers (number) AS (SELECT {first} UNION ALL SELECT number + 1 FROM numbers WHERE number < {last}) \
        INSERT INTO users (id, username, username_key, email, email_key, email_verified, password_hash, \
            credential_version, is_2fa_enabled, roles, created_at) \
        SELECT {id}, 'crowd-' || number, 'crowd-' || number, number || '@example.com', number || '@example.com', \
            FALSE, '', 1, FALSE, '', (SELECT MIN(created_at) FROM users) FROM numbers"
    )
}

#[apply(on_both)]
#[tokio::test]
async fn a_cursor_that_no_export_sent_is_refused(backend: Backend) {
    let office = Office::start(backend).await;
    let (server, token) = (&office.server, &office.tokens.access_token);
    for cursor in ["x", "00000000", &"1".repeat(65)] {
        let bad = ExportUsersRequest { include_secrets: false, cursor: cursor.to_owned() };
        assert_eq!(reason_of(export(server, token, bad).await), "INVALID_FIELD", "{cursor}");
    }
}
