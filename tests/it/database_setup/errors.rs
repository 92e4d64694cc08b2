//! What a start says about a database that it can't use: the cause, once, and nothing secret.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use rstest::rstest;

use super::Role;
use crate::harness::{
    Backend, Database,
    command::{command, output},
};

/// What `migrate` says about a URL.
fn said(url: &str) -> String {
    let mut migrate = command(&["migrate"]);
    migrate.env("DATABASE_URL", url);
    let (result, text) = output(migrate);
    assert!(!result.status.success(), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!text.contains("at line"), "a line of Postgres's source: {text}");
    text
}

fn says_once(url: &str, words: &str) {
    let text = said(url);
    assert_eq!(text.matches(words).count(), 1, "{words} in {text}");
}

#[rstest]
#[case("postgres://u:hunter2@127.0.0.1:1/x", "connection refused")]
#[case("postgres://u:hunter2@[::1]:1/x", "connection refused")]
#[case("postgres://u:hunter2@no-such-host.invalid/x", "no such host")]
#[case("postgres://u:hunter2@/x?host=/nowhere", "no such socket")]
#[case("postgres://u:hunter2@127.0.0.1:1,[::1]:2/x", "127.0.0.1:1: connection refused")]
#[case("postgres://u:hunter2@127.0.0.1:1,[::1]:2/x", "[::1]:2: connection refused")]
#[case("postgres://u:hunter2@h/x?sslpassword=hunter2", "sslpassword is not supported")]
#[case("postgres://u:hunter2@h/x?made_up=hunter2", "made_up is not supported")]
#[case("postgres://u:hunter%2@h/x", "write the sign % as %25")]
fn what_keeps_a_connection_from_being_made_is_named_once(#[case] url: &str, #[case] words: &str) {
    says_once(url, words);
}

#[tokio::test]
async fn the_servers_own_reason_is_named_once() {
    let database = Database::empty(Backend::Postgres).await;
    let (base, query) = database.url.split_once('?').unwrap();
    let (server, _) = base.rsplit_once('/').unwrap();
    says_once(&format!("{server}/no_such_one?{query}"), "no such database");
    let role = Role::new(&database, "CONNECTION LIMIT 0").await;
    says_once(&role.url(&database), "too many connections: ");
    role.drop(&database).await;
}

/// A message before the login: its length, then the rest. All of it is read, or closing would discard the answer.
fn message_of(connection: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    connection.read_exact(&mut length).ok()?;
    let mut text = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?];
    connection.read_exact(&mut text).ok()?;
    Some(text)
}

/// A server that has no TLS and answers every login with an error.
fn refusing(code: &'static str, message: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            // SSLRequest (PostgreSQL's manual, 55.7) comes first, then who wants in.
            let mut answered = message_of(&mut connection);
            if answered.as_deref().is_some_and(|text| text == 80_877_103_i32.to_be_bytes()) {
                let _sent = connection.write_all(b"N");
                answered = message_of(&mut connection);
            }
            if answered.is_none() {
                // Whoever goes away has had enough.
                continue;
            }
            let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0L4711\0Rauth_failed\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            let _sent = connection.write_all(&[b"E", &length[..], fields.as_bytes()].concat());
        }
    });
    address
}

#[rstest]
#[case("28P01", "password authentication failed for user \"u\"", "wrong password")]
#[case("28000", "no pg_hba.conf entry for host \"::1\"", "login refused")]
#[case("53300", "sorry, too many clients already", "too many connections")]
#[case("57P03", "the database system is starting up", "takes no connections now")]
#[case("08P01", "no more connections allowed (max_client_conn)", "no more connections allowed")]
fn a_login_that_is_refused_has_its_reason(
    #[case] code: &'static str,
    #[case] message: &'static str,
    #[case] words: &str,
) {
    let address = refusing(code, message);
    let url = format!("postgres://u:hunter2@{address}/x");
    says_once(&url, words);
    says_once(&url, message);
}

#[test]
fn a_server_without_tls_is_named_as_one() {
    let address = refusing("28000", "never asked");
    says_once(
        &format!("postgres://u:hunter2@{address}/x?sslmode=require"),
        "TLS: server does not support TLS",
    );
}
