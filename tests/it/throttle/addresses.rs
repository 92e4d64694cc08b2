//! Calls from one address, and whose address it is.

use countersign::{domain::TrustedProxies, pb::RegisterRequest};
use rstest::rstest;
use tonic::{Request, Status};

use super::{Origin, SECOND, login, tokens};
use crate::harness::{
    Backend, Server, reason_of,
    server::{PASSWORD, registration},
    soon, unique, wait,
};

/// One call a second, five at once, and this machine is trusted to tell for whom it calls.
async fn server(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, _| {
        config.policy.address_rate = 1;
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    server.clock.stop();
    server
}

fn at(forwarded_for: &str) -> Origin<'_> {
    Origin { forwarded_for, ..Origin::default() }
}

async fn register(server: &Server, forwarded_for: &str, username: &str) -> Result<(), Status> {
    let message = RegisterRequest { username: username.into(), ..registration(false) };
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-forwarded-for", forwarded_for.parse().unwrap());
    soon("Register", server.auth.clone().register(request)).await.map(|_| ())
}

#[rstest]
#[tokio::test]
async fn each_address_has_its_calls_a_second_whatever_the_accounts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    // Fields are not read for nothing: bad ones are counted, too. Only what is too long is not.
    for _ in 0..10 {
        let answer = login(&server.auth, &"a".repeat(1025), PASSWORD, at("192.0.2.1")).await;
        assert_eq!(reason_of(answer), "INVALID_FIELD");
    }
    let answer = login(&server.auth, "", PASSWORD, at("192.0.2.1")).await;
    assert_eq!(reason_of(answer), "INVALID_FIELD");
    for _ in 0..4 {
        let answer = login(&server.auth, &unique("nobody"), PASSWORD, at("192.0.2.1")).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    }
    assert_eq!(wait(login(&server.auth, "nobody", PASSWORD, at("192.0.2.1")).await), SECOND);
    assert_eq!(wait(register(&server, "192.0.2.1", &unique("user")).await), SECOND);
    // What stands before the nearest stranger is theirs to invent.
    let answer = login(&server.auth, "nobody", PASSWORD, at("192.0.2.9, 192.0.2.1")).await;
    assert_eq!(wait(answer), SECOND);
    register(&server, "192.0.2.2", &unique("user")).await.unwrap();
    server.clock.advance(SECOND);
    register(&server, "192.0.2.1", &unique("user")).await.unwrap();
    assert_eq!(wait(register(&server, "192.0.2.1", &unique("user")).await), SECOND);
}

/// What a proxy writes for somebody whose address it does not tell (RFC 7239, section 6), and what is no address at all.
#[rstest]
#[tokio::test]
async fn callers_whom_a_trusted_proxy_does_not_name_are_one_source_without_an_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    tokens(&server.auth, &user.username, at("unknown")).await;
    for table in ["sessions", "events WHERE kind = 'login_succeeded'"] {
        let count = async |filter: &str| {
            let also = if table.contains("WHERE") { "AND" } else { "WHERE" };
            let query = format!("SELECT COUNT(*) FROM {table} {also} address {filter}");
            server.database.number(&query).await
        };
        assert_eq!((count("IS NULL").await, count("IS NOT NULL").await), (1, 0), "{table}");
    }
    for hop in ["_hidden", "192.0.2.1, unknown", "192.0.2.300", "unknown, 127.0.0.1"] {
        let answer = login(&server.auth, &unique("nobody"), PASSWORD, at(hop)).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS", "{hop}");
    }
    for hop in ["unknown", "_hidden", "somebody", "192.0.2.1:port", "192.0.2.1,"] {
        assert_eq!(wait(login(&server.auth, "nobody", PASSWORD, at(hop)).await), SECOND, "{hop}");
        assert_eq!(wait(register(&server, hop, &unique("user")).await), SECOND, "{hop}");
    }
    // Neither those who have an address nor this machine itself wait for them.
    register(&server, "192.0.2.1", &unique("user")).await.unwrap();
    server.user(false).await;
}

#[rstest]
#[tokio::test]
async fn a_session_has_the_address_that_a_trusted_proxy_forwards(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    tokens(&server.auth, &user.username, at("2001:db8::1")).await;
    let sessions = "SELECT COUNT(*) FROM sessions WHERE address = '2001:db8::1'";
    assert_eq!(server.database.number(sessions).await, 1);
}

#[rstest]
#[tokio::test]
async fn by_default_nobody_is_believed_about_an_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| config.policy.address_rate = 1).await;
    let user = server.user(false).await;
    // More than one address may: those that loopback itself makes are not counted.
    for _ in 0..10 {
        tokens(&server.auth, &user.username, at("192.0.2.1")).await;
    }
    let sessions = "SELECT COUNT(*) FROM sessions WHERE address = '127.0.0.1'";
    assert_eq!(server.database.number(sessions).await, 10);
}
