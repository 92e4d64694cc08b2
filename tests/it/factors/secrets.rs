//! What whoever reads the database gets of it: nothing that logs in.

use rstest::rstest;

use super::{begin, confirm};
use crate::harness::{
    Backend, Server,
    authenticator::{App, bytes_of},
    server::PASSWORD,
};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[rstest]
#[tokio::test]
async fn neither_the_secret_nor_recovery_codes_are_stored_in_clear(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let tokens = server.session(&server.user(false).await).await;
    let begun = begin(&server, &tokens, PASSWORD).await.unwrap();
    let code = App::scan(&begun.otpauth_uri).code_at(&server.clock);
    let codes = confirm(&server, &tokens, &begun.enrollment_id, &code).await.unwrap();
    let bare = codes[0].replace('-', "");
    let secret = bytes_of(&begun.secret);
    assert_eq!(secret.len(), 20);
    let (kept_secret, kept_code) = match backend {
        Backend::Sqlite => ("lower(hex(sealed_secret))", "lower(hex(code_mac))"),
        Backend::Postgres => ("encode(sealed_secret, 'hex')", "encode(code_mac, 'hex')"),
    };
    for canary in [hex(&secret), hex(&begun.secret), hex(&bare), hex(&codes[0])] {
        for (table, kept) in [("totp_factors", kept_secret), ("recovery_codes", kept_code)] {
            let found = format!("SELECT COUNT(*) FROM {table} WHERE {kept} LIKE '%{canary}%'");
            assert_eq!(server.database.number(&found).await, 0, "{table}");
        }
    }
    // It is there, with a header, a nonce and a tag; and codes of all lengths are digests of one.
    let lengths = "SELECT CAST(MIN(LENGTH(sealed_secret)) AS BIGINT) FROM totp_factors";
    assert_eq!(server.database.number(lengths).await, 10 + 12 + 20 + 16);
    let lengths = "SELECT CAST(MIN(LENGTH(code_mac)) AS BIGINT) FROM recovery_codes";
    assert_eq!(server.database.number(lengths).await, 32);
}
