//! Callers of the service.

use std::{net::IpAddr, sync::Arc, time::Duration};

use countersign::pb::{
    LoginRequest, LoginResponse, RegisterRequest, Tokens, auth_service_client::AuthServiceClient,
    login_response::Result as Outcome,
};
use futures_util::future::try_join_all;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::{server::Server, tally::NO_ANSWER};

const PASSWORD: &str = "correct horse battery";

/// Five logins of a user are evaluated at a time: it takes many users to keep the engine and its queue full.
pub(crate) const USERS: usize = 64;

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    Done,
    /// Its reason, or its code where it has none.
    Refused(String),
}

/// Some connections and some users, which take turns.
#[derive(Debug, Clone)]
pub(crate) struct Callers {
    connections: Arc<[Channel]>,
    /// Each user's name begins with it.
    name: String,
}

impl Callers {
    /// Makes the users, and connections from that address.
    pub(crate) async fn connect(
        server: &Server,
        connections: usize,
        from: Option<IpAddr>,
    ) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc))?;
        let endpoint = endpoint.local_address(from);
        let mut channels = Vec::with_capacity(connections);
        for _ in 0..connections {
            channels.push(endpoint.connect().await?);
        }
        let callers = Self { connections: channels.into(), name: uuid::Uuid::now_v7().to_string() };
        try_join_all((0..USERS).map(|number| callers.register(number))).await?;
        Ok(callers)
    }

    /// The user whose turn it is.
    fn username(&self, number: usize) -> String {
        format!("{}-{}", self.name, number % USERS)
    }

    async fn register(&self, number: usize) -> anyhow::Result<()> {
        let username = self.username(number);
        let request = RegisterRequest {
            email: format!("{username}@example.com"),
            username,
            password: PASSWORD.to_owned(),
            ..Default::default()
        };
        AuthServiceClient::new(self.connection(number)).register(request).await?;
        Ok(())
    }

    /// The connection whose turn it is.
    pub(crate) fn connection(&self, number: usize) -> Channel {
        self.connections[number % self.connections.len()].clone()
    }

    /// Logs in and waits for the answer, at most so long.
    pub(crate) async fn login(&self, number: usize, timeout: Duration) -> Answer {
        match self.try_login(number, self.username(number), timeout).await {
            Ok(_tokens) => Answer::Done,
            Err(status) => Answer::Refused(reason(&status)),
        }
    }

    /// The tokens of a login that must succeed.
    pub(crate) async fn tokens(&self, number: usize) -> anyhow::Result<Tokens> {
        let timeout = Duration::from_secs(30);
        match self.try_login(number, self.username(number), timeout).await?.result {
            Some(Outcome::Tokens(tokens)) => Ok(tokens),
            _ => anyhow::bail!("a login gave no tokens"),
        }
    }

    /// Tries to log in under a name of its own that nobody has, for which there is no line; it takes the same work.
    pub(crate) async fn login_as_nobody(&self, number: usize, timeout: Duration) -> Answer {
        let name = format!("nobody-{number}");
        match self.try_login(number, name, timeout).await.map_err(|status| reason(&status)) {
            Err(reason) if reason != "INVALID_CREDENTIALS" => Answer::Refused(reason),
            _ => Answer::Done,
        }
    }

    async fn try_login(
        &self,
        number: usize,
        username: String,
        timeout: Duration,
    ) -> Result<LoginResponse, Status> {
        let password = PASSWORD.to_owned();
        let mut request =
            Request::new(LoginRequest { username, password, ..LoginRequest::default() });
        request.set_timeout(timeout);
        Ok(AuthServiceClient::new(self.connection(number)).login(request).await?.into_inner())
    }
}

/// A refusal's reason, or its code where it has none.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        // tonic's word for a timeout that passes on the caller's side.
        let own_timeout = status.code() == Code::Cancelled;
        return if own_timeout { NO_ANSWER.to_owned() } else { format!("{:?}", status.code()) };
    };
    match details.retry_info() {
        Some(_) => format!("{} with RetryInfo", info.reason),
        None => info.reason.clone(),
    }
}
