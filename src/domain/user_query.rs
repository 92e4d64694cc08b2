//! A list of users: which index it is read by, and where the next page begins.
//!
//! The order decides the index, so that every page costs what its rows cost: there is none that is sorted first. Of the indexes that give
//! the order, the narrowest that the filter has is taken; what else it asks for is looked at row by row.

use uuid::Uuid;

use super::{
    InvalidField, Timestamp,
    user_filter::{BEYOND, ListedUser, UserFilter},
};

/// What users are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrder {
    /// The key of the username.
    Username,
    /// The key of the address.
    Email,
    /// The time of creation.
    Created {
        /// Whether the latest is the first.
        descending: bool,
    },
    /// The time of the last login; users without any are left out.
    LastLogin {
        /// Whether the latest is the first.
        descending: bool,
    },
}

/// A list of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    filter: UserFilter,
    order: UserOrder,
}

/// A range of an index, in its order, after a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserScan {
    /// In the order of a time.
    ByTime {
        /// The index.
        index: TimeIndex,
        /// Whether the latest is the first.
        descending: bool,
        /// The place before the first row.
        after: (Timestamp, Uuid),
        /// The other end: the first time that is out of the range, or, if the latest is the first, the last one within it.
        until: Timestamp,
    },
    /// In the order of a name, by its bytes.
    ByName {
        /// The index.
        index: NameIndex,
        /// The place before the first row.
        after: (String, Uuid),
        /// The first name that is out of the range.
        until: String,
    },
}

/// An index in the order of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeIndex {
    /// Users with that role, as they were created.
    Role(String),
    /// Disabled users, as they were created.
    Disabled,
    /// Users whose address is verified, or is not, as they were created.
    Verified(bool),
    /// All users, as they were created.
    Created,
    /// Users with a login, by the last one.
    LastLogin,
}

/// An index in the order of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameIndex {
    /// By the username's key.
    Username,
    /// By the address's key.
    Email,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserPlace {
    /// In the order of a time.
    Time(Timestamp, Uuid),
    /// In the order of a name.
    Name(String, Uuid),
}

impl UserQuery {
    /// Parses `order_by` (AIP-132). Empty is the order of the names with a prefix, the last logins with a range of them, and else the
    /// newest users first.
    ///
    /// # Errors
    /// An unknown order, and any with a prefix.
    pub fn parse(filter: UserFilter, order_by: &str) -> Result<Self, InvalidField> {
        let words: Vec<_> = order_by.split_whitespace().collect();
        let by_name = filter.username_prefix.is_some() || filter.email_prefix.is_some();
        let order = match &words[..] {
            [] if filter.username_prefix.is_some() => UserOrder::Username,
            [] if by_name => UserOrder::Email,
            [] if filter.last_login.is_given() => UserOrder::LastLogin { descending: true },
            [] => UserOrder::Created { descending: true },
            _ if by_name => {
                let problem = "must be empty with a prefix, which gives the order of the names";
                return Err(InvalidField::new("order_by", problem));
            }
            ["create_time"] => UserOrder::Created { descending: false },
            ["create_time", "desc"] => UserOrder::Created { descending: true },
            ["last_login_time"] => UserOrder::LastLogin { descending: false },
            ["last_login_time", "desc"] => UserOrder::LastLogin { descending: true },
            _ => {
                let problem =
                    "must be empty, create_time or last_login_time, or one of these and desc";
                return Err(InvalidField::new("order_by", problem));
            }
        };
        Ok(Self { filter, order })
    }

    /// What the list is of. Lists that differ have different ones.
    pub fn fingerprint(&self) -> String {
        let UserFilter { created, last_login, .. } = &self.filter;
        let micros = |time: Option<Timestamp>| time.map(Timestamp::unix_micros);
        serde_json::json!([
            self.filter.disabled,
            self.filter.role,
            self.filter.email_verified,
            micros(created.from),
            micros(created.before),
            micros(last_login.from),
            micros(last_login.before),
            self.filter.username_prefix,
            self.filter.email_prefix,
            format!("{:?}", self.order),
        ])
        .to_string()
    }

    /// Whether the list has the user.
    pub fn has(&self, user: &ListedUser) -> bool {
        self.filter.has(user)
    }

    /// Whether the list has every row of its range: nothing is left to look at row by row.
    pub fn is_whole(&self) -> bool {
        let UserFilter { disabled, role, email_verified, created, last_login, .. } = &self.filter;
        let by_time = [disabled.is_some(), role.is_some(), email_verified.is_some()];
        let others = by_time.into_iter().filter(|given| *given).count();
        match self.order {
            UserOrder::Created { .. } => {
                !last_login.is_given() && self.narrows() == (others == 1) && others < 2
            }
            UserOrder::LastLogin { .. } => !created.is_given() && others == 0,
            UserOrder::Username => {
                !created.is_given()
                    && !last_login.is_given()
                    && others == 0
                    && self.filter.email_prefix.is_none()
            }
            UserOrder::Email => !created.is_given() && !last_login.is_given() && others == 0,
        }
    }

    /// Whether a part of the filter has an index of its own.
    fn narrows(&self) -> bool {
        self.time_index() != TimeIndex::Created
    }

    fn time_index(&self) -> TimeIndex {
        if let Some(role) = &self.filter.role {
            TimeIndex::Role(role.clone())
        } else if self.filter.disabled == Some(true) {
            TimeIndex::Disabled
        } else if let Some(verified) = self.filter.email_verified {
            TimeIndex::Verified(verified)
        } else {
            TimeIndex::Created
        }
    }

    /// The range to read, after a place or from its beginning. `None` if the place is one of another order.
    pub fn scan(&self, after: Option<&UserPlace>) -> Option<UserScan> {
        let by_time = |index, descending, (from, before)| {
            // No user has the nil id: it is before all users of its time.
            let (first, until) = if descending { (before, from) } else { (from, before) };
            let after = match after {
                None => (first, Uuid::nil()),
                Some(UserPlace::Time(time, id)) => (*time, *id),
                Some(UserPlace::Name(..)) => return None,
            };
            Some(UserScan::ByTime { index, descending, after, until })
        };
        let by_name = |index, prefix: &Option<String>| {
            let prefix = prefix.clone().unwrap_or_default();
            let until = format!("{prefix}{BEYOND}");
            let after = match after {
                None => (prefix, Uuid::nil()),
                Some(UserPlace::Name(name, id)) => (name.clone(), *id),
                Some(UserPlace::Time(..)) => return None,
            };
            Some(UserScan::ByName { index, after, until })
        };
        match self.order {
            UserOrder::Username => by_name(NameIndex::Username, &self.filter.username_prefix),
            UserOrder::Email => by_name(NameIndex::Email, &self.filter.email_prefix),
            UserOrder::Created { descending } => {
                by_time(self.time_index(), descending, self.filter.created.ends())
            }
            UserOrder::LastLogin { descending } => {
                by_time(TimeIndex::LastLogin, descending, self.filter.last_login.ends())
            }
        }
    }

    /// The place of a user in the list; `None` if it is not in the order at all.
    pub fn place_of(&self, listed: &ListedUser) -> Option<UserPlace> {
        let user = &listed.managed.user;
        Some(match self.order {
            UserOrder::Username => UserPlace::Name(listed.username_key.clone(), user.id),
            UserOrder::Email => UserPlace::Name(listed.email_key.clone(), user.id),
            UserOrder::Created { .. } => UserPlace::Time(user.created_at, user.id),
            UserOrder::LastLogin { .. } => UserPlace::Time(listed.managed.last_login_at?, user.id),
        })
    }
}

impl UserPlace {
    /// The place as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Time(time, id) => {
                [&[0], id.as_bytes().as_slice(), &time.unix_micros().to_be_bytes()].concat()
            }
            Self::Name(name, id) => [&[1], id.as_bytes().as_slice(), name.as_bytes()].concat(),
        }
    }

    /// Reads what [`UserPlace::to_bytes`] has written.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (id, key) = rest.split_first_chunk::<16>()?;
        let id = Uuid::from_bytes(*id);
        match kind {
            0 => {
                let micros = i64::from_be_bytes(key.try_into().ok()?);
                Some(Self::Time(Timestamp::from_unix_micros(micros), id))
            }
            1 => Some(Self::Name(std::str::from_utf8(key).ok()?.to_owned(), id)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user_filter::TimeRange;

    fn query(filter: UserFilter) -> UserQuery {
        UserQuery::parse(filter, "").unwrap()
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_unix_micros(micros)
    }

    #[test]
    fn the_order_decides_the_index_and_the_narrowest_of_the_filter_is_taken() {
        let index = |filter: UserFilter| match query(filter).scan(None).unwrap() {
            UserScan::ByTime { index, .. } => format!("{index:?}"),
            UserScan::ByName { index, .. } => format!("{index:?}"),
        };
        let role = || UserFilter { role: Some("a".into()), ..UserFilter::default() };
        let verified = UserFilter { email_verified: Some(true), ..UserFilter::default() };
        let disabled = |disabled| UserFilter { disabled: Some(disabled), ..verified.clone() };
        let prefix = UserFilter { username_prefix: Some("b".into()), ..role() };
        let range = TimeRange { from: Some(at(1)), before: None };
        for (filter, expected) in [
            (UserFilter::default(), "Created"),
            (UserFilter { email_verified: Some(true), ..role() }, r#"Role("a")"#),
            (prefix, "Username"),
            (UserFilter { email_prefix: Some("b".into()), ..role() }, "Email"),
            (UserFilter { last_login: range, ..role() }, "LastLogin"),
            (UserFilter { created: range, ..role() }, r#"Role("a")"#),
            (disabled(true), "Disabled"),
            (disabled(false), "Verified(true)"),
        ] {
            assert_eq!(index(filter.clone()), expected, "{filter:?}");
        }
    }

    #[test]
    fn only_what_its_range_gives_whole_is_not_looked_at_row_by_row() {
        let base = UserFilter::default;
        let range = TimeRange { from: Some(at(1)), before: None };
        let role = UserFilter { role: Some("a".into()), ..base() };
        let prefix = UserFilter { username_prefix: Some("b".into()), ..base() };
        for (filter, is_whole) in [
            (base(), true),
            (UserFilter { created: range, ..base() }, true),
            (UserFilter { last_login: range, ..base() }, true),
            (UserFilter { created: range, last_login: range, ..base() }, false),
            (role.clone(), true),
            (UserFilter { email_verified: Some(false), ..role.clone() }, false),
            (UserFilter { disabled: Some(true), ..base() }, true),
            (UserFilter { disabled: Some(false), ..base() }, false),
            (UserFilter { email_verified: Some(false), ..base() }, true),
            (prefix.clone(), true),
            (UserFilter { email_prefix: Some("b".into()), ..prefix.clone() }, false),
            (UserFilter { role: Some("a".into()), ..prefix }, false),
        ] {
            assert_eq!(query(filter.clone()).is_whole(), is_whole, "{filter:?}");
        }
    }

    #[test]
    fn an_order_is_one_of_few_and_none_with_a_prefix() {
        let order = |text| UserQuery::parse(UserFilter::default(), text).map(|query| query.order);
        assert_eq!(order(" create_time  desc ").unwrap(), UserOrder::Created { descending: true });
        assert_eq!(order("last_login_time").unwrap(), UserOrder::LastLogin { descending: false });
        for bad in ["create_time asc desc", "email", "create_time,last_login_time", "desc"] {
            assert_eq!(order(bad).unwrap_err().field, "order_by", "{bad}");
        }
        let prefix = UserFilter { email_prefix: Some("a".into()), ..UserFilter::default() };
        assert!(UserQuery::parse(prefix, "create_time").is_err());
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let id = Uuid::from_u128(7);
        for place in [
            UserPlace::Time(at(-5), id),
            UserPlace::Name("straße\u{1f}".into(), id),
            UserPlace::Name(String::new(), id),
        ] {
            assert_eq!(UserPlace::from_bytes(&place.to_bytes()), Some(place));
        }
        for bad in [&[][..], &[0; 17], &[0; 26], &[2; 25], &[1; 16]] {
            assert_eq!(UserPlace::from_bytes(bad), None);
        }
        let by_name = UserPlace::Name("a".into(), id);
        assert_eq!(query(UserFilter::default()).scan(Some(&by_name)), None, "another order");
    }

    #[test]
    fn lists_that_differ_have_other_fingerprints() {
        let base = UserFilter::default;
        let range = TimeRange { from: Some(at(1)), before: None };
        let until = TimeRange { from: None, before: Some(at(1)) };
        let filters = [
            base(),
            UserFilter { disabled: Some(true), ..base() },
            UserFilter { disabled: Some(false), ..base() },
            UserFilter { email_verified: Some(true), ..base() },
            UserFilter { created: range, ..base() },
            UserFilter { created: until, ..base() },
            UserFilter { last_login: range, ..base() },
            UserFilter { role: Some("a".into()), ..base() },
            UserFilter { username_prefix: Some("a".into()), ..base() },
            UserFilter { email_prefix: Some("a".into()), ..base() },
        ];
        let mut found: Vec<_> =
            filters.into_iter().map(|filter| query(filter).fingerprint()).collect();
        found.push(UserQuery::parse(base(), "create_time").unwrap().fingerprint());
        let all = found.len();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), all);
    }
}
