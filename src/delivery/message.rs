//! Messages to users, and their form in the outbox.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    AboutDevice, DELETION_REQUESTED, DeviceNotice, EMAIL_CHANGED, EmailChanged, Notice, Undo,
    deletion_requested::KeptDeletionRequested, email_changed::KeptEmailChanged,
};
use crate::{
    domain::{CodePurpose, Context, OneTimeCode, RequestId, Timestamp, User},
    trace::{TraceContext, current},
};

/// How long a notice is retried.
const NOTICE_TTL: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// A message on its way to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The username as it was typed.
    pub username: String,
    /// The e-mail address.
    pub destination: String,
    /// The client address behind the request or change; `None` where that is unknown or an operator did it.
    pub address: Option<IpAddr>,
    /// The contents.
    pub content: Content,
    /// Time of the event behind the message.
    pub created_at: Timestamp,
    /// The call behind it.
    pub cause: Cause,
}

/// What ties a message to the call that has caused it, for those who look for it in a log or a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The call's request id.
    pub request_id: Option<RequestId>,
    /// The call's span, if it was traced.
    pub trace: Option<TraceContext>,
}

impl Cause {
    /// The current call.
    pub fn of(context: &Context) -> Self {
        let trace = current().map(|span| span.context().clone());
        Self { request_id: Some(context.request_id.clone()), trace }
    }
}

/// The contents of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A code for the user to type.
    Code {
        /// The purpose of the code.
        purpose: CodePurpose,
        /// The code.
        code: OneTimeCode,
        /// Expiry of the code.
        expires_at: Timestamp,
    },
    /// A security notice.
    Notice(Notice),
    /// A notice about a device. Boxed, since it is large.
    Device(Box<AboutDevice>),
    /// The notice of a change of the address, to the former one. Boxed, since it is large.
    EmailChanged(Box<EmailChanged>),
    /// The notice of a deletion that can be undone.
    DeletionRequested(Undo),
}

impl Content {
    /// The kind's name in templates, webhooks, the log and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Code { purpose, .. } => purpose.as_str(),
            Self::Notice(notice) => notice.as_str(),
            Self::Device(about) => about.what.as_str(),
            Self::EmailChanged(_) => EMAIL_CHANGED,
            Self::DeletionRequested(_) => DELETION_REQUESTED,
        }
    }

    /// What undoes what it tells of, if anything does.
    pub(super) fn undo(&self) -> Option<&Undo> {
        match self {
            Self::EmailChanged(changed) => changed.undo.as_ref(),
            Self::DeletionRequested(undo) => Some(undo),
            Self::Code { .. } | Self::Notice(_) | Self::Device(_) => None,
        }
    }
}

impl Message {
    /// A message to a user, caused by the current call.
    pub fn new(user: &User, content: Content, context: &Context, now: Timestamp) -> Self {
        let (username, destination) = (user.username.clone(), user.email.clone());
        // An IPv4 address of a caller on an IPv6 listener is shown as IPv4.
        let address = context.address.map(|address| address.to_canonical());
        let cause = Cause::of(context);
        Self { username, destination, address, content, created_at: now, cause }
    }

    /// When it expires: a code when it stops working, a notice after three days.
    pub fn expires_at(&self) -> Timestamp {
        let of_a_notice = self.created_at.plus(NOTICE_TTL);
        match &self.content {
            Content::Code { expires_at, .. } => *expires_at,
            Content::Notice(_) | Content::Device(_) => of_a_notice,
            Content::EmailChanged(changed) => {
                changed.undo.as_ref().map_or(of_a_notice, |undo| undo.expires_at)
            }
            Content::DeletionRequested(undo) => undo.expires_at,
        }
    }

    /// Serialises the message for the outbox, before encryption.
    ///
    /// # Errors
    /// Never in practice: writing to memory.
    pub fn encode(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        let content = match &self.content {
            Content::Code { purpose, code, expires_at } => KeptContent::Code {
                purpose: *purpose,
                code: code.expose().to_owned(),
                expires_at: expires_at.unix_micros(),
            },
            Content::Notice(notice) => KeptContent::Notice { notice: *notice },
            Content::Device(about) => {
                KeptContent::Device { notice: about.what, device_name: about.device_name.clone() }
            }
            Content::EmailChanged(changed) => {
                KeptContent::EmailChanged(KeptEmailChanged::from(&**changed))
            }
            Content::DeletionRequested(undo) => KeptContent::DeletionRequested(undo.into()),
        };
        let Cause { request_id, trace } = &self.cause;
        let kept = Kept {
            username: self.username.clone(),
            destination: self.destination.clone(),
            address: self.address,
            created_at: self.created_at.unix_micros(),
            request_id: request_id.as_ref().map(|id| id.as_str().to_owned()),
            traceparent: trace.as_ref().map(TraceContext::traceparent),
            tracestate: trace.as_ref().and_then(|trace| Some(trace.state.as_deref()?.to_owned())),
            content,
        };
        serde_json::to_vec(&kept).map(Zeroizing::new)
    }

    /// Reads the output of [`Message::encode`]; `None` for a kind that only a later release knows.
    pub fn decode(json: &[u8]) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(json).ok()?;
        let cause = kept.cause();
        let Kept { username, destination, address, created_at, content, .. } = kept;
        let content = match content {
            KeptContent::Code { purpose, code, expires_at } => Content::Code {
                purpose,
                code: OneTimeCode::parse(&code).or_else(|| OneTimeCode::parse_long(&code))?,
                expires_at: Timestamp::from_unix_micros(expires_at),
            },
            KeptContent::Notice { notice } => Content::Notice(notice),
            KeptContent::Device { notice: what, device_name } => {
                Content::Device(Box::new(AboutDevice { what, device_name }))
            }
            KeptContent::EmailChanged(kept) => Content::EmailChanged(Box::new(kept.read()?)),
            KeptContent::DeletionRequested(kept) => Content::DeletionRequested(kept.read()?),
        };
        let created_at = Timestamp::from_unix_micros(created_at);
        Some(Self { username, destination, address, content, created_at, cause })
    }
}

/// A message in the outbox. Replicas of the releases before and after read it too: names stay, and new ones are optional.
#[derive(Serialize, Deserialize)]
struct Kept {
    username: String,
    destination: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    created_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    #[serde(flatten)]
    content: KeptContent,
}

impl Kept {
    fn cause(&self) -> Cause {
        let state = self.tracestate.as_deref();
        let parent = self.traceparent.as_deref().and_then(TraceContext::parse);
        let request_id = self.request_id.as_deref().and_then(RequestId::parse);
        Cause { request_id, trace: parent.map(|parent| parent.with_state(state)) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum KeptContent {
    Code { purpose: CodePurpose, code: String, expires_at: i64 },
    Notice { notice: Notice },
    Device { notice: DeviceNotice, device_name: String },
    EmailChanged(KeptEmailChanged),
    DeletionRequested(KeptDeletionRequested),
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{delivery::SeenSession, domain::UndoCode};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn undo(created_at: Timestamp) -> Undo {
        Undo::of(UndoCode::read("ABCDEFGHJKMNPQRSTVWXYZ23").unwrap(), created_at)
    }

    /// A change that can be undone, and one that can't.
    fn changes(created_at: Timestamp) -> [EmailChanged; 2] {
        let session = |device_name: &str, address: Option<&str>| SeenSession {
            device_name: device_name.into(),
            address: address.map(|address| address.parse().unwrap()),
            last_used_at: created_at,
        };
        let changed = EmailChanged {
            masked_address: "m***@example.net".into(),
            undo: Some(undo(created_at)),
            sessions: vec![session("", None), session("a phone", Some("198.51.100.7"))],
            more_sessions: 3,
        };
        [
            changed.clone(),
            EmailChanged { undo: None, sessions: Vec::new(), more_sessions: 0, ..changed },
        ]
    }

    /// A message of each kind.
    pub(in crate::delivery) fn all() -> Vec<Message> {
        let created_at = Timestamp::from_unix_micros(1_800_000_000_000_000);
        let code = OneTimeCode::parse("012345").unwrap();
        let expires_at = created_at.plus(Duration::from_secs(300));
        let codes = CodePurpose::ALL
            .map(|purpose| Content::Code { purpose, code: code.clone(), expires_at })
            .into_iter();
        codes
            .chain(changes(created_at).map(|changed| Content::EmailChanged(Box::new(changed))))
            .chain([Content::DeletionRequested(undo(created_at))])
            .chain(DeviceNotice::ALL.map(|what| {
                Content::Device(Box::new(AboutDevice { what, device_name: "a phone".into() }))
            }))
            .chain(Notice::ALL.map(Content::Notice))
            .map(|content| Message {
                username: "alice".into(),
                destination: "alice@example.com".into(),
                address: Some("192.0.2.1".parse().unwrap()),
                content,
                created_at,
                cause: Cause {
                    request_id: RequestId::parse("edge-1"),
                    trace: TraceContext::parse(PARENT)
                        .map(|parent| parent.with_state(Some("congo=t61"))),
                },
            })
            .collect()
    }

    #[test]
    fn what_is_kept_is_read_back() {
        for message in all() {
            let kept = message.encode().unwrap();
            assert_eq!(Message::decode(&kept), Some(message));
        }
    }

    #[test]
    fn what_a_later_release_keeps_is_read_or_left_alone() {
        let kept = String::from_utf8(all()[0].encode().unwrap().to_vec()).unwrap();
        let more = kept.replacen('{', r#"{"locale":"de","#, 1);
        assert_eq!(Message::decode(more.as_bytes()), Some(all()[0].clone()));
        // Messages of earlier releases have neither an address nor a cause.
        let mut earlier = kept.replace(r#""address":"192.0.2.1","#, "");
        for (name, value) in
            [("request_id", "edge-1"), ("traceparent", PARENT), ("tracestate", "congo=t61")]
        {
            earlier = earlier.replace(&format!(r#""{name}":"{value}","#), "");
        }
        assert!(!earlier.contains("trace") && !earlier.contains("request"), "{earlier}");
        let without = Message { address: None, cause: Cause::default(), ..all()[0].clone() };
        assert_eq!(Message::decode(earlier.as_bytes()), Some(without));
        let other = kept.replace(r#""login""#, r#""unheard_of""#);
        assert_eq!(Message::decode(other.as_bytes()), None);
    }

    #[test]
    fn a_code_is_of_use_while_it_works_and_a_notice_for_three_days() {
        let lives = |message: &Message| message.expires_at().since(message.created_at).as_secs();
        let messages = all();
        assert_eq!(lives(&messages[0]), 300);
        assert_eq!(lives(messages.last().unwrap()), 3 * 24 * 3600);
        // A change is told of for as long as it can be undone.
        let changes = messages.iter().filter(|told| told.content.kind() == EMAIL_CHANGED);
        assert_eq!(changes.map(lives).collect::<Vec<_>>(), [7 * 24 * 3600, 3 * 24 * 3600]);
    }
}
