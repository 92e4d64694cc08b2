//! UnlockUser.

use countersign::{
    domain::EventKind,
    pb::{LoginRequest, User},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::Office;
use crate::{
    harness::{
        Backend, Server, logs, on_both, reason_of,
        server::{PASSWORD, wrong},
        violations,
    },
    mailbox::request_reset,
};

async fn login_from(
    server: &Server,
    name: &str,
    password: &str,
    device: &str,
) -> Result<(), tonic::Status> {
    let request = LoginRequest {
        username: name.to_owned(),
        password: password.to_owned(),
        device_token: device.to_owned(),
        ..LoginRequest::default()
    };
    server.auth.clone().login(request).await.map(|_| ())
}

#[apply(on_both)]
#[tokio::test]
async fn strangers_and_known_devices_may_try_passwords_again_at_once(backend: Backend) {
    let office = Office::start(backend).await;
    let (user, other) = (office.made().await, office.made().await);
    let device = office.login(&user).await.device_token;
    for (name, device) in [(&user.username, ""), (&user.username, &*device), (&other.username, "")]
    {
        let mut refused = String::new();
        for _ in 0..20 {
            refused = reason_of(login_from(&office.server, name, "a wrong password", device).await);
            if refused == "THROTTLED" {
                break;
            }
        }
        assert_eq!(refused, "THROTTLED");
        let right = login_from(&office.server, name, PASSWORD, device).await;
        assert_eq!(reason_of(right), "THROTTLED", "not even the right one");
    }
    office.unlock(&user.id).await.unwrap();
    for device in ["", &*device] {
        login_from(&office.server, &user.username, PASSWORD, device).await.unwrap();
    }
    let others = login_from(&office.server, &other.username, PASSWORD, "").await;
    assert_eq!(reason_of(others), "THROTTLED", "those of others stay");
    assert_eq!(office.done_to(&user.id).await, [EventKind::UserCreated, EventKind::UserUnlocked]);
}

#[apply(on_both)]
#[tokio::test]
async fn codes_and_resets_are_free_to_go_on_too(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.server.user(true).await;
    let guess = async || {
        let challenge = office.server.challenge(&user).await;
        let code = logs::code(&user.username);
        (office.server.verify(&challenge, &wrong(&code)).await, code.len())
    };
    let (_, usual) = guess().await;
    let mut lengths = Vec::new();
    for _ in 0..25 {
        lengths.push(guess().await.1);
    }
    assert!(
        lengths.iter().any(|length| *length > usual),
        "a long code, where six digits are used up"
    );
    let reset = async |user: &User| request_reset(&office.server, &user.email).await;
    reset(&user).await.unwrap();
    assert_eq!(reason_of(reset(&user).await), "THROTTLED", "the cool-down");
    office.unlock(&user.id).await.unwrap();
    assert_eq!(guess().await.1, usual);
    reset(&user).await.unwrap();
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let office = Office::start(Backend::Sqlite).await;
    assert_eq!(violations(&office.unlock("x").await.unwrap_err()), ["id"]);
    let unknown = office.unlock(&Uuid::now_v7().to_string()).await;
    assert_eq!(reason_of(unknown), "USER_NOT_FOUND");
}
