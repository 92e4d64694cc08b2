//! Callers of RPCs that may end the calling session. If the answer is lost, the retry comes with that session's token.

use uuid::Uuid;

use super::{Sessions, bearer::Account};
use crate::{
    domain::size,
    service::Error,
    token::{Claims, UserClaims},
};

/// Who shows a user's own access token.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The user. Boxed, since it is large.
    Live(Box<Account>),
    /// Whoever had the session of that id, which has ended: may have the answer to a request that it made, and nothing else.
    Ended(Uuid),
}

impl Caller {
    /// The id of the session.
    pub(in crate::service) fn session_id(&self) -> Uuid {
        match self {
            Self::Live(account) => account.session().id,
            Self::Ended(id) => *id,
        }
    }

    /// The request, as it was parsed. A session that has ended is refused at once, whatever it sends, unless that may be a retry.
    ///
    /// # Errors
    /// Bad fields; the session has ended.
    pub(in crate::service) fn checked<T>(
        &self,
        parsed: Result<T, Error>,
        request_id: &str,
    ) -> Result<T, Error> {
        match self {
            Self::Ended(_) if request_id.is_empty() || parsed.is_err() => Err(Error::TokenInvalid),
            Self::Live(_) | Self::Ended(_) => parsed,
        }
    }

    /// The account, for all that is no retry.
    ///
    /// # Errors
    /// The session has ended.
    pub fn live(&self) -> Result<&Account, Error> {
        match self {
            Self::Live(account) => Ok(account),
            Self::Ended(_) => Err(Error::TokenInvalid),
        }
    }
}

impl Sessions {
    /// Who shows that token: one for our own audience that has not expired.
    ///
    /// # Errors
    /// An invalid token; the store's.
    pub async fn caller(&self, jwt: &str) -> Result<Caller, Error> {
        match self.authenticate(jwt).await {
            Ok(account) => Ok(Caller::Live(Box::new(account))),
            Err(Error::TokenInvalid) => {
                self.session_of(jwt).map(Caller::Ended).ok_or(Error::TokenInvalid)
            }
            Err(error) => Err(error),
        }
    }

    /// The session of a user's own token, live or not.
    fn session_of(&self, jwt: &str) -> Option<Uuid> {
        if !size::ACCESS_TOKEN.fits(jwt) {
            return None;
        }
        let token = self.tokens.verify(jwt, self.own_audience(), self.clock.now()).ok()?;
        match token.claims {
            Claims::User(claims) => {
                let UserClaims { sid, act, .. } = *claims;
                act.is_none().then_some(sid)
            }
            Claims::Service(_) => None,
        }
    }
}
