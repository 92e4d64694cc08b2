//! Callers of the service.

use std::{net::IpAddr, sync::Arc, time::Duration};

use countersign::pb::{LoginRequest, RegisterRequest, auth_service_client::AuthServiceClient};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::{server::Server, tally::NO_ANSWER};

const PASSWORD: &str = "correct horse battery";

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    Done,
    /// Its reason, or its code where it has none.
    Refused(String),
}

/// Some connections that take turns, and the user who logs in.
#[derive(Debug, Clone)]
pub(crate) struct Callers {
    connections: Arc<[Channel]>,
    username: String,
}

impl Callers {
    /// Makes a user, and connections from that address.
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
        let callers =
            Self { connections: channels.into(), username: uuid::Uuid::now_v7().to_string() };
        callers.register().await?;
        Ok(callers)
    }

    async fn register(&self) -> anyhow::Result<()> {
        let request = RegisterRequest {
            email: format!("{}@example.com", self.username),
            username: self.username.clone(),
            password: PASSWORD.to_owned(),
            is_2fa_enabled: false,
            request_id: String::new(),
        };
        AuthServiceClient::new(self.connection(0)).register(request).await?;
        Ok(())
    }

    /// The connection whose turn it is.
    pub(crate) fn connection(&self, number: usize) -> Channel {
        self.connections[number % self.connections.len()].clone()
    }

    /// Logs in and waits for the answer, at most so long.
    pub(crate) async fn login(&self, number: usize, timeout: Duration) -> Answer {
        let mut request = Request::new(LoginRequest {
            username: self.username.clone(),
            password: PASSWORD.to_owned(),
            ..LoginRequest::default()
        });
        request.set_timeout(timeout);
        match AuthServiceClient::new(self.connection(number)).login(request).await {
            Ok(_tokens) => Answer::Done,
            Err(status) => Answer::Refused(reason(&status)),
        }
    }
}

fn reason(status: &Status) -> String {
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
