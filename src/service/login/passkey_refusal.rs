//! What a passkey that is refused costs and tells: the same for a login and for a session that is proved once more.

use uuid::Uuid;

use super::Logins;
use crate::{
    domain::{Context, EventKind},
    service::{Error, ceremonies::Answered, limits::Waste},
};

/// A passkey that is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct PasskeyRefusal {
    /// The event.
    pub(super) kind: EventKind,
    /// Whose it is; `None` where it is nobody's.
    pub(super) user_id: Option<Uuid>,
    /// The session that was to be proved.
    pub(super) session_id: Option<Uuid>,
    /// Whether all was right but the counter.
    pub(super) is_copy: bool,
}

impl Logins {
    /// The same answer for every passkey that is refused. There is nothing to guess, but each failure is an event: a source that fails
    /// too often is held back, and from then on writes none, nor mails.
    ///
    /// # Errors
    /// Always: a source that failed too often; the store's; otherwise that the credentials are not valid.
    pub(super) async fn refuse_passkey<T>(
        &self,
        context: &Context,
        answered: &Answered,
        refusal: PasskeyRefusal,
    ) -> Result<T, Error> {
        let PasskeyRefusal { kind, user_id, session_id, is_copy } = refusal;
        let charges = self.limits.waste(Waste::Failures, context.address, answered.key());
        self.limits.charge(charges).await?;
        if let Some(owner) = user_id.filter(|_| is_copy) {
            self.ceremonies.tell_of_a_copy(context, owner).await?;
        }
        self.limits.record_failure(context, kind, user_id, session_id).await?;
        Err(Error::InvalidCredentials)
    }
}
