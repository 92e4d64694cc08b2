//! GetUser and BatchGetUsers: users by name or id.

use std::collections::HashMap;

use uuid::Uuid;

use super::UserManager;
use crate::{
    domain::{InvalidField, LoginName, ManagedUser, id, size},
    service::{AdminError, Error},
};

/// The most users of one BatchGetUsers.
const MOST: usize = 100;

/// What a user is looked up by, as it was typed.
#[derive(Debug, Clone)]
pub enum UserName {
    /// The id.
    Id(String),
    /// The username.
    Username(String),
    /// The e-mail address.
    Email(String),
}

impl UserManager {
    /// A user by id, username or address.
    ///
    /// # Errors
    /// A bad field; an unknown user; the store's.
    pub async fn get_user(&self, name: Option<UserName>) -> Result<ManagedUser, Error> {
        let found = match name {
            None => {
                return Err(
                    InvalidField::new("user", "must be an id, a username or an email").into()
                );
            }
            Some(UserName::Id(text)) => return self.by_id(id(size::ID, &text)?).await,
            Some(UserName::Username(text)) => {
                size::USERNAME.check(&text)?;
                let name = LoginName::parse(&text)?;
                let is_username = matches!(name, LoginName::Username(_));
                self.by_name(is_username, name, "username").await?
            }
            Some(UserName::Email(text)) => {
                size::EMAIL.check(&text)?;
                let name = LoginName::parse(&text).map_err(|bad| bad.named("email"))?;
                self.by_name(matches!(name, LoginName::Email(_)), name, "email").await?
            }
        };
        found.ok_or(AdminError::UserNotFound.into())
    }

    /// An address is no username, and a username no address.
    async fn by_name(
        &self,
        fits: bool,
        name: LoginName,
        field: &'static str,
    ) -> Result<Option<ManagedUser>, Error> {
        if !fits {
            let problem =
                if field == "email" { "must be an e-mail address" } else { "must have no @" };
            return Err(InvalidField::new(field, problem).into());
        }
        Ok(self.store.managed_user_by_login(&name).await?)
    }

    /// A user by id.
    ///
    /// # Errors
    /// An unknown user; the store's.
    pub(super) async fn by_id(&self, id: Uuid) -> Result<ManagedUser, Error> {
        let found = self.store.managed_users(&[id]).await?.pop();
        found.ok_or(AdminError::UserNotFound.into())
    }

    /// Users by id, in the order of the ids.
    ///
    /// # Errors
    /// A bad field; too many ids; an unknown user; the store's.
    pub async fn batch_get_users(&self, ids: &[String]) -> Result<Vec<ManagedUser>, Error> {
        if ids.len() > MOST {
            let problem = format!("must be at most {MOST}");
            return Err(InvalidField::new("ids", problem).with("max_items", MOST).into());
        }
        let parse = |text: &String| id(size::ID, text).map_err(|bad| bad.named("ids"));
        let ids: Vec<Uuid> = ids.iter().map(parse).collect::<Result<_, _>>()?;
        let found = self.store.managed_users(&ids).await?;
        let found: HashMap<_, _> = found.into_iter().map(|user| (user.user.id, user)).collect();
        let users = ids.iter().map(|id| found.get(id).cloned()).collect::<Option<_>>();
        users.ok_or(AdminError::UserNotFound.into())
    }
}
