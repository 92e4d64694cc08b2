//! ExportMe: all that is stored about the user who asks, part by part. The owner is told, in case an attacker did it (ADR 58).

use std::sync::Arc;

use futures_util::{Stream, stream};
use uuid::Uuid;

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::{
        Actor, Challenge, Context, Event, EventKind, MailedCode, PersonalData, StoredSession,
        Timestamp,
    },
    service::{Clock, Error, factors::Confirmation, sessions::Account},
    store::{EventPage, Store},
};

/// Sessions, logins or codes of a part.
const ROWS: usize = 500;

/// Events of a part.
const EVENTS: u32 = 1000;

/// The place before all events, also before those of a clock that is ahead: the end of the year 9999.
const FIRST: (Timestamp, Uuid) =
    (Timestamp::from_unix_micros(253_402_300_799_999_999), Uuid::nil());

/// A part of what is stored about a user.
#[derive(Debug)]
pub enum PersonalPart {
    /// The account and what it has few of. The lists of the other parts are empty.
    Account(Box<PersonalData>),
    /// Sessions.
    Sessions(Vec<StoredSession>),
    /// Logins that a second factor was asked for.
    Logins(Vec<Challenge>),
    /// Codes for mailboxes.
    Codes(Vec<MailedCode>),
    /// Events, the newest first.
    Events(Vec<Event>),
}

impl Accounts {
    /// All that is stored about the user, part by part, for as long as the session lives.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; the store's and the hasher's. While it lasts: the session's end; the store's.
    pub async fn export_me(
        &self,
        context: &Context,
        account: &Account,
        confirmation: Confirmation,
    ) -> Result<impl Stream<Item = Result<PersonalPart, Error>> + Send + use<>, Error> {
        let (password, _request_id) = confirmation.parse()?;
        // A stolen token alone must not tell all at once.
        self.factors
            .confirm(context, account, &password, confirmation.second_factor.as_ref())
            .await?;
        let (user_id, session_id) = (account.user().id, account.session().id);
        let notice = self.outbox.notice(context, account.user(), Notice::DataExported)?;
        let (kind, actor) = (EventKind::DataExported, context.actor.clone());
        let (user, session) = (Some(user_id), Some(session_id));
        let event = Event::of(kind, user, session, actor, context.address, self.clock.now());
        self.store.event_append(event, Some(notice)).await?;
        self.outbox.wake();
        let (store, clock) = (Arc::clone(&self.store), self.clock.clone());
        let export = Export { store, clock, user_id, session_id, next: Next::Lists };
        Ok(stream::try_unfold(export, |mut export| async {
            Ok(export.part().await?.map(|part| (part, export)))
        }))
    }
}

/// A running export.
struct Export {
    store: Arc<dyn Store>,
    clock: Clock,
    user_id: Uuid,
    session_id: Uuid,
    next: Next,
}

/// What is to be read or sent next.
enum Next {
    Lists,
    Parts(std::vec::IntoIter<PersonalPart>),
    EventsAfter((Timestamp, Uuid)),
    Nothing,
}

impl Export {
    async fn part(&mut self) -> Result<Option<PersonalPart>, Error> {
        loop {
            match &mut self.next {
                Next::Lists => self.next = Next::Parts(self.lists().await?.into_iter()),
                Next::Parts(parts) => match parts.next() {
                    Some(part) => {
                        self.must_live().await?;
                        return Ok(Some(part));
                    }
                    None => self.next = Next::EventsAfter(FIRST),
                },
                Next::EventsAfter(place) => {
                    let place = *place;
                    let events = self.events(place).await?;
                    let more = events.len() == EVENTS as usize;
                    let last = events.last().filter(|_| more).map(|event| (event.at, event.id));
                    self.next = last.map_or(Next::Nothing, Next::EventsAfter);
                    if !events.is_empty() {
                        return Ok(Some(PersonalPart::Events(events)));
                    }
                }
                Next::Nothing => return Ok(None),
            }
        }
    }

    async fn lists(&self) -> Result<Vec<PersonalPart>, Error> {
        let now = self.must_live().await?;
        let found = self.store.personal_data(self.user_id, now).await?;
        Ok(parts(found.ok_or(Error::TokenInvalid)?))
    }

    async fn events(&self, before: (Timestamp, Uuid)) -> Result<Vec<Event>, Error> {
        self.must_live().await?;
        let (user_id, from) = (Some(self.user_id), Timestamp::from_unix_micros(0));
        let page = EventPage { user_id, from, before, most: EVENTS };
        let events = self.store.events_page(page).await?;
        Ok(events.into_iter().map(|event| shown(event, self.user_id)).collect())
    }

    /// Whoever has logged the thief of a session out must not see the export go on. Returns the time.
    async fn must_live(&self) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let live = self.store.session_live(self.session_id, now).await?;
        live.map(|_| now).ok_or(Error::TokenInvalid)
    }
}

fn parts(mut found: PersonalData) -> Vec<PersonalPart> {
    let sessions = chunks(std::mem::take(&mut found.sessions)).map(PersonalPart::Sessions);
    let logins = chunks(std::mem::take(&mut found.logins)).map(PersonalPart::Logins);
    let codes = chunks(std::mem::take(&mut found.codes)).map(PersonalPart::Codes);
    let rest = sessions.chain(logins).chain(codes);
    [PersonalPart::Account(Box::new(found))].into_iter().chain(rest).collect()
}

fn chunks<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<_> = rows.by_ref().take(ROWS).collect();
        Some(chunk).filter(|chunk| !chunk.is_empty())
    })
}

/// The event as its user may have it: the address of somebody else who acted, an administrator or a service, is theirs.
fn shown(event: Event, user_id: Uuid) -> Event {
    let is_anothers = match &event.actor {
        Some(Actor::User(id)) => *id != user_id,
        Some(Actor::Service(_) | Actor::Certificate(_) | Actor::Operator) => true,
        Some(Actor::Nobody) | None => false,
    };
    if is_anothers { Event { address: None, ..event } } else { event }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn only_the_addresses_of_others_who_acted_are_hidden() {
        let (user, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let address = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let at = Timestamp::from_unix_micros(0);
        let by = |actor| {
            let event = Event::of(EventKind::LoginFailed, Some(user), None, actor, address, at);
            shown(event, user).address
        };
        assert_eq!([by(Actor::User(user)), by(Actor::Nobody)], [address, address]);
        assert_eq!([by(Actor::User(other)), by(Actor::Operator)], [None, None]);
    }

    #[test]
    fn all_rows_are_in_some_chunk() {
        for rows in [0, 1, ROWS, ROWS + 1, 3 * ROWS] {
            let chunks: Vec<_> = chunks((0..rows).collect()).collect();
            assert!(chunks.iter().all(|chunk| (1..=ROWS).contains(&chunk.len())));
            assert_eq!(chunks.concat(), (0..rows).collect::<Vec<_>>());
        }
    }
}
