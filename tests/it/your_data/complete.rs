//! What is in an export.

use std::time::Duration;

use countersign::pb::{
    ChangeEmailRequest, ConfirmEmailChangeRequest, ExportMeResponse, Factor,
    RequestPasswordResetRequest, Tokens, User, UserState,
};
use prost::Message as _;
use rstest::rstest;
use rstest_reuse::apply;

use super::merged;
use crate::{
    admin::{Office, object},
    factors::{enroll, session_by_app},
    harness::{
        Backend, Server, logs, on_both,
        passkey::Passkey,
        server::{PASSWORD, bearer},
        unique,
    },
    passkeys,
};

/// Moves the account to another address.
async fn move_away(server: &Server, tokens: &Tokens, user: &User) -> String {
    let new_email = format!("{}@example.net", unique("moved"));
    let request = ChangeEmailRequest {
        new_email: new_email.clone(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    let asked = server.account.clone().change_email(bearer(tokens, request)).await.unwrap();
    server.delivered().await;
    let change_id = asked.into_inner().change_id;
    let code = logs::code(&user.username);
    let request = ConfirmEmailChangeRequest { change_id, code, ..Default::default() };
    server.account.clone().confirm_email_change(bearer(tokens, request)).await.unwrap();
    new_email
}

async fn ask_for_a_reset(server: &Server, email: &str) {
    let request =
        RequestPasswordResetRequest { email: email.to_owned(), device_token: String::new() };
    server.auth.clone().request_password_reset(request).await.unwrap();
    server.delivered().await;
}

/// Somebody with some of everything.
struct Person {
    user: User,
    new_email: String,
    codes: Vec<String>,
    ended: String,
    tokens: Tokens,
}

async fn person(office: &Office) -> Person {
    let server = &office.server;
    let user = server.user(false).await;
    let first = server.session(&user).await;
    let new_email = move_away(server, &first, &user).await;
    server.clock.advance(Duration::from_secs(120));
    ask_for_a_reset(server, &new_email).await;
    let (app, codes) = enroll(server, &first).await;
    server.clock.advance(Duration::from_secs(30));
    let ended = session_by_app(server, &user, &app).await;
    server.logout(&ended.refresh_token).await.unwrap();
    let tokens = session_by_app(server, &user, &app).await;
    passkeys::add(server, &tokens, &mut Passkey::new()).await;
    let mut managed = office.by_id(&user.id).await.unwrap();
    managed.metadata = Some(object("note", "owes us a cake"));
    managed.claims = Some(object("plan", "small"));
    managed.roles = vec!["reader".to_owned()];
    office.set(managed, &["metadata", "claims", "roles"]).await.unwrap();
    // The password is right, and the code never comes.
    server.challenge(&user).await;
    Person { user, new_email, codes, ended: ended.session_id, tokens }
}

fn seconds(time: Option<prost_types::Timestamp>) -> i64 {
    time.unwrap().seconds
}

fn assert_account(found: &ExportMeResponse, person: &Person) {
    let account = found.account.as_ref().unwrap();
    assert_eq!((&account.id, &account.username), (&person.user.id, &person.user.username));
    assert_eq!(account.email, person.new_email);
    assert!(account.email_verified && account.two_factor_enabled && account.has_password);
    assert_eq!(account.state, i32::from(UserState::Active));
    assert_eq!(account.roles, ["reader"]);
    assert_eq!(account.metadata, Some(object("note", "owes us a cake")));
    assert_eq!(account.claims, Some(object("plan", "small")));
    assert!(account.create_time.is_some() && account.last_login_time.is_some());
}

fn assert_lists(found: &ExportMeResponse, person: &Person) {
    let [app] = &found.authenticator_apps[..] else { panic!("{:?}", found.authenticator_apps) };
    assert!(app.create_time.is_some() && app.confirm_time.is_some() && app.expire_time.is_none());
    assert_eq!(found.recovery_codes.as_ref().unwrap().left, 10);
    let [passkey] = &found.passkeys[..] else { panic!("{:?}", found.passkeys) };
    assert_eq!(passkey.name, "my phone");
    let [former] = &found.former_emails[..] else { panic!("{:?}", found.former_emails) };
    assert_eq!(former.email, person.user.email);
    assert!(seconds(former.expire_time) > seconds(former.change_time));
    assert_eq!(found.mailed_codes.len(), 2, "the change's and the reset's");
    let used: Vec<_> = found.mailed_codes.iter().map(|code| code.use_time.is_some()).collect();
    assert_eq!(used, [false, true], "the latest first");
    let open: Vec<_> =
        found.pending_logins.iter().filter(|login| login.complete_time.is_none()).collect();
    let [open] = &open[..] else { panic!("{:?}", found.pending_logins) };
    let factors = [Factor::Passkey, Factor::Totp, Factor::RecoveryCode].map(i32::from);
    assert_eq!((&open.factors[..], open.first_proof.as_str()), (&factors[..], "password"));
    let session = |id: &str| found.sessions.iter().find(|session| session.id == id).unwrap();
    let (current, ended) = (session(&person.tokens.session_id), session(&person.ended));
    assert!(current.live && current.current && current.revoke_time.is_none());
    assert_eq!(current.authentication_methods, ["pwd", "otp", "mfa"]);
    assert!(!ended.live && !ended.current && ended.revoke_time.is_some());
    assert_eq!(ended.address, "127.0.0.1");
    let three: Vec<_> = found.sessions.iter().map(|session| session.live).collect();
    assert_eq!(three, [true, false, false], "the first one has ended with the app");
}

#[apply(on_both)]
#[tokio::test]
async fn everything_about_the_user_is_in_it_and_no_secret(backend: Backend) {
    let office = Office::of(
        Server::start_with(backend, |config, _| config.policy.email_verification = false).await,
    )
    .await;
    let server = &office.server;
    server.clock.stop();
    let person = person(&office).await;
    let found = merged(server, &person.tokens).await;
    assert_account(&found, &person);
    assert_lists(&found, &person);

    let kinds: Vec<_> = found.events.iter().map(|event| &*event.kind).collect();
    for kind in ["registered", "email_changed", "app_added", "session_revoked", "roles_changed"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert!(found.events.iter().all(|event| event.user_id == person.user.id));
    let by = |kind: &str| found.events.iter().find(|event| event.kind == kind).unwrap();
    assert_eq!(by("registered").address, "127.0.0.1");
    // That an administrator did it is the user's business; where they sat is not.
    assert_eq!(by("roles_changed").actor, format!("user:{}", office.admin.id));
    assert_eq!(by("roles_changed").address, "");

    let bytes = found.encode_to_vec();
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds(&person.user.username), "the search finds what is there");
    let mailed = logs::codes(&person.user.username);
    let codes = person.codes.iter().chain(&mailed).map(String::as_str);
    for secret in codes.chain([PASSWORD, "$bcrypt", &person.tokens.refresh_token]) {
        assert!(!holds(secret), "{secret}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn nothing_of_others_is_in_it(backend: Backend) {
    let office = Office::start(backend).await;
    office.server.clock.stop();
    let other = person(&office).await;
    let user = office.server.user(false).await;
    let tokens = office.server.session(&user).await;
    let found = merged(&office.server, &tokens).await;
    let (sessions, events) = (found.sessions.len(), found.events.len());
    // registered, login_succeeded, data_exported.
    assert_eq!((sessions, events), (1, 3), "{found:?}");
    let text = format!("{found:?}");
    for strange in [&other.user.id, &other.user.username, &other.user.email, &other.new_email] {
        assert!(!text.contains(strange.as_str()), "{strange}");
    }
    let lists = [found.pending_logins.len(), found.mailed_codes.len(), found.former_emails.len()];
    assert_eq!(lists, [0, 0, 0]);
    assert!(found.authenticator_apps.is_empty() && found.recovery_codes.is_none());
}

#[rstest]
#[tokio::test]
async fn an_address_that_is_to_be_verified_and_a_message_that_waits_are_told() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.policy.email_verification = true;
    })
    .await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    server.delivered().await;
    server.clock.stop();
    // As though its mail server were away.
    server
        .database
        .run(
            "INSERT INTO outbox (id, sealed_message, created_at, next_try_at, tries, expires_at, user_id, ready) \
             SELECT randomblob(16), x'00', created_at, created_at + 60000000, 0, created_at + 7200000000, id, \
             FALSE FROM users",
        )
        .await;
    let found = merged(&server, &tokens).await;
    assert!(seconds(found.verify_by_time) > seconds(found.account.unwrap().create_time));
    assert_eq!(found.waiting_messages.len(), 1);
}
