//! Time limits of each step of an SMTP dialogue.

use std::time::Duration;

/// Time limits of one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// TCP, over all addresses of the host.
    pub(super) connect: Duration,
    /// TLS, from the first byte to the last of the handshake.
    pub(super) tls: Duration,
    /// The server's greeting.
    pub(super) greeting: Duration,
    /// The reply to a command. RFC 5321 names RCPT; EHLO, STARTTLS and AUTH get as long.
    pub(super) command: Duration,
    /// The reply to MAIL.
    pub(super) mail: Duration,
    /// The reply to MAIL on a reused connection. Its server may be gone without a word: a fresh connection is tried
    /// instead, which has all the time.
    pub(super) mail_when_kept: Duration,
    /// The reply to DATA.
    pub(super) data: Duration,
    /// The server's TCP accepting a block of the mail.
    pub(super) block: Duration,
    /// The reply after the final dot. Servers deliver or scan before they reply: a client that hangs up early and retries
    /// sends duplicates.
    pub(super) end: Duration,
    /// The reply to QUIT, which changes nothing.
    pub(super) quit: Duration,
}

impl Timeouts {
    /// RFC 5321, section 4.5.3.2, where it names a time.
    pub(super) const RFC_5321: Self = Self {
        connect: Duration::from_secs(60),
        tls: Duration::from_secs(60),
        greeting: Duration::from_secs(5 * 60),
        command: Duration::from_secs(5 * 60),
        mail: Duration::from_secs(5 * 60),
        mail_when_kept: Duration::from_secs(10),
        data: Duration::from_secs(2 * 60),
        block: Duration::from_secs(3 * 60),
        end: Duration::from_secs(10 * 60),
        quit: Duration::from_secs(2),
    };
}
