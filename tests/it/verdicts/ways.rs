//! Each way in which a user's tokens end early.

use std::time::Duration;

use countersign::{
    app,
    config::Config,
    pb::{
        DeleteUserRequest, ManagedUser, RegisterRequest, ResetFactorsRequest,
        RevokeOtherSessionsRequest, RevokeSessionRequest, Tokens, User, UserState,
    },
    service::end_what_was_revived,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{Scene, is_active};
use crate::{
    admin::{new_with, with_password},
    factors::{begin, confirm, set_two_factor},
    harness::{
        Backend,
        authenticator::App,
        logs, on_both, reason_of,
        server::{PASSWORD, bearer, config, registration},
        unique,
    },
    mailbox::{NEW_PASSWORD, end_account, open_reset, open_verification, reset, verify_email},
    service_accounts::operator,
};

/// Two sessions of a user, and one of another.
async fn three(scene: &Scene) -> (User, Tokens, Tokens, Tokens) {
    let (user, other) = (scene.server().user(false).await, scene.server().user(false).await);
    let [first, second] =
        [scene.server().session(&user).await, scene.server().session(&user).await];
    let others = scene.server().session(&other).await;
    (user, first, second, others)
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_ends_by_itself(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let (user, first, second, others) = three(&scene).await;
    let kept = [second.access_token.as_str(), others.access_token.as_str()];
    let refreshed = server.refresh(&first.refresh_token, "").await.unwrap();
    let ended = [first.access_token.as_str(), refreshed.access_token.as_str()];
    let logout = server.logout(&refreshed.refresh_token);
    scene.ends(&ended, &kept, logout).await.unwrap();

    let third = server.session(&user).await;
    let request = RevokeSessionRequest { session_id: third.session_id.clone() };
    let mut account = server.account.clone();
    let revoke = account.revoke_session(bearer(&second, request));
    scene.ends(&[&third.access_token], &kept, revoke).await.unwrap();

    let fourth = server.session(&user).await;
    let mut account = server.account.clone();
    let revoke = account.revoke_other_sessions(bearer(&second, RevokeOtherSessionsRequest {}));
    scene.ends(&[&fourth.access_token], &kept, revoke).await.unwrap();

    let refreshed = server.refresh(&second.refresh_token, "").await.unwrap();
    let ended = [second.access_token.as_str(), refreshed.access_token.as_str()];
    let reuse = server.refresh(&second.refresh_token, "");
    let refused = scene.ends(&ended, &kept[1..], reuse).await;
    assert_eq!(reason_of(refused), "REFRESH_REUSED");
}

#[apply(on_both)]
#[tokio::test]
async fn another_password_ends_the_other_sessions_and_a_reset_all(backend: Backend) {
    let scene = Scene::start(backend).await;
    let server = scene.server();
    let (user, first, second, others) = three(&scene).await;
    let kept = [second.access_token.as_str(), others.access_token.as_str()];
    let change = server.change_password(&second, PASSWORD, NEW_PASSWORD);
    scene.ends(&[&first.access_token], &kept, change).await.unwrap();

    let (id, code) = open_reset(server, &user).await;
    let reset = reset(server, &id, &code, PASSWORD);
    scene.ends(&kept[..1], &kept[1..], reset).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_oldest(backend: Backend) {
    let scene = Scene::start_with(backend, |config| config.policy.sessions_per_user = 2).await;
    let (user, first, second, others) = three(&scene).await;
    let kept = [second.access_token.as_str(), others.access_token.as_str()];
    scene.ends(&[&first.access_token], &kept, scene.server().session(&user)).await;

    // By a second factor, too.
    let user = scene.server().user(true).await;
    let first = scene.server().session_by_mail(&user).await;
    let second = scene.server().session_by_mail(&user).await;
    let third = scene.server().session_by_mail(&user);
    scene.ends(&[&first.access_token], &[&second.access_token], third).await;
}

#[apply(on_both)]
#[tokio::test]
async fn a_second_factor_ends_the_sessions_that_have_not_used_it(backend: Backend) {
    let scene = Scene::start_with(backend, verifies).await;
    let server = scene.server();
    let (user, first, second, others) = three(&scene).await;
    let (id, code) = open_verification(server, &user).await;
    verify_email(server, &id, &code).await.unwrap();
    let kept = [others.access_token.as_str()];
    let on = set_two_factor(server, &second, true, PASSWORD);
    let ended = [first.access_token.as_str(), second.access_token.as_str()];
    scene.ends(&ended, &kept, on).await.unwrap();

    let begun = begin(server, &others, PASSWORD).await.unwrap();
    let app = App::scan(&begun.otpauth_uri);
    let code = app.code_at(&server.clock);
    let added = confirm(server, &others, &begun.enrollment_id, &code);
    scene.ends(&kept, &[], added).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn a_deletion_ends_all(backend: Backend) {
    let scene = Scene::start(backend).await;
    let (_, first, second, others) = three(&scene).await;
    let ended = [first.access_token.as_str(), second.access_token.as_str()];
    let delete = scene.server().delete_me(&first, PASSWORD);
    scene.ends(&ended, &[&others.access_token], delete).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn an_administrator_ends_sessions(backend: Backend) {
    let scene = Scene::start(backend).await;
    let office = &scene.office;
    let staff = new_with(|user| user.roles = vec!["staff".into()]);
    let user = office.create(staff).await.unwrap().user.unwrap();
    // Whatever has changed since.
    let user = ManagedUser { etag: String::new(), ..user };
    let kept = [office.tokens.access_token.as_str()];

    let [first, second] = [office.login(&user).await, office.login(&user).await];
    let kept_too = [kept[0], second.access_token.as_str()];
    let revoke = office.revoke(&user.id, &first.session_id);
    scene.ends(&[&first.access_token], &kept_too, revoke).await.unwrap();
    scene.ends(&kept_too[1..], &kept, office.revoke(&user.id, "")).await.unwrap();

    let tokens = office.login(&user).await;
    let narrowed = ManagedUser { roles: Vec::new(), ..user.clone() };
    let narrow = office.set(narrowed, &["roles"]);
    scene.ends(&[&tokens.access_token], &kept, narrow).await.unwrap();

    let tokens = office.login(&user).await;
    let set = office.set_password(with_password(&user.id, PASSWORD));
    scene.ends(&[&tokens.access_token], &kept, set).await.unwrap();

    let tokens = office.login(&user).await;
    let disabled = ManagedUser { state: UserState::Disabled.into(), ..user.clone() };
    let disable = office.set(disabled, &["state"]);
    scene.ends(&[&tokens.access_token], &kept, disable).await.unwrap();

    let enabled = ManagedUser { state: UserState::Active.into(), ..user.clone() };
    office.set(enabled, &["state"]).await.unwrap();
    let tokens = office.login(&user).await;
    let request = DeleteUserRequest { id: user.id.clone(), ..DeleteUserRequest::default() };
    scene.ends(&[&tokens.access_token], &kept, office.delete(request)).await.unwrap();
}

/// Another address and another name end no session, nor does the end of the second factor.
#[apply(on_both)]
#[tokio::test]
async fn other_changes_end_nothing(backend: Backend) {
    let scene = Scene::start(backend).await;
    let office = &scene.office;
    let user = office.made().await;
    let tokens = office.login(&user).await;
    let kept = [tokens.access_token.as_str()];
    let (username, email) = (unique("dora"), format!("{}@example.com", unique("dora")));
    let changed = ManagedUser { username, email, ..user.clone() };
    let change = office.set(changed, &["username", "email"]);
    scene.ends(&[], &kept, change).await.unwrap();
    let request = ResetFactorsRequest { id: user.id, ..ResetFactorsRequest::default() };
    scene.ends(&[], &kept, office.reset_factors(request)).await.unwrap();
}

/// An account whose address was never verified, its session, and an account of the mailbox's owner.
struct Rivals {
    user: User,
    tokens: Tokens,
    owner: User,
    verification_id: String,
}

async fn rivals(scene: &Scene, owner_has_codes: bool) -> Rivals {
    let server = scene.server();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let request = RegisterRequest { email: user.email.clone(), ..registration(owner_has_codes) };
    let registered = server.auth.clone().register(request).await.unwrap().into_inner();
    server.delivered().await;
    let (owner, verification_id) = (registered.user.unwrap(), registered.verification_id);
    Rivals { user, tokens, owner, verification_id }
}

#[apply(on_both)]
#[tokio::test]
async fn the_owner_of_a_mailbox_ends_accounts_that_only_claim_it(backend: Backend) {
    let scene = Scene::start_with(backend, verifies).await;
    let server = scene.server();
    let Rivals { tokens, owner, verification_id, .. } = rivals(&scene, false).await;
    let code = logs::code(&owner.username);
    let verify = verify_email(server, &verification_id, &code);
    scene.ends(&[&tokens.access_token], &[], verify).await.unwrap();

    let Rivals { tokens, owner, .. } = rivals(&scene, true).await;
    let challenge = server.challenge(&owner).await;
    let code = logs::code(&owner.username);
    let login = server.verify(&challenge, &code);
    scene.ends(&[&tokens.access_token], &[], login).await.unwrap();

    let Rivals { tokens, owner, .. } = rivals(&scene, false).await;
    let proven = scene.office.by_id(&owner.id).await.unwrap();
    let proven = ManagedUser { email_verified: true, ..proven };
    let prove = scene.office.set(proven, &["email_verified"]);
    scene.ends(&[&tokens.access_token], &[], prove).await.unwrap();

    let Rivals { user, tokens, .. } = rivals(&scene, false).await;
    let (id, code) = open_reset(server, &user).await;
    let end = end_account(server, &id, &code);
    scene.ends(&[&tokens.access_token], &[], end).await.unwrap();

    let Rivals { user, tokens, .. } = rivals(&scene, false).await;
    let new = new_with(|made| {
        (made.email, made.email_verified) = (user.email.clone(), true);
    });
    scene.ends(&[&tokens.access_token], &[], scene.office.create(new)).await.unwrap();
}

/// A reset proves the mailbox, too: rivals end with the sessions of the one that was reset.
#[apply(on_both)]
#[tokio::test]
async fn a_reset_ends_the_rivals(backend: Backend) {
    let scene = Scene::start_with(backend, verifies).await;
    let server = scene.server();
    let Rivals { user, tokens, owner, .. } = rivals(&scene, false).await;
    let owners = server.session(&owner).await;
    let (id, code) = open_reset(server, &user).await;
    let ended = [tokens.access_token.as_str(), owners.access_token.as_str()];
    let reset = reset(server, &id, &code, NEW_PASSWORD);
    scene.ends(&ended, &[], reset).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn the_janitor_ends_accounts_that_were_not_verified_in_time(backend: Backend) {
    const HOUR: Duration = Duration::from_secs(3600);
    let scene = Scene::start_with(backend, |config| {
        verifies(config);
        config.policy.unverified_ttl = HOUR;
    })
    .await;
    let server = scene.server();
    let user = server.user(false).await;
    server.clock.advance(HOUR - Duration::from_secs(60));
    let tokens = server.session(&user).await;
    server.clock.advance(Duration::from_secs(120));
    let token = tokens.access_token.as_str();
    // It takes the lease of the server's, and waits whether that takes it back.
    assert!(scene.other.janitor.run().await.unwrap().is_some());
    server.clock.advance(Duration::from_secs(240));
    scene.read().await;
    assert!(is_active(server, token).await && scene.is_active_elsewhere(token).await);
    assert!(scene.other.janitor.run().await.unwrap().is_some());
    assert!(!scene.is_active_elsewhere(token).await, "on the replica that ended it");
    scene.have_ended(&[token], &[]).await;
}

#[apply(on_both)]
#[tokio::test]
async fn commands_end_sessions(backend: Backend) {
    let scene = Scene::start(backend).await;
    let (config, clock) = (config(&scene.server().database), scene.server().clock.clock());
    let keeper = app::operator(&config, &clock).await.unwrap();
    let (user, first, second, others) = three(&scene).await;
    let ended = [first.access_token.as_str(), second.access_token.as_str()];
    let (by, name) = (operator(), user.username.as_str());
    let disable = keeper.disable_user(&by, name);
    scene.ends_beside(&ended, &[&others.access_token], disable).await.unwrap();
    keeper.enable_user(&by, name).await.unwrap();

    let tokens = scene.server().session(&user).await;
    let store = scene.server().database.store().await;
    let revived = end_what_was_revived(&by, store.as_ref(), &clock, false);
    let ended = [tokens.access_token.as_str(), others.access_token.as_str()];
    scene.ends_beside(&ended, &[], revived).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn a_withdrawn_key_ends_its_tokens(backend: Backend) {
    let scene = Scene::start(backend).await;
    let (config, clock) = (config(&scene.server().database), scene.server().clock.clock());
    let keeper = app::keys(&config, &clock).await.unwrap().unwrap();
    let (_, first, second, _) = three(&scene).await;
    let ended = [first.access_token.as_str(), second.access_token.as_str()];
    scene.ends_beside(&ended, &[], keeper.replace()).await.unwrap();
}

fn verifies(config: &mut Config) {
    config.policy.email_verification = true;
}
