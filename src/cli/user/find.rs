//! Finds a user, and says what is wrong.

use anyhow::anyhow;

use crate::{
    domain::{ManagedUser, id, size},
    edge::Refusal,
    service::{Error, UserManager, UserName},
};

/// A user by id, username or e-mail address.
pub(super) async fn find(users: &UserManager, text: &str) -> anyhow::Result<ManagedUser> {
    let name = match text {
        _ if id(size::ID, text).is_ok() => UserName::Id(text.to_owned()),
        _ if text.contains('@') => UserName::Email(text.to_owned()),
        _ => UserName::Username(text.to_owned()),
    };
    users.get_user(Some(name)).await.map_err(said)
}

/// What a caller would be told.
pub(super) fn said(error: Error) -> anyhow::Error {
    anyhow!("{}", Refusal::from(error).text())
}
