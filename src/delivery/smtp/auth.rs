//! Logging in to a mail server. Only `connect` calls this, and only under TLS.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::{
    dialogue::Dialogue,
    error::{Error, Step},
    offers::Mechanism,
};
use crate::delivery::endpoint::Login;

/// Logs in by the best mechanism that both sides know.
///
/// # Errors
/// No common mechanism, or the server refuses.
pub(super) async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    server: &mut Dialogue<S>,
    login: &Login,
) -> Result<(), Error> {
    let Some(mechanism) = server.offers.mechanism() else {
        return Err(Error::NoMechanism { offered: server.offers.described() });
    };
    let limit = server.timeouts().command;
    match mechanism {
        Mechanism::Plain => {
            let response = encode(&["", &login.user, &login.password].join("\0"));
            let command = Zeroizing::new(format!("AUTH PLAIN {}", *response));
            server.command(Step::Auth, &command, limit, 2).await?;
        }
        Mechanism::Login => {
            server.command(Step::Auth, "AUTH LOGIN", limit, 3).await?;
            server.command(Step::Auth, &encode(&login.user), limit, 3).await?;
            server.command(Step::Auth, &encode(&login.password), limit, 2).await?;
        }
    }
    Ok(())
}

fn encode(text: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(text))
}
