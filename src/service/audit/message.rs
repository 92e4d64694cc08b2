//! An event as a message to a subscription: the body that is posted, and its form in the outbox.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    domain::{Event, Timestamp},
    store::NumberedEvent,
};

/// A message in the outbox. Replicas of the releases before and after read it too: names stay, and new ones are optional. No message to
/// people has these names: a release that knows no subscriptions can't read it, and sends nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EventMessage {
    /// The event: the id of the message for its receiver, whatever the tries.
    pub(super) event_id: Uuid,
    /// The JSON that is posted.
    pub(super) body: String,
}

impl EventMessage {
    /// Of an event.
    pub(super) fn new(numbered: &NumberedEvent) -> Self {
        Self { event_id: numbered.event.id, body: body(numbered).to_string() }
    }

    /// For the outbox, before encryption.
    pub(super) fn encode(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        serde_json::to_vec(self).map(Zeroizing::new)
    }

    /// The output of [`EventMessage::encode`].
    pub(super) fn decode(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}

/// The body, as Standard Webhooks has it: `type`, `timestamp` and `data`. Fields may be added; what is unknown is absent.
fn body(numbered: &NumberedEvent) -> Value {
    let NumberedEvent { seq, event } = numbered;
    let Event { id, kind, user_id, session_id, service_account_id, subscription_id, .. } = event;
    let time = rfc3339(event.at);
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), value.into());
        }
    };
    put("id", Some(id.to_string()));
    put("kind", Some(kind.as_str().to_owned()));
    put("user_id", user_id.map(|id| id.to_string()));
    put("session_id", session_id.map(|id| id.to_string()));
    put("service_account_id", service_account_id.map(|id| id.to_string()));
    put("subscription_id", subscription_id.map(|id| id.to_string()));
    put("actor", event.actor.as_ref().map(ToString::to_string));
    put("address", event.address.map(|address| address.to_string()));
    put("time", Some(time.clone()));
    data.insert("number".to_owned(), (*seq).into());
    json!({ "type": kind.as_str(), "timestamp": time, "data": data })
}

fn rfc3339(time: Timestamp) -> String {
    humantime::format_rfc3339_micros(time.into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, EventKind};

    #[test]
    fn a_body_has_what_is_known_and_is_read_back() {
        let at = Timestamp::from_unix_micros(1_800_000_000_123_456);
        let (user, address) = (Some(Uuid::from_u128(7)), Some("192.0.2.1".parse().unwrap()));
        let event = Event::of(EventKind::UserCreated, user, None, Actor::Operator, address, at);
        let id = event.id;
        let message = EventMessage::new(&NumberedEvent { seq: 42, event });
        let read = EventMessage::decode(&message.encode().unwrap()).unwrap();
        assert_eq!((read.event_id, &read.body), (id, &message.body));
        let expected = json!({
            "type": "user_created",
            "timestamp": "2027-01-15T08:00:00.123456Z",
            "data": {
                "id": id.to_string(),
                "kind": "user_created",
                "user_id": "00000000-0000-0000-0000-000000000007",
                "actor": "operator",
                "address": "192.0.2.1",
                "time": "2027-01-15T08:00:00.123456Z",
                "number": 42,
            },
        });
        assert_eq!(serde_json::from_str::<Value>(&read.body).unwrap(), expected);
        assert!(crate::delivery::Message::decode(&message.encode().unwrap()).is_none());
    }
}
