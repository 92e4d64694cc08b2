//! An SMTP mail transaction: MAIL, RCPT, DATA, and the text up to the final dot (RFC 5321, section 3.3).

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    dialogue::Dialogue,
    error::{Error, Step},
};
use crate::delivery::{Progress, mail::Mail};

/// Sends one mail. From the final dot on the server may have it, even if no reply comes.
///
/// # Errors
/// The step that failed. At [`Step::End`] only the server's own refusal proves that it does not have the mail.
pub(super) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    server: &mut Dialogue<S>,
    mail: &Mail,
    progress: &Progress,
) -> Result<(), Error> {
    let timeouts = *server.timeouts();
    let parameters = parameters(server, mail)?;
    let from = format!("MAIL FROM:<{}>{parameters}", mail.from);
    server.command(Step::Mail, &from, timeouts.mail, 2).await?;
    let to = format!("RCPT TO:<{}>", mail.to);
    server.command(Step::Rcpt, &to, timeouts.command, 2).await?;
    server.command(Step::Data, "DATA", timeouts.data, 3).await?;
    server.write(Step::Text, &stuffed(&mail.text)).await?;
    progress.hand_over();
    server.command(Step::End, ".", timeouts.end, 2).await?;
    Ok(())
}

/// MAIL parameters of a mail that is not plain ASCII. A non-ASCII address needs SMTPUTF8 (RFC 6531); its domain alone never
/// does.
fn parameters<S: AsyncRead + AsyncWrite + Unpin>(
    server: &Dialogue<S>,
    mail: &Mail,
) -> Result<&'static str, Error> {
    if mail.from.is_ascii() && mail.to.is_ascii() && mail.text.is_ascii() {
        return Ok("");
    }
    match (server.offers.utf8, server.offers.eight_bit) {
        (true, true) => Ok(" BODY=8BITMIME SMTPUTF8"),
        (true, false) => Ok(" SMTPUTF8"),
        (false, _) => Err(Error::NoUtf8),
    }
}

/// Dot-stuffing, with a line end at the end (RFC 5321, section 4.5.2).
fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(text.len() + 16);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_mail_ends_it_early() {
        for (text, expected) in [
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"),
            (".a\r\n..b", "..a\r\n...b\r\n"),
            ("", "\r\n"),
            ("a.\r\n", "a.\r\n"),
        ] {
            assert_eq!(stuffed(text.as_bytes()), expected.as_bytes());
        }
    }
}
