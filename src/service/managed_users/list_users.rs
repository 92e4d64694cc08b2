//! ListUsers: page by page. A page costs what its rows cost, however many users there are.

use std::collections::HashMap;

use uuid::Uuid;

use super::UserManager;
use crate::{
    domain::{
        InvalidField, ManagedUser, TimeRange, UserFilter, UserKeys, UserPlace, UserQuery, UserScan,
        size,
    },
    service::{
        Error,
        fields::{Fields, check_sizes},
    },
    token::PageToken,
};

/// The users of a page that asks for no number.
const USUAL: usize = 50;

/// The most users of a page.
const MOST: usize = 1000;

/// The most rows that are looked at for a page, where the range has rows that the filter does not.
const SCANNED: u32 = 1000;

/// The most bytes of metadata and claims on a page, as JSON. A small number takes five times as much in protobuf, and clients take
/// answers of 4 MiB unless they are told otherwise.
const BYTES: usize = 512 * 1024;

/// Users that are read at a time, until the page is full.
const READ: usize = 100;

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
    scan: UserScan,
}

impl UserManager {
    /// A page of the users that a filter selects. Users who come or go meanwhile shift no other one.
    ///
    /// # Errors
    /// Bad fields; the store's.
    pub async fn list_users(&self, request: ListUsersRequest) -> Result<UserPage, Error> {
        let Valid { most, query, scan } = self.parse(request)?;
        let read =
            if query.is_whole() { u32::try_from(most + 1).unwrap_or(SCANNED) } else { SCANNED };
        let rows = self.store.managed_user_scan(&scan, read).await?;
        let is_end = u32::try_from(rows.len()).is_ok_and(|rows| rows < read);
        let (chosen, mut last) = choose(&query, &rows, most);
        let (users, is_cut) = self.read_in_order(&chosen).await?;
        if is_cut {
            last = chosen.get(users.len().saturating_sub(1)).copied();
        }
        let is_last_row = last.map(|last| last.id) == rows.last().map(|row| row.id);
        let next = last.filter(|_| !(is_end && is_last_row)).and_then(|last| query.place_of(last));
        Ok(UserPage { users, next_page_token: self.page_token(&query, next)? })
    }

    /// The users in the order of their rows; whether there are more, which did not fit.
    async fn read_in_order(&self, rows: &[&UserKeys]) -> Result<(Vec<ManagedUser>, bool), Error> {
        let (mut users, mut bytes) = (Vec::with_capacity(rows.len()), 0);
        for rows in rows.chunks(READ) {
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
            let found = self.store.managed_users(&ids).await?;
            let mut found: HashMap<_, _> =
                found.into_iter().map(|user| (user.user.id, user)).collect();
            for id in ids {
                // Missing: deleted just now.
                let Some(user) = found.remove(&id) else { continue };
                bytes += user.metadata.to_text().len() + user.user.claims.to_text().len();
                if bytes > BYTES && !users.is_empty() {
                    return Ok((users, true));
                }
                users.push(user);
            }
        }
        Ok((users, false))
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
        fields.require(request.page_size >= 0, "page_size", "must not be negative");
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
        let scan =
            query.as_ref().and_then(|query| fields.check(self.scan(query, &request.page_token)));
        let most = usize::try_from(request.page_size).unwrap_or(0).min(MOST);
        let most = if most == 0 { USUAL } else { most };
        fields.all(query.zip(scan).map(|(query, scan)| Valid { most, query, scan }))
    }

    /// The range of the next page. A token of another list, or one that was changed, is none.
    fn scan(&self, query: &UserQuery, page_token: &str) -> Result<UserScan, InvalidField> {
        let refused = || {
            let problem =
                "must be the next_page_token of a page with the same filter and order, or empty";
            InvalidField::new("page_token", problem)
        };
        let place = if page_token.is_empty() {
            None
        } else {
            let list = PageToken { list: ("ListUsers", &query.fingerprint()) };
            let position = list.open(&self.master_key, page_token).ok_or_else(refused)?;
            Some(UserPlace::from_bytes(&position).ok_or_else(refused)?)
        };
        query.scan(place.as_ref()).ok_or_else(refused)
    }

    fn page_token(&self, query: &UserQuery, next: Option<UserPlace>) -> Result<String, Error> {
        let Some(next) = next else { return Ok(String::new()) };
        let list = PageToken { list: ("ListUsers", &query.fingerprint()) };
        let sealed = list.seal(&self.master_key, &next.to_bytes());
        sealed.map_err(|error| Error::Internal(error.into()))
    }
}

/// The rows of a page, and the last row that was looked at for it.
fn choose<'a>(
    query: &UserQuery,
    rows: &'a [UserKeys],
    most: usize,
) -> (Vec<&'a UserKeys>, Option<&'a UserKeys>) {
    let (mut chosen, mut last) = (Vec::new(), None);
    for row in rows {
        if chosen.len() == most {
            break;
        }
        last = Some(row);
        if query.has(row) {
            chosen.push(row);
        }
    }
    (chosen, last)
}
