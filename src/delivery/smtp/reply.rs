//! Replies of mail servers (RFC 5321, section 4.2). Real ones send more, less and other bytes than it allows.

use std::{fmt, io};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// Bytes kept of a line. The rest is read and dropped.
const KEPT_OF_LINE: usize = 1000;

/// Lines kept.
const KEPT_LINES: usize = 100;

/// The longest reply, in bytes. Longer input is not a reply.
const LONGEST: usize = 1 << 20;

/// Characters shown of the text.
const SHOWN: usize = 300;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The texts of its lines; bytes that are not UTF-8 are replaced.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Whether the code's first digit is `class`.
    pub(super) fn is(&self, class: u16) -> bool {
        self.code / 100 == class
    }

    /// The enhanced status code (RFC 3463), if there is one that agrees with the code.
    pub(super) fn enhanced(&self) -> Option<(u16, u16, u16)> {
        let word = self.lines.first()?.split_whitespace().next()?;
        enhanced(word).filter(|(class, ..)| self.is(*class))
    }

    /// The codes alone, for a reply whose text may repeat a secret.
    pub(super) fn codes(&self) -> String {
        match self.enhanced() {
            Some((class, subject, detail)) => format!("{} {class}.{subject}.{detail}", self.code),
            None => self.code.to_string(),
        }
    }

    /// The text on one line, without control characters and repeated enhanced codes.
    pub(super) fn text(&self) -> String {
        let mut words = Vec::new();
        for line in &self.lines {
            let mut of_line = line.split(|c: char| c.is_whitespace() || c.is_control());
            let first = of_line.next().filter(|first| {
                words.is_empty() || enhanced(first).is_none() || words.first() != Some(first)
            });
            words.extend(first.into_iter().chain(of_line).filter(|word| !word.is_empty()));
        }
        words.join(" ").chars().take(SHOWN).collect()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

/// `5.1.1` and the like.
fn enhanced(word: &str) -> Option<(u16, u16, u16)> {
    let mut parts = word.split('.').map(|part| {
        let digits =
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| digits)
    });
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some((class, subject, detail))
}

/// Reads one reply.
///
/// # Errors
/// The connection's; `UnexpectedEof` where it ends before the reply does; `InvalidData` for malformed replies.
pub(super) async fn read<R: AsyncBufRead + Unpin>(reader: &mut R) -> io::Result<Reply> {
    let mut lines = Vec::new();
    let mut left = LONGEST;
    loop {
        let line = line(reader, &mut left).await?;
        let (code, last, text) = parse(&line).ok_or(io::ErrorKind::InvalidData)?;
        if lines.len() < KEPT_LINES {
            lines.push(String::from_utf8_lossy(text).into_owned());
        }
        // Lines with different codes violate the RFC; like other clients, take the last one's.
        if last {
            return Ok(Reply { code, lines });
        }
    }
}

/// A line without its end, truncated to the kept length.
async fn line<R: AsyncBufRead + Unpin>(reader: &mut R, left: &mut usize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let read = end.map_or(buffer.len(), |end| end + 1);
        let room = KEPT_OF_LINE.saturating_sub(line.len());
        line.extend(buffer.iter().take(end.unwrap_or(read).min(room)));
        reader.consume(read);
        *left = left.checked_sub(read).ok_or(io::ErrorKind::InvalidData)?;
        if end.is_some() {
            // A bare line feed ends a line, too: nothing can be smuggled by that, since this reads replies, not commands.
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(line);
        }
    }
}

/// A line of a reply: its code, whether it is the last one, and its text.
pub(super) fn parse(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.split_at_checked(3)?;
    let digits = code.iter().all(u8::is_ascii_digit);
    let code = std::str::from_utf8(code).ok().filter(|_| digits)?.parse().ok()?;
    match rest {
        [] => Some((code, true, rest)),
        [b' ', text @ ..] => Some((code, true, text)),
        [b'-', text @ ..] => Some((code, false, text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reply(mut bytes: &[u8]) -> io::Result<Reply> {
        read(&mut bytes).await
    }

    #[tokio::test]
    async fn replies_of_all_forms_are_read() {
        for (bytes, shown) in [
            (&b"250 2.0.0 Ok\r\n"[..], "250 2.0.0 Ok"),
            (b"250\r\n", "250 "),
            (b"250 \r\n", "250 "),
            (b"250-\r\n250\r\n", "250 "),
            (b"250 bare\n", "250 bare"),
            (
                b"550-5.1.1 nobody\r\n550-5.1.1 of that\r\n550 5.1.1 name\r\n",
                "550 5.1.1 nobody of that name",
            ),
            (b"250-yes\r\n550 no\r\n", "550 yes no"),
            (b"550 caf\xe9 \x1b[2J\x00x\r\n", "550 caf\u{fffd} [2J x"),
        ] {
            assert_eq!(reply(bytes).await.unwrap().to_string(), shown);
        }
    }

    #[tokio::test]
    async fn what_is_very_long_is_read_to_its_end_and_not_kept() {
        let long = format!("250 {}\r\n250", "x".repeat(200_000));
        let mut rest = long.as_bytes();
        let read = read(&mut rest).await.unwrap();
        assert_eq!((read.code, read.lines[0].len(), rest), (250, KEPT_OF_LINE - 4, &b"250"[..]));
        let lines = format!("{}250 end\r\n", "250-line\r\n".repeat(5000));
        assert_eq!(reply(lines.as_bytes()).await.unwrap().lines.len(), KEPT_LINES);
        for endless in ["250-x\r\n".repeat(200_000), "2".repeat(2_000_000)] {
            let error = reply(endless.as_bytes()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn what_is_cut_or_no_reply_is_none() {
        for cut in [&b""[..], b"2", b"250", b"250 o", b"250-more\r\n", b"250-more\r\n250 o"] {
            assert_eq!(reply(cut).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        for bad in
            [&b"\r\n"[..], b"ok\r\n", b"25\r\n", b"250_x\r\n", b"+50 x\r\n", b"HTTP/1.1 400\r\n"]
        {
            assert_eq!(reply(bad).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn an_enhanced_code_counts_where_it_agrees_with_the_code() {
        let of = |code, text: &str| Reply { code, lines: vec![text.into()] }.enhanced();
        assert_eq!(of(550, "5.1.10 null MX"), Some((5, 1, 10)));
        for (code, text) in [
            (450, "5.1.1 x"),
            (550, "5.1 x"),
            (550, "5.1.1.1 x"),
            (550, "5.1.1x"),
            (550, ""),
            (550, "5.1.+1"),
        ] {
            assert_eq!(of(code, text), None, "{text}");
        }
    }
}
