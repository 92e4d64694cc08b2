//! Who did what is recorded: as far as the call had shown by then, and never as far as it claims.

use countersign::{
    domain::{Actor, EventKind},
    pb::{RequestPasswordResetRequest, User},
    token::MasterKey,
};
use rstest::rstest;
use uuid::Uuid;

use super::{Recorder, WRONG, events};
use crate::{
    harness::{
        Backend, Database, Server,
        command::output,
        logs,
        server::{PASSWORD, registration, wrong},
        soon,
    },
    process::on,
};

const NEXT: &str = "another long passphrase";

impl Recorder {
    /// The events since the last time, and who did each.
    async fn did(&mut self, expected: &[(EventKind, Actor)]) {
        let all = events(&self.server.database).await;
        let new = &all[self.seen..];
        self.seen = all.len();
        let new: Vec<_> =
            new.iter().map(|event| (event.kind, event.actor.clone().unwrap())).collect();
        assert_eq!(new, expected);
    }
}

fn by(user: &User) -> Actor {
    Actor::User(Uuid::parse_str(&user.id).unwrap())
}

#[rstest]
#[tokio::test]
async fn logins_and_changes_are_their_users_and_what_fails_or_comes_by_mail_is_nobodys(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use Actor::Nobody;
    use EventKind::{
        ConfirmationFailed, LoginFailed, LoginSucceeded, PasswordChanged, RefreshReused,
        Registered, ResetRequested, SessionRevoked, SessionsRevoked, UserDeleted,
    };
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let by_user = by(&user);
    recorder.did(&[(Registered, Nobody)]).await;
    recorder.server.login(&user.username, WRONG).await.unwrap_err();
    recorder.did(&[(LoginFailed, Nobody)]).await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(recorder.server.session(&user).await);
        recorder.did(&[(LoginSucceeded, by_user.clone())]).await;
    }
    let [own, out, spent, reused, _other] = &sessions[..] else { unreachable!() };

    recorder.server.logout(&out.refresh_token).await.unwrap();
    recorder.did(&[(SessionRevoked, by_user.clone())]).await;
    // The owner, or a thief: a token that was used before shows neither.
    recorder.server.refresh(&spent.refresh_token, "").await.unwrap();
    recorder.server.logout(&spent.refresh_token).await.unwrap();
    recorder.did(&[(SessionRevoked, Nobody)]).await;
    recorder.server.refresh(&reused.refresh_token, "").await.unwrap();
    recorder.server.refresh(&reused.refresh_token, "").await.unwrap_err();
    recorder.did(&[(RefreshReused, Nobody)]).await;
    recorder.server.change_password(own, WRONG, NEXT).await.unwrap_err();
    recorder.did(&[(ConfirmationFailed, by_user.clone())]).await;
    recorder.server.change_password(own, PASSWORD, NEXT).await.unwrap();
    recorder.did(&[(PasswordChanged, by_user.clone()), (SessionsRevoked, by_user.clone())]).await;
    let reset = RequestPasswordResetRequest { email: user.email.clone(), ..Default::default() };
    let mut auth = recorder.server.auth.clone();
    soon("RequestPasswordReset", auth.request_password_reset(reset)).await.unwrap();
    recorder.did(&[(ResetRequested, Nobody)]).await;
    recorder.server.delete_me(own, NEXT).await.unwrap();
    recorder.did(&[(UserDeleted, by_user)]).await;
}

#[rstest]
#[tokio::test]
async fn a_login_by_two_factors_is_its_users_once_both_are_shown(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use Actor::Nobody;
    use EventKind::{ChallengeBegun, CodeFailed, EmailVerified, LoginSucceeded, Registered};
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(true).await;
    let challenge = recorder.server.challenge(&user).await;
    recorder.did(&[(Registered, Nobody), (ChallengeBegun, Nobody)]).await;
    let code = logs::code(&user.username);
    recorder.server.verify(&challenge, &wrong(&code)).await.unwrap_err();
    recorder.did(&[(CodeFailed, Nobody)]).await;
    recorder.server.verify(&challenge, &code).await.unwrap();
    recorder.did(&[(LoginSucceeded, by(&user)), (EmailVerified, by(&user))]).await;
}

#[rstest]
#[tokio::test]
async fn what_is_done_at_the_command_line_is_an_operators(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{TwoFactorOff, UserDisabled, UserEnabled, UsersImported};
    let database = Database::new(backend).await;
    database.store().await;
    let master_key = MasterKey::generate_text();
    let run = |arguments: &[&str]| {
        let mut command = on(&database, arguments);
        command.env("COUNTERSIGN_MASTER_KEY", master_key.as_str());
        let (result, said) = output(command);
        assert!(result.status.success(), "{said}");
        String::from_utf8(result.stdout).unwrap()
    };
    run(&["seed", "--users=2", "--even-in-production"]);
    run(&["user", "disable", "sample-2"]);
    run(&["user", "enable", "sample-2"]);
    run(&["user", "disable-2fa", "sample-2"]);
    let recorded = events(&database).await;
    let kinds: Vec<_> = recorded.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [UsersImported, UserDisabled, UserEnabled, TwoFactorOff]);
    assert!(recorded.iter().all(|event| event.actor == Some(Actor::Operator)), "{recorded:?}");
    let listed = run(&["events", "--json"]);
    assert_eq!(listed.lines().count(), 4);
    assert!(listed.lines().all(|line| line.contains(r#""actor":"operator""#)), "{listed}");
    assert!(run(&["events"]).lines().skip(1).all(|line| line.ends_with("  operator")));
}

/// Whose id it is, is forgotten with the account; the event keeps the bare id, as long as events are kept.
#[rstest]
#[tokio::test]
async fn the_actor_stays_as_long_as_the_event_does(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.register(registration(false)).await.unwrap();
    let tokens = server.session(&user).await;
    server.delete_me(&tokens, PASSWORD).await.unwrap();
    let of_user = events(&server.database).await;
    let deleted = of_user.iter().find(|event| event.kind == EventKind::UserDeleted).unwrap();
    assert_eq!(deleted.actor, Some(by(&user)));
}
