//! What the former address hears when an account has moved to another one: what was done, how to undo it, and who is in.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{Session, Timestamp, UndoCode, mask};

/// The kind's name in templates, webhooks, the log and metrics.
pub const EMAIL_CHANGED: &str = "email_changed";

/// The most sessions that a message lists.
const LISTED: usize = 10;

/// For how long a change can be undone.
const UNDO_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A change of the address, told to the former one. It holds a secret: the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChanged {
    /// The new address, mostly hidden.
    pub masked_address: String,
    /// What undoes the change; `None` where nobody has shown that the former address was the user's.
    pub undo: Option<Undo>,
    /// The sessions that live, the one used last first.
    pub sessions: Vec<SeenSession>,
    /// How many more there are.
    pub more_sessions: usize,
}

/// A code that undoes a change of the address, or a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// The code.
    pub code: UndoCode,
    /// Until when it does.
    pub expires_at: Timestamp,
}

/// A session, as its owner may recognise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSession {
    /// What its user calls the device; may be empty.
    pub device_name: String,
    /// The client address that it was last used from, if that is known.
    pub address: Option<IpAddr>,
    /// The time of the last use.
    pub last_used_at: Timestamp,
}

impl EmailChanged {
    /// A change to that address; these are all sessions.
    pub fn new(new_address: &str, undo: Option<Undo>, sessions: &[Session]) -> Self {
        Self {
            masked_address: mask(new_address),
            undo,
            sessions: sessions.iter().take(LISTED).map(SeenSession::from).collect(),
            more_sessions: sessions.len().saturating_sub(LISTED),
        }
    }
}

impl EmailChanged {
    /// A change that can be undone, and one that can't: to try templates with.
    pub(super) fn samples(at: Timestamp) -> [Self; 2] {
        let undo = Some(Undo::of(UndoCode::generate(&mut rand::rng()), at));
        let session = SeenSession { device_name: "sample".into(), address: None, last_used_at: at };
        let masked_address = "s***@example.com".to_owned();
        let changed = Self { masked_address, undo, sessions: vec![session], more_sessions: 1 };
        [changed.clone(), Self { undo: None, ..changed }]
    }
}

impl Undo {
    /// What undoes a change of that time.
    pub fn of(code: UndoCode, changed_at: Timestamp) -> Self {
        Self { code, expires_at: changed_at.plus(UNDO_TTL) }
    }
}

impl From<&Session> for SeenSession {
    fn from(session: &Session) -> Self {
        Self {
            device_name: session.device_name.clone(),
            // An IPv4 address of a caller on an IPv6 listener is shown as IPv4.
            address: session.address.map(|address| address.to_canonical()),
            last_used_at: session.last_used_at,
        }
    }
}

/// Its form in the outbox.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptEmailChanged {
    masked_address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo_code: Option<String>,
    #[serde(default)]
    undo_expires_at: i64,
    sessions: Vec<KeptSession>,
    more_sessions: usize,
}

#[derive(Serialize, Deserialize)]
struct KeptSession {
    device_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    last_used_at: i64,
}

impl From<&EmailChanged> for KeptEmailChanged {
    fn from(changed: &EmailChanged) -> Self {
        let undo = changed.undo.as_ref();
        let kept = |session: &SeenSession| KeptSession {
            device_name: session.device_name.clone(),
            address: session.address,
            last_used_at: session.last_used_at.unix_micros(),
        };
        Self {
            masked_address: changed.masked_address.clone(),
            undo_code: undo.map(|undo| undo.code.expose().to_owned()),
            undo_expires_at: undo.map_or(0, |undo| undo.expires_at.unix_micros()),
            sessions: changed.sessions.iter().map(kept).collect(),
            more_sessions: changed.more_sessions,
        }
    }
}

impl KeptEmailChanged {
    /// The change; `None` if the code is none.
    pub(super) fn read(self) -> Option<EmailChanged> {
        let expires_at = Timestamp::from_unix_micros(self.undo_expires_at);
        let undo = match &self.undo_code {
            Some(code) => Some(Undo { code: UndoCode::read(code)?, expires_at }),
            None => None,
        };
        let seen = |kept: KeptSession| SeenSession {
            device_name: kept.device_name,
            address: kept.address,
            last_used_at: Timestamp::from_unix_micros(kept.last_used_at),
        };
        Some(EmailChanged {
            masked_address: self.masked_address,
            undo,
            sessions: self.sessions.into_iter().map(seen).collect(),
            more_sessions: self.more_sessions,
        })
    }
}
