//! Users as administrators see them: protobuf to requests, and users to protobuf.

use super::{convert::timestamp, structs::object};
use crate::{
    domain::{InvalidField, ManagedUser, TimeRange, Timestamp},
    pb::{self, UserState, get_user_request},
    service::{ListUsersRequest, UserName, UserPage},
};

pub(super) fn name(name: get_user_request::User) -> UserName {
    match name {
        get_user_request::User::Id(id) => UserName::Id(id),
        get_user_request::User::Username(name) => UserName::Username(name),
        get_user_request::User::Email(email) => UserName::Email(email),
    }
}

pub(super) fn user(managed: ManagedUser) -> pb::ManagedUser {
    let ManagedUser { user, metadata, has_password, last_login_at, etag } = managed;
    let state = if user.disabled_at.is_some() { UserState::Disabled } else { UserState::Active };
    pb::ManagedUser {
        id: user.id.to_string(),
        username: user.username,
        email: user.email,
        email_verified: user.email_verified,
        state: state.into(),
        roles: user.roles,
        metadata: object(&metadata),
        claims: object(&user.claims),
        two_factor_enabled: user.is_2fa_enabled,
        has_password,
        create_time: Some(timestamp(user.created_at)),
        last_login_time: last_login_at.map(timestamp),
        disable_time: user.disabled_at.map(timestamp),
        etag,
    }
}

pub(super) fn page(page: UserPage) -> pb::ListUsersResponse {
    let users = page.users.into_iter().map(user).collect();
    pb::ListUsersResponse { users, next_page_token: page.next_page_token }
}

pub(super) fn list(request: pb::ListUsersRequest) -> Result<ListUsersRequest, InvalidField> {
    let pb::ListUsersRequest { page_size, page_token, filter, order_by } = request;
    let filter = filter.unwrap_or_default();
    let created =
        range(filter.created_from, filter.created_before, ["created_from", "created_before"]);
    let names = ["last_login_from", "last_login_before"];
    let last_login = range(filter.last_login_from, filter.last_login_before, names);
    Ok(ListUsersRequest {
        page_size,
        page_token,
        disabled: disabled(filter.state)?,
        role: filter.role,
        email_verified: filter.email_verified,
        created: created?,
        last_login: last_login?,
        username_prefix: filter.username_prefix,
        email_prefix: filter.email_prefix,
        order_by,
    })
}

/// Whether a state is the one of disabled users; `None` if it is not given.
pub(super) fn disabled(state: i32) -> Result<Option<bool>, InvalidField> {
    match UserState::try_from(state) {
        Ok(UserState::Unspecified) => Ok(None),
        Ok(UserState::Active) => Ok(Some(false)),
        Ok(UserState::Disabled) => Ok(Some(true)),
        Err(_unknown) => Err(InvalidField::new("state", "must be a state that this service knows")),
    }
}

fn range(
    from: Option<prost_types::Timestamp>,
    before: Option<prost_types::Timestamp>,
    [from_name, before_name]: [&'static str; 2],
) -> Result<TimeRange, InvalidField> {
    let from = from.map(|from| time(from, from_name)).transpose()?;
    let before = before.map(|before| time(before, before_name)).transpose()?;
    Ok(TimeRange { from, before })
}

/// A time, rounded down to a microsecond.
pub(super) fn time(
    time: prost_types::Timestamp,
    field: &'static str,
) -> Result<Timestamp, InvalidField> {
    let is_valid = (-62_135_596_800..=253_402_300_799).contains(&time.seconds)
        && (0..1_000_000_000).contains(&time.nanos);
    if !is_valid {
        return Err(InvalidField::new(field, "must be a time of the years 1 to 9999"));
    }
    Ok(Timestamp::from_unix_micros(time.seconds * 1_000_000 + i64::from(time.nanos / 1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_protobuf() {
        let of = |seconds, nanos| time(prost_types::Timestamp { seconds, nanos }, "created_from");
        assert_eq!(of(-1, 999_999_999).unwrap(), Timestamp::from_unix_micros(-1));
        assert!(of(253_402_300_799, 0).is_ok() && of(-62_135_596_800, 0).is_ok());
        for (seconds, nanos) in
            [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 1_000_000_000)]
        {
            assert_eq!(of(seconds, nanos).unwrap_err().field, "created_from");
        }
    }
}
