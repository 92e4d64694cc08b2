//! ListUsers: page by page. A page costs what its rows cost, however many users there are.

use super::UserManager;
use crate::{
    domain::{
        InvalidField, ListedUser, ManagedUser, TimeRange, UserFilter, UserPlace, UserQuery,
        page_size, size,
    },
    service::{
        Error,
        fields::{Fields, check_sizes},
    },
    token::PageToken,
};

/// The users of a page that asks for no number.
const USUAL: u32 = 50;

/// The most users of a page.
const MOST: u32 = 1000;

/// The most rows that are looked at for a page, where the range has rows that the filter does not.
const SCANNED: usize = 1000;

/// The most bytes of metadata and claims on a page, as JSON. A small number takes five times as much in protobuf, and clients take
/// answers of 4 MiB unless they are told otherwise.
const BYTES: usize = 512 * 1024;

/// Rows that are read at a time, until the page is full.
const READ: usize = 125;

/// The request.
#[derive(Debug, Clone, Default)]
pub struct ListUsersRequest {
    /// The most users; 0 leaves it to the service.
    pub page_size: i32,
    /// The end of the page before; empty for the first.
    pub page_token: String,
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
    /// A role; empty is any.
    pub role: String,
    /// Whether the address is verified.
    pub email_verified: Option<bool>,
    /// The time of creation.
    pub created: TimeRange,
    /// The time of the last login.
    pub last_login: TimeRange,
    /// The beginning of the username; may be empty.
    pub username_prefix: String,
    /// The beginning of the address; may be empty.
    pub email_prefix: String,
    /// The order; may be empty.
    pub order_by: String,
}

/// A page.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// The users.
    pub users: Vec<ManagedUser>,
    /// The end of the page; empty after the last.
    pub next_page_token: String,
}

/// The request, parsed and valid.
struct Valid {
    most: usize,
    query: UserQuery,
    after: Option<UserPlace>,
}

/// A page that is being filled.
struct Filling {
    most: usize,
    users: Vec<ManagedUser>,
    bytes: usize,
    /// The place of the last row that was taken, or passed over.
    after: Option<UserPlace>,
}

impl UserManager {
    /// A page of the users that a filter selects. Users who come or go meanwhile shift no other one.
    ///
    /// # Errors
    /// Bad fields; the store's.
    pub async fn list_users(&self, request: ListUsersRequest) -> Result<UserPage, Error> {
        let Valid { most, query, after } = self.parse(request)?;
        let (mut page, mut looked_at) = (Filling { most, users: Vec::new(), bytes: 0, after }, 0);
        loop {
            // One row more than the page has tells whether there is another page.
            let read = if query.is_whole() { READ.min(most + 1 - page.users.len()) } else { READ };
            let rows = self.read(&query, page.after.as_ref(), read).await?;
            looked_at += rows.len();
            let is_end = rows.len() < read;
            let took_all = page.take(&query, rows);
            if took_all && is_end {
                return Ok(UserPage { users: page.users, next_page_token: String::new() });
            }
            let is_enough = page.users.len() == most || looked_at >= SCANNED;
            if !took_all || is_enough && !query.is_whole() {
                let next_page_token = self.page_token(&query, page.after)?;
                return Ok(UserPage { users: page.users, next_page_token });
            }
        }
    }

    async fn read(
        &self,
        query: &UserQuery,
        after: Option<&UserPlace>,
        most: usize,
    ) -> Result<Vec<ListedUser>, Error> {
        let Some(scan) = query.scan(after) else { return Ok(Vec::new()) };
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Ok(self.store.managed_user_scan(&scan, most).await?)
    }

    fn parse(&self, request: ListUsersRequest) -> Result<Valid, Error> {
        check_sizes([
            (size::PAGE_TOKEN, &request.page_token),
            (size::ROLE, &request.role),
            (size::USERNAME_PREFIX, &request.username_prefix),
            (size::EMAIL_PREFIX, &request.email_prefix),
            (size::ORDER_BY, &request.order_by),
        ])?;
        let mut fields = Fields::default();
        let most = fields.check(page_size(request.page_size, USUAL, MOST));
        let username_prefix = fields.check(UserFilter::username_prefix(&request.username_prefix));
        let email_prefix = fields.check(UserFilter::email_prefix(&request.email_prefix));
        let filter = UserFilter {
            disabled: request.disabled,
            role: Some(request.role).filter(|role| !role.is_empty()),
            email_verified: request.email_verified,
            created: request.created,
            last_login: request.last_login,
            username_prefix: username_prefix.flatten(),
            email_prefix: email_prefix.flatten(),
        };
        let query = fields.check(UserQuery::parse(filter, &request.order_by));
        let after =
            query.as_ref().and_then(|query| fields.check(self.place(query, &request.page_token)));
        let values = most.zip(query).zip(after);
        fields.all(values.map(|((most, query), after)| Valid { most: most as usize, query, after }))
    }

    /// Where the page begins. A token of another list, or one that was changed, is none.
    fn place(
        &self,
        query: &UserQuery,
        page_token: &str,
    ) -> Result<Option<UserPlace>, InvalidField> {
        if page_token.is_empty() {
            return Ok(None);
        }
        let list = PageToken { list: ("ListUsers", &query.fingerprint()) };
        let place = list.open(&self.master_key, page_token);
        let place = place.and_then(|place| UserPlace::from_bytes(&place));
        place.filter(|place| query.scan(Some(place)).is_some()).map(Some).ok_or_else(|| {
            let problem =
                "must be the next_page_token of a page with the same filter and order, or empty";
            InvalidField::new("page_token", problem)
        })
    }

    fn page_token(&self, query: &UserQuery, next: Option<UserPlace>) -> Result<String, Error> {
        let Some(next) = next else { return Ok(String::new()) };
        let list = PageToken { list: ("ListUsers", &query.fingerprint()) };
        let sealed = list.seal(&self.master_key, &next.to_bytes());
        sealed.map_err(|error| Error::Internal(error.into()))
    }
}

impl Filling {
    /// Takes the rows that the list has, until the page is full. Returns whether all had room.
    fn take(&mut self, query: &UserQuery, rows: Vec<ListedUser>) -> bool {
        for row in rows {
            let place = query.place_of(&row);
            if query.has(&row) {
                let ManagedUser { user, metadata, .. } = &row.managed;
                let bytes = self.bytes + metadata.to_text().len() + user.claims.to_text().len();
                let is_too_much = bytes > BYTES && !self.users.is_empty();
                if self.users.len() == self.most || is_too_much {
                    return false;
                }
                self.bytes = bytes;
                self.users.push(row.managed);
            }
            self.after = place;
        }
        true
    }
}
