//! AdminService.

mod get;
mod list;

use countersign::pb::{
    BatchGetUsersRequest, GetUserRequest, ListUsersRequest, ListUsersResponse, ManagedUser, Tokens,
    User, admin_service_client::AdminServiceClient, get_user_request,
};
use tonic::{Status, transport::Channel};

use crate::harness::{Backend, Database, Server, server::bearer, soon};

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

/// A new user with that role, and their tokens.
pub async fn official(server: &Server, role: &str) -> (User, Tokens) {
    let user = server.user(false).await;
    grant(&server.database, &user.username, role).await;
    let tokens = server.session(&user).await;
    (user, tokens)
}
