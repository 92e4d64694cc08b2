//! Changes of one user at once, and the last administrator.

use countersign::pb::{DeleteUserRequest, ManagedUser, Tokens, UpdateUserRequest, User, UserState};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{Office, object, of_mask, official};
use crate::harness::{
    Backend, on_both, reason, reason_of,
    server::{PASSWORD, bearer},
};

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_changes_with_one_etag_one_is_made(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.made().await;
    for number in [2, 16] {
        let before = office.by_id(&user.id).await.unwrap();
        let change = |index: usize| {
            let metadata = Some(object("winner", &format!("{number}-{index}")));
            office.set(ManagedUser { metadata, ..before.clone() }, &["metadata"])
        };
        let answers = join_all((0..number).map(change)).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1);
        for refused in refused {
            let refused = refused.unwrap_err();
            assert_eq!((refused.code(), &*reason(&refused)), (Code::Aborted, "ETAG_MISMATCH"));
        }
        assert_eq!(made[0].as_ref().unwrap(), &office.by_id(&user.id).await.unwrap());
    }
    // Without an etag all are made, one after the other.
    let change = |index: usize| {
        let metadata = Some(object("winner", &index.to_string()));
        let user = ManagedUser { metadata, etag: String::new(), ..user.clone() };
        office.set(user, &["metadata"])
    };
    assert!(join_all((0..16).map(change)).await.iter().all(Result::is_ok));
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_that_is_sent_sixteen_times_is_made_once(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.made().await;
    let before = office.done_to(&user.id).await.len();
    let change = ManagedUser { metadata: Some(object("a", "b")), ..user.clone() };
    let request_id = Uuid::now_v7().to_string();
    let request = UpdateUserRequest { request_id, ..of_mask(change, &["metadata"]) };
    let answers = join_all((0..16).map(|_| office.update(request.clone()))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().metadata, Some(object("a", "b")));
    }
    assert_eq!(office.done_to(&user.id).await.len(), before + 1);
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_users_who_take_one_name_or_address_at_once_one_gets_it(backend: Backend) {
    let office = Office::start(backend).await;
    for (path, taken) in [("username", "USERNAME_TAKEN"), ("email", "EMAIL_TAKEN")] {
        let mut users = Vec::new();
        for _ in 0..8 {
            users.push(office.made().await);
        }
        let change = async |user: ManagedUser| {
            let (username, email) = (format!("wanted-{path}"), format!("{path}@example.org"));
            office.set(ManagedUser { username, email, ..user }, &[path]).await
        };
        let answers = join_all(users.into_iter().map(change)).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1, "{path}");
        for refused in refused {
            assert_eq!(reason_of(refused), taken);
        }
    }
}

/// By that administrator: a change of the fields of another.
async fn set_by(
    office: &Office,
    tokens: &Tokens,
    user: &ManagedUser,
    path: &str,
) -> Result<(), Status> {
    let request = bearer(tokens, of_mask(user.clone(), &[path]));
    office.client.clone().update_user(request).await.map(|_| ())
}

fn demoted(user: &User) -> ManagedUser {
    ManagedUser { id: user.id.clone(), ..ManagedUser::default() }
}

#[apply(on_both)]
#[tokio::test]
async fn the_last_administrator_stays(backend: Backend) {
    let office = Office::start(backend).await;
    // Neither a viewer nor a disabled administrator counts.
    official(&office.server, "admin.viewer").await;
    let (disabled, _) = official(&office.server, "admin").await;
    let off = ManagedUser {
        id: disabled.id.clone(),
        state: UserState::Disabled.into(),
        ..Default::default()
    };
    office.set(off, &["state"]).await.unwrap();
    let admin = &office.admin;
    let rows = office.rows().await;
    let off = ManagedUser {
        id: admin.id.clone(),
        state: UserState::Disabled.into(),
        ..Default::default()
    };
    let last = async |answer: Result<(), Status>| {
        let refused = answer.unwrap_err();
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::FailedPrecondition, "LAST_ADMINISTRATOR")
        );
        assert_eq!(office.rows().await, rows);
    };
    for (user, path) in [(demoted(admin), "roles"), (off.clone(), "state")] {
        last(office.set(user.clone(), &[path]).await.map(|_| ())).await;
        let tried = UpdateUserRequest { validate_only: true, ..of_mask(user, &[path]) };
        last(office.update(tried).await.map(|_| ())).await;
    }
    let delete = DeleteUserRequest { id: admin.id.clone(), ..Default::default() };
    last(office.delete(delete.clone()).await).await;
    last(office.server.delete_me(&office.tokens, PASSWORD).await).await;
    // Another role less is no matter.
    let roles = vec!["admin".into(), "staff".into()];
    let more = ManagedUser { roles, ..demoted(admin) };
    office.set(more, &["roles"]).await.unwrap();
    let (other, tokens) = official(&office.server, "admin").await;
    assert!(set_by(&office, &tokens, &off, "state").await.is_ok(), "another one is left");
    let delete = bearer(&tokens, DeleteUserRequest { id: other.id, ..Default::default() });
    let refused = office.client.clone().delete_user(delete).await.unwrap_err();
    assert_eq!(reason(&refused), "LAST_ADMINISTRATOR");
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_administrators_who_go_at_once_one_stays(backend: Backend) {
    let office = Office::start(backend).await;
    let (mut admins, replica) = (
        vec![(office.admin.clone(), office.tokens.clone())],
        office.server.replica(|_, _| {}).await,
    );
    for round in [0, 0, 0, 1, 2] {
        while admins.len() < 8 {
            admins.push(official(&office.server, "admin").await);
        }
        let leave = async |index: usize| {
            let (user, tokens) = &admins[index];
            // First all give up their own role, and then each goes in another way.
            match (index + round) % 3 {
                _ if round == 0 => set_by(&office, tokens, &demoted(user), "roles").await,
                0 => set_by(&office, tokens, &demoted(user), "roles").await,
                1 => replica.delete_me(tokens, PASSWORD).await,
                _ => {
                    let other = &admins[(index + 1) % admins.len()].0;
                    let id = other.id.clone();
                    let request = bearer(tokens, DeleteUserRequest { id, ..Default::default() });
                    office.client.clone().delete_user(request).await.map(|_| ())
                }
            }
        };
        let answers = join_all((0..admins.len()).map(leave)).await;
        let left = "SELECT COUNT(*) FROM user_roles JOIN users ON users.id = user_roles.user_id \
            WHERE role = 'admin' AND disabled_at IS NULL";
        let left = office.server.database.number(left).await;
        assert!(left >= 1, "{answers:?}");
        let mut stay = Vec::new();
        for (user, tokens) in admins {
            if office.server.me(&tokens).await.is_ok_and(|me| me.roles == ["admin"]) {
                stay.push((user, tokens));
            }
        }
        admins = stay;
        assert!(!admins.is_empty());
    }
}
