//! A connection to a mail server, from TCP to the password. TLS is ours and not lettre's: see `starttls`.

use std::io;

use lettre::transport::smtp::{
    self, authentication::DEFAULT_MECHANISMS, client::AsyncSmtpConnection, extension::ClientId,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{encrypted::Encrypted, starttls};
use crate::delivery::{SmtpUrl, endpoint::Security};

/// What lettre, which expects a greeting, reads first after STARTTLS. The server's own came in plaintext.
const GREETING: &[u8] = b"220 under TLS\r\n";

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("network error")]
    Network(#[from] io::Error),
    #[error("it does not offer STARTTLS")]
    NotOffered,
    #[error("its {step} was {code}")]
    Answered { step: &'static str, code: u16 },
    #[error("what it sent before TLS is no SMTP reply")]
    Malformed,
    #[error("more than its reply came before TLS: somebody on the way may have added it")]
    TooMuch,
    #[error("no TLS")]
    Tls(#[source] io::Error),
    #[error(transparent)]
    Smtp(#[from] smtp::Error),
}

/// A connection that is ready for a mail.
///
/// # Errors
/// Why there is none. All of it may pass.
pub(super) async fn connect(
    url: &SmtpUrl,
    tls: &TlsConnector,
    hello: &ClientId,
) -> Result<AsyncSmtpConnection, Error> {
    let tcp = TcpStream::connect((url.host.as_str(), url.port)).await?;
    let (tcp, greeting) = match url.security {
        Security::Tls => (tcp, &b""[..]),
        Security::StartTls => (starttls::ask(tcp, hello).await?, GREETING),
        Security::Loopback => {
            return Ok(AsyncSmtpConnection::connect_with_transport(Box::new(tcp), hello).await?);
        }
    };
    let tls = tls.connect(url.name.clone(), tcp).await.map_err(Error::Tls)?;
    let stream = Box::new(Encrypted::new(greeting, tls));
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, hello).await?;
    // Here and nowhere else: no password is sent before TLS.
    if let Some(credentials) = &url.credentials {
        connection.auth(DEFAULT_MECHANISMS, credentials).await?;
    }
    Ok(connection)
}
