//! `countersign user`.

use countersign::{
    pb::{LoginRequest, auth_service_client::AuthServiceClient, login_response::Result as Outcome},
    token::MasterKey,
};
use rstest::rstest;

use crate::{
    harness::{
        Backend, Database,
        command::{Running, output},
        server::{PASSWORD, alice},
    },
    process::{on, serve},
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
