//! `countersign user`.

use std::time::Duration;

use countersign::{
    domain::EventKind,
    pb::{LoginRequest, auth_service_client::AuthServiceClient, login_response::Result as Outcome},
    token::MasterKey,
};
use rstest::rstest;

use crate::{
    events::events,
    harness::{
        Backend, Beats, Database, Server,
        command::{Running, output},
        eventually, logs, reason,
        server::{PASSWORD, alice},
    },
    mailbox::{NEW_PASSWORD, open_reset, reset},
    process::{on, serve},
    verifier::{settings, verifier},
};

#[rstest]
#[tokio::test]
async fn a_user_who_has_lost_phone_and_recovery_codes_gets_in_by_the_operator(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, master_key) = (Database::new(backend).await, MasterKey::generate_text());
    let disable = |name: &str| {
        let mut command = on(&database, &["user", "disable-2fa", name]);
        command.env("COUNTERSIGN_MASTER_KEY", master_key.as_str());
        let (result, said) = output(command);
        let printed = String::from_utf8(result.stdout).unwrap();
        if result.status.success() { Ok(printed) } else { Err(said) }
    };
    let mut command = serve(&database);
    command.env("COUNTERSIGN_MASTER_KEY", master_key.as_str());
    let mut running = Running::start(command);
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    auth.register(alice(PASSWORD)).await.unwrap();
    for (name, why) in
        [("bob", "there is no user"), ("b@example.com", "no user"), ("b c", "no user")]
    {
        let refused = disable(name).unwrap_err();
        assert!(refused.contains(why), "{name}: {refused}");
    }

    let said = disable("Alice@Example.com").unwrap();
    assert!(said.contains("Two-factor login of alice (") && said.contains(") is off:"), "{said}");
    let line = running.wait_for_log("two_factor_off");
    assert!(line.contains("destination=\"alice@example.com\""), "{line}");
    let (username, password) = ("alice".to_owned(), PASSWORD.to_owned());
    let login = LoginRequest { username, password, ..LoginRequest::default() };
    let response = auth.login(login).await.unwrap().into_inner();
    assert!(matches!(response.result, Some(Outcome::Tokens(_))));

    let said = disable("ALICE").unwrap();
    assert!(said.contains("was off: nothing is changed"), "{said}");
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 0);
    let recorded =
        "SELECT COUNT(*) FROM events WHERE kind = 'two_factor_off' AND session_id IS NULL";
    assert_eq!(database.number(recorded).await, 1, "once, and by no session");
    drop(auth);
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
}

/// Runs `countersign user …` on the server's database.
fn user(server: &Server, arguments: [&str; 2]) -> Result<String, String> {
    let [action, name] = arguments;
    let mut command = on(&server.database, &["user", action, name]);
    let key = std::fs::read_to_string(server.database.folder().join("master.key")).unwrap();
    command.env("COUNTERSIGN_MASTER_KEY", key.trim());
    let (result, said) = output(command);
    let printed = String::from_utf8(result.stdout).unwrap();
    if result.status.success() { Ok(printed) } else { Err(said) }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_user_is_out_on_every_replica_and_no_old_token_works_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let other = server.replica(|_, _| {}).await;
    let (alice, neighbour) = (server.user(false).await, server.user(false).await);
    let (tokens, others) = (server.session(&alice).await, other.session(&neighbour).await);
    let watcher = verifier(other.grpc, settings("countersign")).await;
    eventually("following", async || watcher.status().is_following).await;
    let good = async |jwt: &str| watcher.verify(jwt).await.is_ok();
    assert!(good(&tokens.access_token).await && good(&others.access_token).await);
    for (name, why) in [("nobody", "there is no user"), ("b c", "there is no user")] {
        for action in ["disable", "enable"] {
            let refused = user(&server, [action, name]).unwrap_err();
            assert!(refused.contains(why), "{action} {name}: {refused}");
        }
    }
    let said = user(&server, ["enable", &alice.username]).unwrap();
    assert!(said.contains("was enabled: nothing is changed"), "{said}");

    let said = user(&server, ["disable", &alice.email.to_uppercase()]).unwrap();
    let committed = Beats::start();
    assert!(said.contains(&format!("{} ({}) is disabled", alice.username, alice.id)), "{said}");
    eventually("the revocation", async || !good(&tokens.access_token).await).await;
    assert!(committed.elapsed() < Duration::from_secs(1), "{:?}", committed.elapsed());
    for replica in [&server, &other] {
        let refused = replica.me(&tokens).await.unwrap_err();
        assert_eq!(reason(&refused), "TOKEN_INVALID");
        let refused = replica.login(&alice.username, PASSWORD).await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    }
    let said = user(&server, ["disable", &alice.username]).unwrap();
    assert!(said.contains("was disabled: nothing is changed"), "{said}");

    let said = user(&server, ["enable", &alice.username]).unwrap();
    assert!(said.contains("is enabled and can log in"), "{said}");
    for replica in [&server, &other] {
        assert_eq!(reason(&replica.me(&tokens).await.unwrap_err()), "TOKEN_INVALID");
        let refused = replica.refresh(&tokens.refresh_token, "").await.unwrap_err();
        assert_eq!(reason(&refused), "TOKEN_INVALID", "the old refresh token stays dead");
        let next = replica.session(&alice).await;
        assert!(good(&next.access_token).await, "a login at once after");
    }
    assert!(!good(&tokens.access_token).await && good(&others.access_token).await);
    let by_operator: Vec<_> = events(&server.database)
        .await
        .into_iter()
        .filter(|event| matches!(event.kind, EventKind::UserDisabled | EventKind::UserEnabled))
        .map(|event| {
            (event.kind, event.user_id.unwrap().to_string(), event.session_id, event.address)
        })
        .collect();
    let id = alice.id;
    assert_eq!(
        by_operator,
        [
            (EventKind::UserDisabled, id.clone(), None, None),
            (EventKind::UserEnabled, id, None, None)
        ]
    );
}

/// A login that waits for its second factor, and a reset whose code is under way, must not be ways back in.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_before_an_account_was_disabled_completes_nothing_after_it_is_enabled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (alice, bob) = (server.user(true).await, server.user(false).await);
    let challenge = server.challenge(&alice).await;
    let code = logs::code(&alice.username);
    let (reset_id, reset_code) = open_reset(&server, &bob).await;
    for name in [&alice.username, &bob.username] {
        user(&server, ["disable", name]).unwrap();
        user(&server, ["enable", name]).unwrap();
    }
    let refused = server.verify(&challenge, &code).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    let refused = reset(&server, &reset_id, &reset_code, NEW_PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    let challenge = server.challenge(&alice).await;
    assert!(server.verify(&challenge, &logs::code(&alice.username)).await.is_ok());
}
