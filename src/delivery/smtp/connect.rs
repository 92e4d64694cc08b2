//! A connection to a mail server, from TCP to the password. Before STARTTLS: `starttls`.

use std::io;

use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

use super::{
    auth,
    dialogue::Dialogue,
    error::{Error, Step},
    hello::Hello,
    starttls,
    timeouts::Timeouts,
};
use crate::{
    delivery::{
        SmtpUrl,
        endpoint::{Login, Security},
    },
    dial,
};

/// The transport: plain TCP or TLS.
pub(super) type Wire = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A connection ready for a mail.
///
/// # Errors
/// The failure to connect. All of them may pass, or be mended.
pub(super) async fn connect(
    url: &SmtpUrl,
    tls: &TlsConnector,
    hello: &Hello,
    timeouts: Timeouts,
) -> Result<Dialogue<Wire>, Error> {
    let tcp = timeout(timeouts.connect, dial::connect(&url.host, url.port)).await;
    let tcp = tcp.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()));
    let tcp = tcp.map_err(Error::Connect)?;
    let name = hello.on(&tcp);
    let (tcp, greets) = match url.security {
        Security::Loopback => {
            return begin(Dialogue::new(Either::Left(tcp), timeouts), true, &name, None).await;
        }
        Security::Tls => (tcp, true),
        Security::StartTls => (starttls::ask(tcp, &name, &timeouts).await?, false),
    };
    let tls = timeout(timeouts.tls, tls.connect(url.name.clone(), tcp)).await;
    let tls = tls.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()));
    let stream = Either::Right(Box::new(tls.map_err(Error::Tls)?));
    // The only place that logs in: no password is sent before TLS.
    begin(Dialogue::new(stream, timeouts), greets, &name, url.login.as_ref()).await
}

/// Greeting, EHLO and login. A server that refuses one of them gets a QUIT.
async fn begin(
    mut server: Dialogue<Wire>,
    greets: bool,
    name: &str,
    login: Option<&Login>,
) -> Result<Dialogue<Wire>, Error> {
    let begun = async {
        if greets {
            server.greeting().await?;
        }
        server.hello(name).await?;
        match login {
            Some(login) => auth::log_in(&mut server, login).await,
            None => Ok(()),
        }
    };
    match begun.await {
        Ok(()) => Ok(server),
        Err(error) => {
            if is_in_step(&error) {
                server.quit().await;
            }
            Err(error)
        }
    }
}

/// Whether the dialogue is still in sync: the server listens, and no unread reply is on its way.
pub(super) fn is_in_step(error: &Error) -> bool {
    match error {
        Error::Answered { step, reply } => reply.code != 421 && *step != Step::Text,
        Error::NoMechanism { .. } | Error::NoUtf8 => true,
        Error::Connect(_)
        | Error::Tls(_)
        | Error::NotOffered
        | Error::TooMuch
        | Error::Late { .. }
        | Error::Broken { .. } => false,
    }
}
