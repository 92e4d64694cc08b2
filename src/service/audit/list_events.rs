//! ListEvents: the newest first, page by page.

use std::fmt::Write as _;

use uuid::Uuid;

use super::AuditLog;
use crate::{
    domain::{Event, EventKinds, InvalidField, Timestamp, id, page_size, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
    },
    store::EventPage,
    token::PageToken,
};

/// The size of a page where none is asked for.
const USUAL: u32 = 50;

/// The most events of a page, and the most that are looked at for one.
const MOST: u32 = 1000;

/// The request of ListEvents.
#[derive(Debug, Clone, Default)]
pub struct ListEventsRequest {
    /// How many, at the most; 0 is 50.
    pub page_size: i32,
    /// Where the page before has ended.
    pub page_token: String,
    /// Those of this user; empty is all.
    pub user_id: String,
    /// Those of these kinds; none is all.
    pub kinds: Vec<String>,
    /// Those of this time or later.
    pub from: Option<Timestamp>,
    /// Those before this time.
    pub before: Option<Timestamp>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEvents {
    /// The events.
    pub events: Vec<Event>,
    /// Asks for the next page; empty after the last.
    pub next_page_token: String,
}

/// Which events.
struct Query {
    user_id: Option<Uuid>,
    kinds: EventKinds,
    from: Timestamp,
    before: Option<Timestamp>,
}

impl AuditLog {
    /// A page of events. Where kinds are asked for, it can be shorter, or empty, and still have a next one: no more than 1,000 are looked at.
    ///
    /// # Errors
    /// Bad fields, among them a page token of another list; the store's.
    pub async fn list_events(&self, request: ListEventsRequest) -> Result<ListedEvents, Error> {
        check_sizes([(size::PAGE_TOKEN, &request.page_token), (size::USER_ID, &request.user_id)])?;
        let mut fields = Fields::default();
        let size = fields.check(page_size(request.page_size, USUAL, MOST));
        let query = query(&mut fields, &request);
        let described = query.as_ref().map(Query::described).unwrap_or_default();
        let token = PageToken { list: ("ListEvents", &described) };
        // A filter that is not valid has no list: its token can't be looked at.
        let position = match &query {
            Some(query) => fields.check(self.position(token, &request.page_token, query.before)),
            None => None,
        };
        let (size, (query, before)) = fields.all(size.zip(query.zip(position)))?;
        let most = if query.kinds.are_all() { size + 1 } else { MOST };
        let (user_id, from) = (query.user_id, query.from);
        let page = self.store.events_page(EventPage { user_id, from, before, most }).await?;
        let (events, last) = cut(page, &query.kinds, size, most);
        let next_page_token = match last {
            Some(last) => token
                .seal(&self.master_key, &encode(last))
                .map_err(|error| Error::Internal(error.into()))?,
            None => String::new(),
        };
        Ok(ListedEvents { events, next_page_token })
    }

    /// The event before which the page begins.
    fn position(
        &self,
        token: PageToken<'_>,
        text: &str,
        before: Option<Timestamp>,
    ) -> Result<(Timestamp, Uuid), InvalidField> {
        if text.is_empty() {
            let end = Timestamp::from_unix_micros(LATEST);
            return Ok((before.unwrap_or(end), Uuid::nil()));
        }
        let position = token.open(&self.master_key, text).and_then(|bytes| decode(&bytes));
        position.ok_or_else(|| {
            InvalidField::new("page_token", "must be empty, or one that this list has given")
        })
    }
}

/// The end of the year 9999, which both databases have.
const LATEST: i64 = 253_402_300_799_999_999;

/// Those that are wanted, and the last event that was looked at if there may be more after it.
fn cut(
    page: Vec<Event>,
    kinds: &EventKinds,
    size: u32,
    most: u32,
) -> (Vec<Event>, Option<(Timestamp, Uuid)>) {
    let (size, most) = (size as usize, most as usize);
    let (found, mut looked_at, mut last) = (page.len(), 0, None);
    let mut events = Vec::with_capacity(size.min(found));
    for event in page {
        if events.len() == size {
            break;
        }
        looked_at += 1;
        last = Some((event.at, event.id));
        if kinds.want(event.kind) {
            events.push(event);
        }
    }
    let more = looked_at < found || found == most;
    (events, last.filter(|_| more))
}

fn query(fields: &mut Fields, request: &ListEventsRequest) -> Option<Query> {
    let user_id = match request.user_id.as_str() {
        "" => Ok(None),
        text => id(size::USER_ID, text).map(Some),
    };
    let user_id = fields.check(user_id);
    let kinds = fields.check(EventKinds::parse(&request.kinds));
    let from = request.from.unwrap_or(Timestamp::from_unix_micros(0));
    let before = request.before;
    let (user_id, kinds) = user_id.zip(kinds)?;
    Some(Query { user_id, kinds, from, before })
}

impl Query {
    /// The list, for its page tokens.
    fn described(&self) -> String {
        let mut text = self.user_id.map(|id| id.to_string()).unwrap_or_default();
        let before = self.before.map(Timestamp::unix_micros);
        // Writing to a string can't fail.
        let _written =
            write!(text, "|{}|{before:?}|{}", self.from.unix_micros(), self.kinds.stored());
        text
    }
}

fn encode((at, id): (Timestamp, Uuid)) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&at.unix_micros().to_be_bytes());
    bytes[8..].copy_from_slice(id.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Timestamp, Uuid)> {
    let (at, id) = bytes.split_first_chunk::<8>()?;
    let id = Uuid::from_slice(id).ok()?;
    Some((Timestamp::from_unix_micros(i64::from_be_bytes(*at)), id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, EventKind};

    fn events(kinds: &[EventKind]) -> Vec<Event> {
        let at = Timestamp::from_unix_micros(0);
        kinds.iter().map(|kind| Event::of(*kind, None, None, Actor::Nobody, None, at)).collect()
    }

    #[test]
    fn a_page_ends_behind_what_was_looked_at() {
        use EventKind::{LoginFailed as Wanted, Registered as Other};
        let kinds = EventKinds::parse(&["login_failed".to_owned()]).unwrap();
        let looked = |kinds_of: &[EventKind], size, most| {
            let page = events(kinds_of);
            let (found, last) = cut(page.clone(), &kinds, size, most);
            let place = last.map(|(_, id)| page.iter().position(|event| event.id == id).unwrap());
            (found.len(), place)
        };
        assert_eq!(looked(&[Wanted, Other, Wanted, Other], 2, 10), (2, Some(2)));
        assert_eq!(looked(&[Wanted, Other, Wanted], 2, 10), (2, None), "there is nothing behind");
        assert_eq!(looked(&[Other, Other, Other], 2, 3), (0, Some(2)), "there may be more");
        assert_eq!(looked(&[Other, Other], 2, 3), (0, None));
        assert_eq!(looked(&[], 2, 3), (0, None));
    }

    #[test]
    fn a_position_is_read_back_and_a_size_is_bounded() {
        let position = (Timestamp::from_unix_micros(-7), Uuid::now_v7());
        assert_eq!(decode(&encode(position)), Some(position));
        assert_eq!((decode(&[]), decode(&[1; 23]), decode(&[1; 25])), (None, None, None));
        for (asked, size) in [(0, 50), (1, 1), (1000, 1000), (1001, 1000), (i32::MAX, 1000)] {
            assert_eq!(page_size(asked, USUAL, MOST), Ok(size));
        }
        assert_eq!(page_size(-1, USUAL, MOST).unwrap_err().field, "page_size");
    }
}
