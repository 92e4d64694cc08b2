//! Users as administrators see them: protobuf to requests, and users to protobuf.

use zeroize::Zeroizing;

use super::{
    convert::timestamp,
    structs::{members, object},
};
use crate::{
    domain::{InvalidField, ManagedUser, TimeRange, Timestamp},
    pb::{self, UserState, create_user_request, get_user_request, set_password_request},
    service::{
        Conditions, CreateUserRequest, CreatedUser, HashParameters, ListUsersRequest,
        NewCredential, SetPasswordRequest, UpdateUserRequest, UserName, UserPage,
    },
};

pub(super) fn name(name: get_user_request::User) -> UserName {
    match name {
        get_user_request::User::Id(id) => UserName::Id(id),
        get_user_request::User::Username(name) => UserName::Username(name),
        get_user_request::User::Email(email) => UserName::Email(email),
    }
}

pub(super) fn user(managed: ManagedUser) -> pb::ManagedUser {
    let ManagedUser { user, metadata, has_password, last_login_at, deletion_due_at, etag } =
        managed;
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
        delete_time: deletion_due_at.map(timestamp),
        etag,
    }
}

pub(super) fn created(created: CreatedUser) -> pb::CreateUserResponse {
    let reset_id = created.reset.map(|reset| reset.expose().to_owned()).unwrap_or_default();
    pb::CreateUserResponse { user: Some(user(created.user)), reset_id }
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

/// A new user. Fields that are output only are not looked at (AIP-203).
pub(super) fn create(request: pb::CreateUserRequest) -> Result<CreateUserRequest, InvalidField> {
    let pb::CreateUserRequest { user, credential, validate_only, request_id } = request;
    let user = user.unwrap_or_default();
    Ok(CreateUserRequest {
        username: user.username,
        email: user.email,
        email_verified: user.email_verified,
        disabled: disabled(user.state)?.unwrap_or_default(),
        roles: user.roles,
        metadata: members(user.metadata.unwrap_or_default(), "metadata")?,
        claims: members(user.claims.unwrap_or_default(), "claims")?,
        credential: credential.map(|credential| match credential {
            create_user_request::Credential::Password(password) => of_password(password),
            create_user_request::Credential::PasswordHash(hash) => of_hash(hash),
        }),
        validate_only,
        request_id,
    })
}

/// A new credential.
pub(super) fn set_password(request: pb::SetPasswordRequest) -> SetPasswordRequest {
    let pb::SetPasswordRequest { id, credential, etag, validate_only, request_id } = request;
    let credential = credential.map(|credential| match credential {
        set_password_request::Credential::Password(password) => of_password(password),
        set_password_request::Credential::PasswordHash(hash) => of_hash(hash),
    });
    let conditions = Conditions { id, etag, request_id, validate_only };
    SetPasswordRequest { conditions, credential }
}

fn of_password(password: String) -> NewCredential {
    NewCredential::Password(Zeroizing::new(password))
}

fn of_hash(hash: pb::PasswordHash) -> NewCredential {
    let text = Zeroizing::new(hash.password_hash);
    let parameters = hash.hash_parameters.map(hash_parameters).unwrap_or_default();
    NewCredential::Hash { text, parameters }
}

/// What belongs to a hash; what is empty or 0 was not given.
pub(super) fn hash_parameters(given: pb::HashParameters) -> HashParameters {
    let text = |text: String| (!text.is_empty()).then_some(text);
    let number = |number: i32| u32::try_from(number).ok().filter(|number| *number > 0);
    HashParameters {
        signer_key: text(given.signer_key),
        salt_separator: text(given.salt_separator),
        rounds: number(given.rounds),
        mem_cost: number(given.mem_cost),
        salt: text(given.salt),
        pepper: text(given.pepper),
    }
}

/// New fields: those of the mask (AIP-161), or, without one, those that are not empty.
pub(super) fn update(request: pb::UpdateUserRequest) -> Result<UpdateUserRequest, InvalidField> {
    let pb::UpdateUserRequest { user, update_mask, validate_only, request_id } = request;
    let user = user.unwrap_or_default();
    let masked = masked(&update_mask.map(|mask| mask.paths).unwrap_or_default(), &user)?;
    let has = |field: &str| masked.contains(&field);
    let metadata = has("metadata").then(|| user.metadata.unwrap_or_default());
    let claims = has("claims").then(|| user.claims.unwrap_or_default());
    let disabled = disabled(user.state)?;
    if has("state") && disabled.is_none() {
        return Err(InvalidField::new("state", "must be given, as the mask names it"));
    }
    Ok(UpdateUserRequest {
        conditions: Conditions { id: user.id, etag: user.etag, request_id, validate_only },
        username: has("username").then_some(user.username),
        email: has("email").then_some(user.email),
        email_verified: has("email_verified").then_some(user.email_verified),
        disabled: disabled.filter(|_| has("state")),
        roles: has("roles").then_some(user.roles),
        metadata: metadata.map(|metadata| members(metadata, "metadata")).transpose()?,
        claims: claims.map(|claims| members(claims, "claims")).transpose()?,
    })
}

/// The fields that can be changed.
const CHANGEABLE: [&str; 7] =
    ["username", "email", "email_verified", "state", "roles", "metadata", "claims"];

fn masked(paths: &[String], user: &pb::ManagedUser) -> Result<Vec<&'static str>, InvalidField> {
    if paths.is_empty() {
        let given = [
            !user.username.is_empty(),
            !user.email.is_empty(),
            user.email_verified,
            user.state != 0,
            !user.roles.is_empty(),
            user.metadata.is_some(),
            user.claims.is_some(),
        ];
        let named = CHANGEABLE.into_iter().zip(given);
        return Ok(named.filter_map(|(field, given)| given.then_some(field)).collect());
    }
    if paths == ["*"] {
        return Ok(CHANGEABLE.to_vec());
    }
    let known = |path: &String| CHANGEABLE.into_iter().find(|field| field == path);
    let fields: Option<Vec<_>> = paths.iter().map(known).collect();
    fields.ok_or_else(|| {
        let fields = CHANGEABLE.join(", ");
        InvalidField::new("update_mask", format!("must be \"*\", or some of {fields}"))
    })
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
