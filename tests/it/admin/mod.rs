//! AdminService.

mod apart;
mod create;
mod delete;
mod get;
mod list;
mod reset_factors;
mod sessions;
mod set_log_filter;
mod set_password;
mod unlock;
mod update;
mod update_address;
mod update_races;

use std::collections::BTreeMap;

use countersign::{
    domain::EventKind,
    pb::{
        BatchGetUsersRequest, CreateUserRequest, CreateUserResponse, DeleteUserRequest,
        GetUserRequest, ListUsersRequest, ListUsersResponse, ManagedUser, ResetFactorsRequest,
        RevokeUserSessionsRequest, SetPasswordRequest, Tokens, UnlockUserRequest,
        UpdateUserRequest, User, admin_service_client::AdminServiceClient, create_user_request,
        get_user_request, set_password_request,
    },
};
use prost_types::{FieldMask, Struct, Value, value::Kind};
use tonic::{Status, transport::Channel};

use crate::{
    events::events,
    harness::{
        Backend, Database, Server,
        server::{PASSWORD, bearer},
        soon, unique,
    },
};

/// A server, and an administrator of it.
pub struct Office {
    pub server: Server,
    pub admin: User,
    pub tokens: Tokens,
    pub client: AdminServiceClient<Channel>,
}

/// Gives a role to a user, past the service.
pub async fn grant(database: &Database, username: &str, role: &str) {
    let of = format!("WHERE username = '{username}'");
    database.run(&format!("UPDATE users SET roles = '{role}' {of}")).await;
    let row = "INSERT INTO user_roles (role, created_at, user_id) SELECT";
    database.run(&format!("{row} '{role}', created_at, id FROM users {of}")).await;
}

impl Office {
    pub async fn start(backend: Backend) -> Self {
        Self::of(Server::start(backend).await).await
    }

    pub async fn of(server: Server) -> Self {
        let (admin, tokens) = official(&server, "admin").await;
        let client = AdminServiceClient::new(server.channel.clone());
        Self { server, admin, tokens, client }
    }

    pub async fn get(&self, user: get_user_request::User) -> Result<ManagedUser, Status> {
        let request = bearer(&self.tokens, GetUserRequest { user: Some(user) });
        let response = soon("GetUser", self.client.clone().get_user(request)).await?;
        Ok(response.into_inner().user.unwrap())
    }

    pub async fn by_id(&self, id: &str) -> Result<ManagedUser, Status> {
        self.get(get_user_request::User::Id(id.to_owned())).await
    }

    pub async fn batch(&self, ids: &[&str]) -> Result<Vec<ManagedUser>, Status> {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = bearer(&self.tokens, BatchGetUsersRequest { ids });
        Ok(soon("BatchGetUsers", self.client.clone().batch_get_users(request))
            .await?
            .into_inner()
            .users)
    }

    pub async fn list(&self, request: ListUsersRequest) -> Result<ListUsersResponse, Status> {
        let request = bearer(&self.tokens, request);
        Ok(soon("ListUsers", self.client.clone().list_users(request)).await?.into_inner())
    }
}

impl Office {
    pub async fn create(&self, request: CreateUserRequest) -> Result<CreateUserResponse, Status> {
        let request = bearer(&self.tokens, request);
        let created = soon("CreateUser", self.client.clone().create_user(request)).await?;
        self.server.delivered().await;
        Ok(created.into_inner())
    }

    /// A new user with a password.
    pub async fn made(&self) -> ManagedUser {
        self.create(new_user()).await.unwrap().user.unwrap()
    }

    pub async fn update(&self, request: UpdateUserRequest) -> Result<ManagedUser, Status> {
        let request = bearer(&self.tokens, request);
        let updated = soon("UpdateUser", self.client.clone().update_user(request)).await?;
        Ok(updated.into_inner().user.unwrap())
    }

    /// Changes those fields.
    pub async fn set(&self, user: ManagedUser, paths: &[&str]) -> Result<ManagedUser, Status> {
        self.update(of_mask(user, paths)).await
    }

    pub async fn delete(&self, request: DeleteUserRequest) -> Result<(), Status> {
        let request = bearer(&self.tokens, request);
        soon("DeleteUser", self.client.clone().delete_user(request)).await.map(|_| ())
    }

    pub async fn set_password(&self, request: SetPasswordRequest) -> Result<ManagedUser, Status> {
        let request = bearer(&self.tokens, request);
        let set = soon("SetPassword", self.client.clone().set_password(request)).await?;
        Ok(set.into_inner().user.unwrap())
    }

    pub async fn reset_factors(&self, request: ResetFactorsRequest) -> Result<ManagedUser, Status> {
        let request = bearer(&self.tokens, request);
        let reset = soon("ResetFactors", self.client.clone().reset_factors(request)).await?;
        Ok(reset.into_inner().user.unwrap())
    }

    pub async fn revoke(&self, user_id: &str, session_id: &str) -> Result<i32, Status> {
        let (user_id, session_id) = (user_id.to_owned(), session_id.to_owned());
        let request = bearer(&self.tokens, RevokeUserSessionsRequest { user_id, session_id });
        let revoked =
            soon("a revocation", self.client.clone().revoke_user_sessions(request)).await?;
        Ok(revoked.into_inner().revoked_count)
    }

    pub async fn unlock(&self, id: &str) -> Result<(), Status> {
        let request = bearer(&self.tokens, UnlockUserRequest { id: id.to_owned() });
        soon("UnlockUser", self.client.clone().unlock_user(request)).await.map(|_| ())
    }

    /// The tokens of a session of a user with [`PASSWORD`].
    pub async fn login(&self, user: &ManagedUser) -> Tokens {
        let username = user.username.clone();
        self.server.session(&User { username, ..User::default() }).await
    }

    /// The kinds of events about a user, with the actors.
    pub async fn recorded(&self, id: &str) -> Vec<(EventKind, String)> {
        let events = events(&self.server.database).await.into_iter();
        let own = events.filter(|event| event.user_id.is_some_and(|user| user.to_string() == id));
        own.map(|event| (event.kind, event.actor.unwrap().to_string())).collect()
    }

    /// The administrator, as events name it.
    pub fn actor(&self) -> String {
        format!("user:{}", self.admin.id)
    }

    /// The events about a user by this administrator.
    pub async fn done_to(&self, id: &str) -> Vec<EventKind> {
        let recorded = self.recorded(id).await.into_iter();
        recorded.filter(|(_, actor)| *actor == self.actor()).map(|(kind, _)| kind).collect()
    }

    /// The number of rows of each table that a change writes.
    pub async fn rows(&self) -> Vec<i64> {
        let mut rows = Vec::new();
        for table in ["users", "user_roles", "events", "revocations", "outbox", "admin_requests"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            rows.push(self.server.database.number(&count).await);
        }
        rows
    }
}

/// A request for a user like no other, with [`PASSWORD`].
pub fn new_user() -> CreateUserRequest {
    let username = unique("carol");
    let email = format!("{username}@example.com");
    let user = Some(ManagedUser { username, email, ..ManagedUser::default() });
    let credential = Some(create_user_request::Credential::Password(PASSWORD.to_owned()));
    CreateUserRequest { user, credential, ..CreateUserRequest::default() }
}

/// The same, with other fields of the user.
pub fn new_with(change: impl FnOnce(&mut ManagedUser)) -> CreateUserRequest {
    let mut request = new_user();
    change(request.user.as_mut().unwrap());
    request
}

pub fn of_mask(user: ManagedUser, paths: &[&str]) -> UpdateUserRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let (user, update_mask) = (Some(user), Some(FieldMask { paths }));
    UpdateUserRequest { user, update_mask, ..UpdateUserRequest::default() }
}

pub fn with_password(id: &str, password: &str) -> SetPasswordRequest {
    let credential = Some(set_password_request::Credential::Password(password.to_owned()));
    SetPasswordRequest { id: id.to_owned(), credential, ..SetPasswordRequest::default() }
}

/// An object with one member.
pub fn object(name: &str, text: &str) -> Struct {
    let value = Value { kind: Some(Kind::StringValue(text.to_owned())) };
    Struct { fields: BTreeMap::from([(name.to_owned(), value)]) }
}

/// A new user with that role, and their tokens.
pub async fn official(server: &Server, role: &str) -> (User, Tokens) {
    let user = server.user(false).await;
    grant(&server.database, &user.username, role).await;
    let tokens = server.session(&user).await;
    (user, tokens)
}
