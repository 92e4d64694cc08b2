//! What is stored about a user, as the messages of a stream.

use uuid::Uuid;

use super::{
    audit,
    convert::{factor, passkey, timestamp, trusted_device},
    managed_users,
};
use crate::{
    domain::{
        AuthMethod, AuthenticatorApp, Challenge, FormerEmail, MailedCode, PersonalData,
        RecoveryCodesLeft, StoredSession, WaitingMessage,
    },
    pb,
    service::PersonalPart,
};

/// A message of ExportMe, which that session asks for.
pub(super) fn message(part: PersonalPart, current: Uuid) -> pb::ExportMeResponse {
    let mut message = pb::ExportMeResponse::default();
    match part {
        PersonalPart::Account(found) => message = account(*found),
        PersonalPart::Sessions(sessions) => {
            message.sessions = sessions.into_iter().map(|found| session(found, current)).collect();
        }
        PersonalPart::Logins(logins) => {
            message.pending_logins = logins.into_iter().map(login).collect();
        }
        PersonalPart::Codes(codes) => {
            message.mailed_codes = codes.into_iter().map(code).collect();
        }
        PersonalPart::Events(events) => {
            message.events = events.into_iter().map(audit::event).collect();
        }
    }
    message
}

fn account(found: PersonalData) -> pb::ExportMeResponse {
    pb::ExportMeResponse {
        account: Some(managed_users::user(found.account)),
        verify_by_time: found.verify_by.map(timestamp),
        authenticator_apps: found.apps.into_iter().map(app).collect(),
        recovery_codes: found.recovery_codes.map(recovery_codes),
        passkeys: found.passkeys.into_iter().map(passkey).collect(),
        trusted_devices: found.trusted_devices.into_iter().map(trusted_device).collect(),
        former_emails: found.former_emails.into_iter().map(former_email).collect(),
        waiting_messages: found.messages.into_iter().map(waiting).collect(),
        ..pb::ExportMeResponse::default()
    }
}

fn app(app: AuthenticatorApp) -> pb::AuthenticatorApp {
    let expires_at = Some(app.expires_at).filter(|_| app.confirmed_at.is_none());
    pb::AuthenticatorApp {
        create_time: Some(timestamp(app.created_at)),
        confirm_time: app.confirmed_at.map(timestamp),
        expire_time: expires_at.map(timestamp),
    }
}

fn recovery_codes(codes: RecoveryCodesLeft) -> pb::RecoveryCodes {
    pb::RecoveryCodes { left: count(codes.left), create_time: Some(timestamp(codes.created_at)) }
}

fn former_email(former: FormerEmail) -> pb::FormerEmail {
    pb::FormerEmail {
        email: former.email,
        email_verified: former.was_verified,
        change_time: Some(timestamp(former.changed_at)),
        expire_time: Some(timestamp(former.expires_at)),
    }
}

fn session(stored: StoredSession, current: Uuid) -> pb::StoredSession {
    let StoredSession { session, revoked_at, is_live } = stored;
    let methods = session.methods.iter().copied().map(AuthMethod::as_str);
    pb::StoredSession {
        id: session.id.to_string(),
        address: session.address.map(|address| address.to_string()).unwrap_or_default(),
        authentication_methods: methods.map(str::to_owned).collect(),
        create_time: Some(timestamp(session.created_at)),
        reauthenticate_time: session.reauthenticated_at.map(timestamp),
        last_used_time: Some(timestamp(session.last_used_at)),
        expire_time: Some(timestamp(session.ends_at())),
        revoke_time: revoked_at.map(timestamp),
        live: is_live,
        current: session.id == current,
        device_name: session.device_name,
        audience: session.audience,
    }
}

fn login(login: Challenge) -> pb::PendingLogin {
    pb::PendingLogin {
        create_time: Some(timestamp(login.created_at)),
        expire_time: Some(timestamp(login.expires_at)),
        complete_time: login.consumed_at.map(timestamp),
        device_id: id(login.device_id),
        session_id: id(login.session_id),
        factors: login.factors.iter().map(|of| factor(*of).into()).collect(),
        attempts: count(login.attempts),
        first_proof: login.first.as_str().to_owned(),
        audience: login.audience,
        device_name: login.device_name,
    }
}

fn code(code: MailedCode) -> pb::MailedCode {
    pb::MailedCode {
        create_time: Some(timestamp(code.created_at)),
        expire_time: Some(timestamp(code.expires_at)),
        use_time: code.consumed_at.map(timestamp),
        attempts: count(code.attempts),
        new_email: code.new_email.unwrap_or_default(),
        audience: code.audience.unwrap_or_default(),
        device_name: code.device_name.unwrap_or_default(),
        device_id: id(code.device_id),
    }
}

fn waiting(message: WaitingMessage) -> pb::WaitingMessage {
    pb::WaitingMessage {
        create_time: Some(timestamp(message.created_at)),
        expire_time: Some(timestamp(message.expires_at)),
    }
}

fn id(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
