//! Service accounts, as services meet them over gRPC.

mod assertions;
mod command;
mod exchange;
mod exchange_ends;
mod keys;
mod refusals;
mod tokens;
mod workloads;

use std::time::{Duration, Instant};

use countersign::{
    app,
    domain::{Context, Grants, Scope, ServiceAccount, ServiceAccountId},
    pb::{
        Claims, ExchangeTokenRequest, ExchangeTokenResponse, IntrospectTokenRequest,
        IssueServiceTokenRequest, IssueServiceTokenResponse, exchange_token_request,
        issue_service_token_request::Proof,
    },
    service::{AccountRequest, KeyRequest, ServiceAccountKeeper},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    harness::{Backend, Server, eventually, server::config, soon, unique},
    http,
};

/// A server, and its operator.
pub struct Setting {
    pub server: Server,
    pub keeper: ServiceAccountKeeper,
}

/// A service account and its key.
#[derive(Debug, Clone)]
pub struct Service {
    pub id: ServiceAccountId,
    pub name: String,
    pub key: String,
    pub key_id: Uuid,
}

impl Setting {
    pub async fn start(backend: Backend) -> Self {
        Self::of(Server::start(backend).await).await
    }

    pub async fn of(server: Server) -> Self {
        let config = config(&server.database);
        let keeper = app::service_account_keeper(&config, &server.clock.clock()).await.unwrap();
        Self { server, keeper }
    }

    /// An account with a key.
    pub async fn create(&self, request: AccountRequest) -> Service {
        self.create_with(request, KeyRequest::default()).await
    }

    pub async fn create_with(&self, request: AccountRequest, key: KeyRequest) -> Service {
        let key = Some(key);
        let (account, key) = self.keeper.create(&operator(), request, key).await.unwrap();
        let (ServiceAccount { id, name, .. }, key) = (account, key.unwrap());
        Service { id, name, key: key.text.expose().to_owned(), key_id: key.id }
    }

    /// An account with those scopes, for the first audience, that may act for users.
    pub async fn service(&self, scope: &str) -> Service {
        self.create(wanting(scope)).await
    }

    pub async fn issue(&self, request: IssueServiceTokenRequest) -> Answer {
        issue(&self.server, request).await
    }

    /// The access token that a key gets.
    pub async fn token(&self, service: &Service) -> String {
        self.issue(by_key(&service.key)).await.unwrap().access_token
    }

    pub async fn exchange(
        &self,
        request: ExchangeTokenRequest,
    ) -> Result<ExchangeTokenResponse, Status> {
        let mut tokens = self.server.tokens.clone();
        Ok(soon("ExchangeToken", tokens.exchange_token(request)).await?.into_inner())
    }

    /// The token by which a service acts for the user of that token.
    pub async fn exchanged(&self, service: &Service, subject_token: &str) -> String {
        self.exchange(for_user(service, subject_token)).await.unwrap().access_token
    }

    pub async fn claims(&self, token: &str) -> Option<Claims> {
        let request = IntrospectTokenRequest { token: token.to_owned() };
        let mut tokens = self.server.tokens.clone();
        soon("IntrospectToken", tokens.introspect_token(request)).await.unwrap().into_inner().claims
    }

    pub async fn is_active(&self, token: &str) -> bool {
        self.claims(token).await.is_some()
    }

    /// A command ends a token beside the server, which hears of it soon.
    pub async fn has_ended(&self, token: &str) {
        eventually("the end of a token", async || !self.is_active(token).await).await;
    }

    pub fn later(&self, by: Duration) {
        self.server.clock.advance(by);
    }
}

pub type Answer = Result<IssueServiceTokenResponse, Status>;

pub async fn issue(server: &Server, request: IssueServiceTokenRequest) -> Answer {
    let mut tokens = server.tokens.clone();
    Ok(soon("IssueServiceToken", tokens.issue_service_token(request)).await?.into_inner())
}

pub fn operator() -> Context {
    Context::of_operator(Instant::now() + Duration::from_secs(60), Uuid::now_v7().into())
}

pub fn wanting(scope: &str) -> AccountRequest {
    let scope = Scope::parse(scope).unwrap();
    let grants = Grants { scope, audiences: Vec::new(), may_exchange: true };
    AccountRequest { name: unique("cart"), grants, ..AccountRequest::default() }
}

pub fn by_key(key: &str) -> IssueServiceTokenRequest {
    let proof = Some(Proof::Key(key.to_owned()));
    IssueServiceTokenRequest { proof, ..Default::default() }
}

pub fn by_assertion(jwt: &str) -> IssueServiceTokenRequest {
    let proof = Some(Proof::Assertion(jwt.to_owned()));
    IssueServiceTokenRequest { proof, ..Default::default() }
}

pub fn for_user(service: &Service, subject_token: &str) -> ExchangeTokenRequest {
    let proof = Some(exchange_token_request::Proof::Key(service.key.clone()));
    let subject_token = subject_token.to_owned();
    ExchangeTokenRequest { proof, subject_token, ..Default::default() }
}

/// How often an operation of the store has ended well.
pub async fn operations(server: &Server, operation: &str) -> u64 {
    let start = format!(
        r#"countersign_store_operation_duration_seconds_count{{operation="{operation}",result="ok"}} "#
    );
    let (_, metrics) = http::get(server.http, "/metrics").await;
    let count = metrics.lines().find_map(|line| line.strip_prefix(start.as_str()));
    count.map_or(0, |count| count.parse().unwrap())
}
