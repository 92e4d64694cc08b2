//! The plaintext phase before STARTTLS: greeting, EHLO, STARTTLS, and not a byte more.
//!
//! A man in the middle can inject lines into it. A client that keeps bytes which its reader buffered beyond a reply takes
//! them for replies under TLS: then each command gets the reply meant for the one before, and a refused mail counts as
//! delivered (response injection; RFC 3207, section 4.2, forbids it). So this reader is strict, and ends here.

use std::{io, time::Duration};

use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
        BufReader,
    },
    time::timeout,
};

use super::{
    error::{Error, Step},
    reply::{Reply, parse},
    timeouts::Timeouts,
};

/// The longest line of a reply, in bytes: twice the limit of RFC 5321, section 4.5.3.1.5.
const MAX_LINE: u64 = 1024;

/// The most lines of a reply. Servers announce some twenty extensions.
const MAX_LINES: usize = 100;

/// Brings a fresh connection to the start of TLS. Discards all that the server has said: its name and its extensions are
/// asked for again under TLS.
///
/// # Errors
/// The server refuses, does not offer STARTTLS, or says more than it was asked for.
pub(super) async fn ask<S>(stream: S, hello: &str, timeouts: &Timeouts) -> Result<S, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut server = Plaintext(BufReader::new(stream));
    server.reply(Step::Greeting, timeouts.greeting, 220).await?;
    server.send(Step::Ehlo, &format!("EHLO {hello}\r\n")).await?;
    let extensions = server.reply(Step::Ehlo, timeouts.command, 250).await?;
    // The first line is the server's name (RFC 5321, section 4.1.1.1).
    if !extensions.iter().skip(1).any(|line| line.eq_ignore_ascii_case(b"STARTTLS")) {
        return Err(Error::NotOffered);
    }
    server.send(Step::StartTls, "STARTTLS\r\n").await?;
    server.reply(Step::StartTls, timeouts.command, 220).await?;
    Ok(server.0.into_inner())
}

struct Plaintext<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Plaintext<S> {
    async fn send(&mut self, step: Step, command: &str) -> Result<(), Error> {
        let broken = |source| Error::Broken { step, source };
        self.0.write_all(command.as_bytes()).await.map_err(broken)?;
        self.0.flush().await.map_err(broken)
    }

    async fn reply(
        &mut self,
        step: Step,
        limit: Duration,
        wanted: u16,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let reply = timeout(limit, self.lines(step, wanted)).await;
        reply.unwrap_or(Err(Error::Late { step }))
    }

    /// The texts of one reply with that code, and nothing after it. Without pipelining no other reply can be on its way.
    /// Later bytes go to TLS, which refuses plaintext.
    async fn lines(&mut self, step: Step, wanted: u16) -> Result<Vec<Vec<u8>>, Error> {
        let malformed = || Error::Broken { step, source: io::ErrorKind::InvalidData.into() };
        let mut texts = Vec::new();
        let mut last = false;
        while !last {
            if texts.len() == MAX_LINES {
                return Err(malformed());
            }
            let line = self.line().await.map_err(|source| Error::Broken { step, source })?;
            let (code, ends, text) = parse(&line).ok_or_else(malformed)?;
            if code != wanted {
                let lines = vec![String::from_utf8_lossy(text).into_owned()];
                return Err(Error::Answered { step, reply: Reply { code, lines } });
            }
            texts.push(text.to_owned());
            last = ends;
        }
        if self.0.buffer().is_empty() { Ok(texts) } else { Err(Error::TooMuch) }
    }

    /// A line, without its end.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.0).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !line.ends_with(b"\r\n") {
            return Err(io::ErrorKind::InvalidData.into());
        }
        line.truncate(line.len() - 2);
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const GREETING: &str = "220 test\r\n";
    const OFFER: &str = "250-test\r\n250-PIPELINING\r\n250 STARTTLS\r\n";

    /// Talks to a server that greets with the first text and answers each command with the next one, then hangs up. Returns
    /// the result, and what the server heard.
    async fn ask_one_that_says(texts: &[&str]) -> (Result<(), Error>, String) {
        let (client, server) = duplex(1 << 20);
        let serve = async {
            let mut server = BufReader::new(server);
            let mut heard = String::new();
            for (number, text) in texts.iter().enumerate() {
                if number > 0 && server.read_line(&mut heard).await.unwrap() == 0 {
                    break;
                }
                if server.write_all(text.as_bytes()).await.is_err() {
                    break;
                }
            }
            drop(server);
            heard
        };
        let asked = async { ask(client, "example.com", &Timeouts::RFC_5321).await.map(drop) };
        tokio::join!(asked, serve)
    }

    #[tokio::test]
    async fn nothing_but_ehlo_and_starttls_is_said_in_plaintext() {
        for offer in [OFFER, "250-test\r\n250 starttls\r\n"] {
            for ready in ["220 go ahead\r\n", "220\r\n", "220-go\r\n220 ahead\r\n"] {
                let (asked, heard) = ask_one_that_says(&[GREETING, offer, ready]).await;
                assert!(asked.is_ok(), "{asked:?}");
                assert_eq!(heard, "EHLO example.com\r\nSTARTTLS\r\n");
            }
        }
    }

    #[tokio::test]
    async fn a_byte_too_much_ends_it_after_any_reply() {
        let ready = "220 go ahead\r\n";
        for extra in ["250 harmless\r\n", "2", "\n", "\u{16}\u{3}\u{1}"] {
            for place in 0..3 {
                let mut texts = [GREETING, OFFER, ready].map(str::to_owned);
                texts[place] += extra;
                let texts = texts.each_ref().map(String::as_str);
                let (asked, _) = ask_one_that_says(&texts).await;
                assert!(matches!(asked, Err(Error::TooMuch)), "{texts:?}: {asked:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_offer_it_is_not_asked_for_it() {
        for offer in
            ["250 STARTTLS\r\n", "250-test\r\n250 STARTTLSX\r\n", "250-test\r\n250 AUTH\r\n"]
        {
            let (asked, heard) = ask_one_that_says(&[GREETING, offer]).await;
            assert!(matches!(asked, Err(Error::NotOffered)), "{offer}: {asked:?}");
            assert_eq!(heard, "EHLO example.com\r\n");
        }
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_told_with_its_code() {
        for (texts, expected) in [
            (&["554 no\r\n"][..], "its greeting was 554 no"),
            (&[GREETING, "502 no\r\n"], "its reply to EHLO was 502 no"),
            (&[GREETING, "250-test\r\n220 STARTTLS\r\n"], "its reply to EHLO was 220 STARTTLS"),
            (&[GREETING, OFFER, "454 not now\r\n"], "its reply to STARTTLS was 454 not now"),
            (&[GREETING, OFFER, "250 yes\r\n"], "its reply to STARTTLS was 250 yes"),
        ] {
            let (asked, _) = ask_one_that_says(texts).await;
            assert_eq!(asked.unwrap_err().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_or_has_no_end_is_refused() {
        let longest = format!("220 {}\r\n", "x".repeat(1018));
        let (asked, _) = ask_one_that_says(&[&longest, OFFER, "220 go\r\n"]).await;
        assert!(asked.is_ok(), "{asked:?}");
        let (longer, endless) = (format!("220 x{}", &longest[4..]), "220-x\r\n".repeat(200));
        for bad in
            [&longer, &endless, "220 test\n", "22\r\n", "+22 test\r\n", "220_test\r\n", "220"]
        {
            let (asked, _) = ask_one_that_says(&[bad]).await;
            let broken =
                |kind| matches!(&asked, Err(Error::Broken { source, .. }) if source.kind() == kind);
            assert!(broken(io::ErrorKind::InvalidData), "{bad}: {asked:?}");
        }
        let (asked, _) = ask_one_that_says(&[]).await;
        assert!(matches!(asked, Err(Error::Broken { step: Step::Greeting, .. })), "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_given_up_after_five_minutes() {
        let (client, _server) = duplex(1024);
        let begun = tokio::time::Instant::now();
        let asked = ask(client, "example.com", &Timeouts::RFC_5321).await.map(drop);
        assert!(matches!(asked, Err(Error::Late { step: Step::Greeting })), "{asked:?}");
        assert_eq!(begun.elapsed(), Duration::from_secs(300));
    }
}
