//! Failures, recorded: the events that no other write causes (ADR 17).

use uuid::Uuid;

use super::{Limits, charge::Attempt};
use crate::{
    delivery::Notice,
    domain::{Context, Event, EventKind, ThrottleRule},
    service::Error,
    store::SealedMessage,
};

/// The owner is told after so many wrong codes, and again after as many more.
const TELL_AFTER: u32 = 5;

impl Limits {
    /// Records a failed attempt. Before its answer: every failure that a caller sees is on record.
    ///
    /// # Errors
    /// The store's, which is then the answer.
    pub(in crate::service) async fn record_failure(
        &self,
        context: &Context,
        kind: EventKind,
        user_id: Option<Uuid>,
        session_id: Option<Uuid>,
    ) -> Result<(), Error> {
        let (address, now) = (context.address, self.clock.now());
        let event = Event::of(kind, user_id, session_id, context.actor.clone(), address, now);
        Ok(self.store.event_append(event, None).await?)
    }

    /// Records a wrong second factor. Its sender has the password: after five the owner is told, once a day.
    ///
    /// # Errors
    /// As of [`Limits::record_failure`].
    pub(in crate::service) async fn record_wrong_code(
        &self,
        context: &Context,
        kind: EventKind,
        user_id: Uuid,
        session_id: Option<Uuid>,
        attempt: Option<&Attempt>,
    ) -> Result<(), Error> {
        let failures = attempt.map_or(0, |attempt| attempt.count(ThrottleRule::CodesAYear));
        let is_told = failures > 0 && failures.is_multiple_of(TELL_AFTER);
        let notice = is_told.then_some(Notice::WrongCodes);
        self.record_and_tell(context, kind, user_id, session_id, notice).await
    }

    /// Records what is suspicious, and tells the user, once a day.
    ///
    /// # Errors
    /// As of [`Limits::record_failure`].
    pub(in crate::service) async fn record_and_tell(
        &self,
        context: &Context,
        kind: EventKind,
        user_id: Uuid,
        session_id: Option<Uuid>,
        notice: Option<Notice>,
    ) -> Result<(), Error> {
        let message = match notice {
            Some(notice) => self.daily_notice(context, user_id, notice).await?,
            None => None,
        };
        let (now, is_told) = (self.clock.now(), message.is_some());
        let (actor, address) = (context.actor.clone(), context.address);
        let event = Event::of(kind, Some(user_id), session_id, actor, address, now);
        self.store.event_append(event, message).await?;
        if is_told {
            self.outbox.wake();
        }
        Ok(())
    }

    async fn daily_notice(
        &self,
        context: &Context,
        user_id: Uuid,
        notice: Notice,
    ) -> Result<Option<SealedMessage>, Error> {
        let Some(found) = self.store.user_by_id(user_id).await? else { return Ok(None) };
        let daily = self.daily_notice_charge(&found.user, notice.as_str().as_bytes());
        match self.charge(vec![daily]).await {
            Ok(_first_today) => self.outbox.notice(context, &found.user, notice).map(Some),
            Err(Error::Throttled(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
