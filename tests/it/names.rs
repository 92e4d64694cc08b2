//! Names that can't be seen, and names in the scripts that people write in.

use countersign::pb::{
    LoginRequest, RegisterRequest, RequestPasswordResetRequest, login_response::Result as Outcome,
};
use rstest::rstest;
use tonic::Status;

use crate::harness::{
    Backend, Server, logs, reason,
    server::{PASSWORD, registration},
    soon, violations,
};

/// One of each kind: fillers, joiners, selectors, tags, directions, a blank, private use, not assigned; and a jamo.
const UNSEEN: [char; 14] = [
    '\u{3164}',
    '\u{115f}',
    '\u{1160}',
    '\u{ffa0}',
    '\u{200b}',
    '\u{200d}',
    '\u{34f}',
    '\u{fe0f}',
    '\u{e0061}',
    '\u{202e}',
    '\u{2800}',
    '\u{e000}',
    '\u{378}',
    '\u{1100}',
];

async fn login(server: &Server, username: &str, device_name: &str) -> Result<Outcome, Status> {
    let request = LoginRequest {
        username: username.into(),
        password: PASSWORD.into(),
        device_name: device_name.into(),
        ..LoginRequest::default()
    };
    let response = soon("Login", server.auth.clone().login(request)).await?;
    Ok(response.into_inner().result.unwrap())
}

#[rstest]
#[tokio::test]
async fn a_name_or_an_address_that_can_not_be_seen_is_not_registered(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for unseen in UNSEEN {
        for username in [format!("{unseen}"), format!("admin{unseen}"), format!("{unseen}admin")] {
            let request = RegisterRequest { username, ..registration(false) };
            let refused = server.register(request.clone()).await;
            assert_eq!(violations(&refused.unwrap_err()), ["username"], "{request:?} {unseen:?}");
        }
        for email in [
            format!("{unseen}@example.com"),
            format!("admin{unseen}@example.com"),
            format!("admin@exa{unseen}mple.com"),
            format!("admin@example.c{unseen}om"),
        ] {
            let refused = server.register(RegisterRequest { email, ..registration(false) }).await;
            assert_eq!(violations(&refused.unwrap_err()), ["email"], "{unseen:?}");
        }
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM users").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_device_name_that_can_not_be_seen_is_refused_and_an_emoji_is_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    // A jamo is no identifier, but it can be seen.
    for unseen in UNSEEN.into_iter().filter(|c| *c != '\u{1100}') {
        for device_name in [format!("{unseen}"), format!("my phone{unseen}")] {
            let refused = login(&server, &user.username, &device_name).await.unwrap_err();
            assert_eq!(violations(&refused), ["device_name"], "{device_name:?}");
        }
    }
    let refused = login(&server, &user.username, "  ").await.unwrap_err();
    assert_eq!(violations(&refused), ["device_name"]);
    let device_name = "Alice's ❤\u{fe0f} 📱 (2)";
    let Outcome::Tokens(tokens) = login(&server, &user.username, device_name).await.unwrap() else {
        panic!("no tokens");
    };
    assert_eq!(server.sessions(&tokens).await.unwrap()[0].device_name, device_name);
}

#[rstest]
#[tokio::test]
async fn a_name_is_registered_in_every_script_and_logs_in_in_every_spelling(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for (username, other_spelling) in [
        ("हिन्दी", "हिन्दी"),
        ("தமிழ்", "தமிழ்"),
        ("ภาษาไทย", "ภาษาไทย"),
        ("Nguyễn", "NGUYE\u{302}\u{303}N"),
        ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
        ("Иван", "иван"),
        ("محمد", "محمد"),
        ("用户", "用户"),
        ("Élodie", "e\u{301}lodie"),
        ("রবীন্দ্রনাথ", "রবীন্দ্রনাথ"),
        ("အောင်ဆန်းစုကြည်", "အောင်ဆန်းစုကြည်"),
        ("علی\u{200c}رضا", "علیرضا"),
        ("ශ\u{dca}\u{200d}රීමතී", "ශ\u{dca}රීමතී"),
        ("Adébáyọ̀", "ADE\u{301}BA\u{301}YO\u{323}\u{300}"),
        ("İsmail", "i\u{307}smail"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("ג׳ורג׳", "ג׳ורג׳"),
        ("བསྟན་འཛིན", "བསྟན་འཛིན"),
    ] {
        let request = RegisterRequest { username: username.into(), ..registration(false) };
        assert_eq!(server.register(request).await.unwrap().username, username);
        assert!(login(&server, other_spelling, "").await.is_ok(), "{other_spelling}");
    }
    // One name, with the non-joiner and without it: nobody passes for the other.
    let twin = RegisterRequest { username: "علیرضا".into(), ..registration(false) };
    assert_eq!(reason(&server.register(twin).await.unwrap_err()), "USERNAME_TAKEN");
}

#[rstest]
#[tokio::test]
async fn a_name_of_two_directions_or_with_a_joiner_where_none_belongs_is_not_registered(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for username in
        ["aliceمحمد", "محمدalice", "1محمد", "محمد_", "محـمد", "ad\u{200c}min", "علی\u{200c}", "a·b"]
    {
        let request = RegisterRequest { username: username.into(), ..registration(false) };
        let refused = server.register(request).await.unwrap_err();
        assert_eq!(violations(&refused), ["username"], "{username:?}");
    }
}

#[rstest]
#[tokio::test]
async fn white_space_around_a_login_name_is_dropped(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    for name in [&user.username, &user.email] {
        for typed in [format!("{name} "), format!("\t {name}"), format!("\u{a0}{name}\u{3000}\n")] {
            assert!(login(&server, &typed, "").await.is_ok(), "{typed:?}");
        }
    }
    let refused = login(&server, " \u{3000}", "").await.unwrap_err();
    assert_eq!(violations(&refused), ["username"]);
    // It is the same account's budget.
    let wrong = "not the password";
    for typed in [" {}", "{} ", "\t{}", "{}\n", "\u{a0}{}"] {
        let typed = typed.replace("{}", &user.username);
        server.login(&typed, wrong).await.unwrap_err();
    }
    let refused = server.login(&user.username, wrong).await.unwrap_err();
    assert_eq!(reason(&refused), "THROTTLED");
    let asked = RequestPasswordResetRequest {
        email: format!(" {}\n", user.email),
        ..RequestPasswordResetRequest::default()
    };
    server.auth.clone().request_password_reset(asked).await.unwrap();
    server.delivered().await;
    assert_eq!(logs::code(&user.username).len(), 11);
}

/// The rules are for new names: nobody is locked out by them.
#[rstest]
#[tokio::test]
async fn who_has_such_a_name_from_before_can_log_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.user(false).await;
    // The key of U+3164 is U+1160.
    let rename = "UPDATE users SET username = 'admin\u{3164}', username_key = 'admin\u{1160}'";
    server.database.run(rename).await;
    assert!(login(&server, "Admin\u{3164}", "").await.is_ok());
}
