//! Protobuf messages to the requests of use cases, and domain values to protobuf messages.

use zeroize::Zeroizing;

use crate::{
    domain::{
        Factor, Passkey, RecoveryCode, Revocation, Revoked, Session, Timestamp, TrustedDevice, User,
    },
    pb::{self, revocation::Subject, second_factor, verify2_fa_request},
    service::{
        BeginEmailLoginRequest, Confirmation, LogFilterInForce, LoginRequest, PendingChallenge,
        PendingMailboxCode, Proof, RegisterRequest, Registered, RevocationUpdate, Tokens,
        TotpEnrollment, Verified,
    },
    token::{Claims, OpaqueToken, PublicKey, ServiceClaims, UserClaims},
};

#[expect(deprecated, reason = "older clients send the field by its old name")]
pub(super) fn register(request: pb::RegisterRequest) -> RegisterRequest {
    RegisterRequest {
        username: request.username,
        email: request.email,
        password: Zeroizing::new(request.password),
        is_2fa_enabled: request.two_factor || request.is_2fa_enabled,
        request_id: request.request_id,
    }
}

pub(super) fn login(request: pb::LoginRequest) -> LoginRequest {
    LoginRequest {
        username: request.username,
        password: Zeroizing::new(request.password),
        audience: request.audience,
        device_name: request.device_name,
        device_token: OpaqueToken::from_text(request.device_token),
    }
}

pub(super) fn email_login(request: pb::BeginEmailLoginRequest) -> BeginEmailLoginRequest {
    BeginEmailLoginRequest {
        email: request.email,
        audience: request.audience,
        device_name: request.device_name,
        device_token: OpaqueToken::from_text(request.device_token),
        request_id: request.request_id,
    }
}

#[expect(deprecated, reason = "older clients read the field by its old name")]
pub(super) fn user(user: User) -> pb::User {
    pb::User {
        id: user.id.to_string(),
        username: user.username,
        email: user.email,
        is_2fa_enabled: user.is_2fa_enabled,
        email_verified: user.email_verified,
        roles: user.roles,
        create_time: Some(timestamp(user.created_at)),
        two_factor_enabled: user.is_2fa_enabled,
    }
}

pub(super) fn registered(registered: Registered) -> pb::RegisterResponse {
    let Registered { user, verification } = registered;
    pb::RegisterResponse {
        user: Some(self::user(user)),
        verification_id: verification.map(|id| id.expose().to_owned()).unwrap_or_default(),
    }
}

pub(super) fn pending_reset(pending: &PendingMailboxCode) -> pb::RequestPasswordResetResponse {
    pb::RequestPasswordResetResponse {
        reset_id: pending.token.expose().to_owned(),
        expire_time: Some(timestamp(pending.expires_at)),
    }
}

pub(super) fn pending_change(pending: &PendingMailboxCode) -> pb::ChangeEmailResponse {
    pb::ChangeEmailResponse {
        change_id: pending.token.expose().to_owned(),
        expire_time: Some(timestamp(pending.expires_at)),
    }
}

pub(super) fn pending_login(pending: &PendingMailboxCode) -> pb::BeginEmailLoginResponse {
    pb::BeginEmailLoginResponse {
        login_id: pending.token.expose().to_owned(),
        expire_time: Some(timestamp(pending.expires_at)),
    }
}

pub(super) fn tokens(tokens: Tokens) -> pb::Tokens {
    pb::Tokens {
        access_token: tokens.access.jwt,
        token_type: "Bearer".to_owned(),
        expires_in: i64::try_from(tokens.access.expires_in.as_secs()).unwrap_or(i64::MAX),
        refresh_token: tokens.refresh.expose().to_owned(),
        session_id: tokens.session_id.to_string(),
        device_token: tokens.device.map(|token| token.expose().to_owned()).unwrap_or_default(),
        expire_time: Some(timestamp(tokens.access.expires_at)),
    }
}

pub(super) fn verified(verified: Verified) -> pb::Verify2FaResponse {
    pb::Verify2FaResponse {
        tokens: Some(tokens(verified.tokens)),
        trust_expire_time: verified.trusted_until.map(timestamp),
    }
}

pub(super) fn trusted_device(device: TrustedDevice) -> pb::TrustedDevice {
    pb::TrustedDevice {
        id: device.id.to_string(),
        device_name: device.device_name,
        address: device.address.map(|address| address.to_string()).unwrap_or_default(),
        create_time: Some(timestamp(device.created_at)),
        expire_time: Some(timestamp(device.expires_at)),
    }
}

pub(super) fn session(session: Session, current: uuid::Uuid) -> pb::Session {
    pb::Session {
        id: session.id.to_string(),
        address: session.address.map(|address| address.to_string()).unwrap_or_default(),
        create_time: Some(timestamp(session.created_at)),
        last_used_time: Some(timestamp(session.last_used_at)),
        expire_time: Some(timestamp(session.ends_at())),
        current: session.id == current,
        device_name: session.device_name,
    }
}

pub(super) fn challenge(challenge: &PendingChallenge) -> pb::Challenge {
    pb::Challenge {
        challenge_id: challenge.challenge_id.expose().to_owned(),
        factors: challenge.factors.iter().map(|of| factor(*of).into()).collect(),
        masked_destination: challenge.masked_destination.clone().unwrap_or_default(),
        expire_time: Some(timestamp(challenge.expires_at)),
        resend_time: challenge.resend_at.map(timestamp),
        attempts_remaining: i32::try_from(challenge.attempts_remaining).unwrap_or(i32::MAX),
        passkey_request_options_json: challenge.passkey_request_options.clone().unwrap_or_default(),
    }
}

pub(super) fn confirmation(
    password: String,
    factor: Option<pb::SecondFactor>,
    request_id: String,
) -> Confirmation {
    let (password, second_factor) = (Zeroizing::new(password), second_factor(factor));
    Confirmation { password, second_factor, request_id }
}

pub(super) fn second_factor(factor: Option<pb::SecondFactor>) -> Option<Proof> {
    Some(match factor?.proof? {
        second_factor::Proof::TotpCode(code) => Proof::Totp(Zeroizing::new(code)),
        second_factor::Proof::RecoveryCode(code) => Proof::RecoveryCode(Zeroizing::new(code)),
    })
}

pub(super) fn proof(proof: verify2_fa_request::Proof) -> Proof {
    match proof {
        verify2_fa_request::Proof::OtpCode(code) => Proof::EmailCode(Zeroizing::new(code)),
        verify2_fa_request::Proof::TotpCode(code) => Proof::Totp(Zeroizing::new(code)),
        verify2_fa_request::Proof::RecoveryCode(code) => Proof::RecoveryCode(Zeroizing::new(code)),
        verify2_fa_request::Proof::PasskeyCredentialJson(json) => Proof::Passkey(json),
    }
}

pub(super) fn factor(factor: Factor) -> pb::Factor {
    match factor {
        Factor::EmailCode => pb::Factor::EmailCode,
        Factor::Totp => pb::Factor::Totp,
        Factor::RecoveryCode => pb::Factor::RecoveryCode,
        Factor::Passkey => pb::Factor::Passkey,
    }
}

pub(super) fn enrollment(begun: &TotpEnrollment) -> pb::BeginTotpEnrollmentResponse {
    pb::BeginTotpEnrollmentResponse {
        enrollment_id: begun.id.to_string(),
        secret: begun.secret.to_string(),
        otpauth_uri: begun.uri.to_string(),
        qr_png: begun.qr.png.to_vec(),
        qr_text: begun.qr.text.to_string(),
    }
}

pub(super) fn passkey(passkey: Passkey) -> pb::Passkey {
    pb::Passkey {
        id: passkey.id.to_string(),
        name: passkey.name,
        create_time: Some(timestamp(passkey.created_at)),
        last_used_time: passkey.last_used_at.map(timestamp),
        aaguid: passkey.aaguid.to_string(),
        backup_eligible: passkey.backup_eligible,
        backed_up: passkey.backed_up,
        transports: passkey.transports,
    }
}

pub(super) fn recovery_codes(codes: &[RecoveryCode]) -> Vec<String> {
    codes.iter().map(|code| code.shown().to_string()).collect()
}

/// Members that the key's type does not have stay empty.
pub(super) fn jwk(key: PublicKey) -> pb::Jwk {
    let members = key.into_members();
    let member = |name: &str| {
        members.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    pb::Jwk {
        kid: member("kid"),
        kty: member("kty"),
        alg: member("alg"),
        r#use: member("use"),
        crv: member("crv"),
        x: member("x"),
        y: member("y"),
        n: member("n"),
        e: member("e"),
    }
}

pub(super) fn claims(claims: &Claims) -> pb::Claims {
    match claims {
        Claims::User(claims) => user_claims(claims),
        Claims::Service(claims) => service_claims(claims),
    }
}

fn service_claims(claims: &ServiceClaims) -> pb::Claims {
    pb::Claims {
        iss: claims.iss.clone(),
        sub: claims.sub.to_string(),
        aud: claims.aud.clone(),
        exp: claims.exp,
        iat: claims.iat,
        jti: claims.jti.to_string(),
        client_id: claims.client_id.to_string(),
        scope: claims.scope.clone(),
        service_epoch: claims.service_epoch,
        ..pb::Claims::default()
    }
}

fn user_claims(claims: &UserClaims) -> pb::Claims {
    pb::Claims {
        iss: claims.iss.clone(),
        sub: claims.sub.to_string(),
        aud: claims.aud.clone(),
        exp: claims.exp,
        iat: claims.iat,
        jti: claims.jti.to_string(),
        client_id: claims.client_id.clone(),
        sid: claims.sid.to_string(),
        amr: claims.amr.clone(),
        acr: claims.acr.clone(),
        auth_time: claims.auth_time,
        preferred_username: claims.preferred_username.clone(),
        roles: claims.roles.clone(),
        session_epoch: claims.session_epoch,
        scope: claims.scope.clone(),
        act: claims.act.as_ref().map(|service| pb::ActingParty { sub: service.sub.to_string() }),
        service_epoch: claims.service_epoch,
    }
}

pub(super) fn revocation_update(update: RevocationUpdate) -> pb::WatchRevocationsResponse {
    let RevocationUpdate { cursor, revocation } = update;
    pb::WatchRevocationsResponse {
        cursor: cursor.to_string(),
        revocation: revocation.map(self::revocation),
    }
}

fn revocation(revocation: Revocation) -> pb::Revocation {
    let common = pb::Revocation {
        not_before: Some(timestamp(revocation.not_before)),
        expire_time: Some(timestamp(revocation.expires_at)),
        ..pb::Revocation::default()
    };
    let of = |subject| pb::Revocation { subject: Some(subject), ..common };
    match revocation.subject {
        Revoked::Session(id) => of(Subject::SessionId(id.to_string())),
        Revoked::User(id) => of(Subject::UserId(id.to_string())),
        Revoked::Key(id) => of(Subject::KeyId(id.to_string())),
        Revoked::Token(id) => of(Subject::TokenId(id.to_string())),
        Revoked::Earlier { user_id, epoch, kept } => pb::Revocation {
            session_epoch: epoch,
            kept_session_id: kept.map(|id| id.to_string()).unwrap_or_default(),
            ..of(Subject::UserId(user_id.to_string()))
        },
        Revoked::Service { id, epoch } => {
            pb::Revocation { service_epoch: epoch, ..of(Subject::ServiceAccountId(id.to_string())) }
        }
    }
}

pub(super) fn log_filter(set: LogFilterInForce) -> pb::SetLogFilterResponse {
    let (filter, until) = set.raised.unzip();
    pb::SetLogFilterResponse {
        configured_filter: set.configured,
        filter: filter.unwrap_or_default(),
        expire_time: until.map(timestamp),
    }
}

pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.unix_micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or_default();
    prost_types::Timestamp { seconds: time.unix_seconds(), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_keep_their_nanos_positive() {
        let time = timestamp(Timestamp::from_unix_micros(-1));
        assert_eq!((time.seconds, time.nanos), (-1, 999_999_000));
    }
}
