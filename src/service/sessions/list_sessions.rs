//! ListSessions: the sessions of a user, page by page.

use uuid::Uuid;

use super::{Sessions, bearer::Account};
use crate::{
    domain::{InvalidField, Session, Timestamp, page_size, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
    },
    store::{SessionPlace, Store},
    token::{MasterKey, PageToken},
};

/// The sessions of a page that asks for no number.
const USUAL: u32 = 50;

/// The most sessions of a page.
const MOST: u32 = 100;

/// The request.
#[derive(Debug, Clone, Default)]
pub struct ListSessionsRequest {
    /// The most sessions; 0 leaves it to the service.
    pub page_size: i32,
    /// The end of the page before; empty for the first.
    pub page_token: String,
}

/// A page.
#[derive(Debug, Clone)]
pub struct SessionPage {
    /// The sessions, the most recently used first.
    pub sessions: Vec<Session>,
    /// The end of the page; empty after the last.
    pub next_page_token: String,
}

/// The live sessions of one user.
#[derive(Debug)]
pub(in crate::service) struct SessionList<'a> {
    pub(in crate::service) store: &'a dyn Store,
    /// Encrypts the page tokens.
    pub(in crate::service) master_key: &'a MasterKey,
    pub(in crate::service) user_id: Uuid,
    pub(in crate::service) now: Timestamp,
}

impl Sessions {
    /// A page of the user's live sessions.
    ///
    /// # Errors
    /// Bad fields; the store's.
    pub async fn list_sessions(
        &self,
        account: &Account,
        request: ListSessionsRequest,
    ) -> Result<SessionPage, Error> {
        let (user_id, now) = (account.user().id, self.clock.now());
        let (store, master_key) = (self.store.as_ref(), &self.master_key);
        SessionList { store, master_key, user_id, now }.page(&request).await
    }
}

impl SessionList<'_> {
    /// A page. The place of a session is the time of its last use: one that is used meanwhile has moved to a page before.
    ///
    /// # Errors
    /// Bad fields; the store's.
    pub(in crate::service) async fn page(
        &self,
        request: &ListSessionsRequest,
    ) -> Result<SessionPage, Error> {
        check_sizes([(size::PAGE_TOKEN, &request.page_token)])?;
        let mut fields = Fields::default();
        let most = fields.check(page_size(request.page_size, USUAL, MOST));
        let after = fields.check(self.place(&request.page_token));
        let (most, after) = fields.all(most.zip(after))?;
        // One more than the page has tells whether there is another page.
        let mut sessions = self.store.session_list(self.user_id, self.now, after, most + 1).await?;
        let is_last = sessions.len() <= most as usize;
        sessions.truncate(most as usize);
        let last = sessions.last().filter(|_| !is_last);
        let next_page_token = last.map(|last| self.token(last)).transpose()?;
        Ok(SessionPage { sessions, next_page_token: next_page_token.unwrap_or_default() })
    }

    /// Where the page begins. A token of another user's list, or one that was changed, is none.
    fn place(&self, page_token: &str) -> Result<Option<SessionPlace>, InvalidField> {
        if page_token.is_empty() {
            return Ok(None);
        }
        let list = self.user_id.to_string();
        let place = PageToken { list: ("ListSessions", &list) }.open(self.master_key, page_token);
        let place = place.and_then(|bytes| {
            let (at, id) = bytes.split_first_chunk::<8>()?;
            let last_used_at = Timestamp::from_unix_micros(i64::from_be_bytes(*at));
            Some(SessionPlace { last_used_at, id: Uuid::from_slice(id).ok()? })
        });
        let problem = "must be the next_page_token of a page of the same user, or empty";
        place.map(Some).ok_or_else(|| InvalidField::new("page_token", problem))
    }

    fn token(&self, last: &Session) -> Result<String, Error> {
        let list = self.user_id.to_string();
        let place = [&last.last_used_at.unix_micros().to_be_bytes()[..], last.id.as_bytes()];
        let token = PageToken { list: ("ListSessions", &list) };
        let sealed = token.seal(self.master_key, &place.concat());
        sealed.map_err(|error| Error::Internal(error.into()))
    }
}
