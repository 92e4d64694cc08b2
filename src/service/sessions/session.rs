//! The result of a completed login: a session and its tokens.

use std::net::IpAddr;

use uuid::Uuid;

use super::Sessions;
use crate::{
    domain::{AuthMethod, CLOCK_SKEW, Context, Session, Timestamp, User},
    service::{Error, known},
    store::{Credentials, Revoking, SessionLimit},
    token::{AccessToken, DeviceToken, OpaqueToken, RefreshToken},
};

/// The place where a session is, or will be, used.
#[derive(Debug, Clone)]
pub(in crate::service) struct Destination {
    /// The session that is there already, to be proved once more; `None` begins one.
    pub(in crate::service) session_id: Option<Uuid>,
    /// The device, if it is known.
    pub(in crate::service) device_id: Option<Uuid>,
    pub(in crate::service) audience: String,
    pub(in crate::service) device_name: String,
    pub(in crate::service) address: Option<IpAddr>,
}

/// The tokens of a session.
#[derive(Debug)]
pub struct Tokens {
    /// Proves the user's identity to other services.
    pub access: AccessToken,
    /// Gets the next tokens, once (rotation).
    pub refresh: OpaqueToken,
    /// The session.
    pub session_id: Uuid,
    /// Marks the device as known at its next login; only after a login.
    pub device: Option<OpaqueToken>,
}

impl Sessions {
    pub(in crate::service) fn new_session(
        &self,
        credentials: &Credentials,
        destination: &Destination,
        methods: &[AuthMethod],
    ) -> Session {
        let now = self.clock.now();
        let expires_at = now.plus(self.policy.session_ttl);
        Session {
            id: Uuid::now_v7(),
            user_id: credentials.user.id,
            audience: destination.audience.clone(),
            device_name: destination.device_name.clone(),
            methods: methods.to_vec(),
            created_at: now,
            reauthenticated_at: None,
            expires_at,
            last_used_at: now,
            address: destination.address,
            idle_expires_at: expires_at.min(now.plus(self.policy.session_idle_ttl)),
            token_number: 0,
            refresh_salt: rand::random(),
            epoch: 0,
        }
    }

    /// Signs the next tokens of a live session.
    pub(in crate::service) fn issue(
        &self,
        user: &User,
        session: &Session,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let issued = self.tokens.issue(user, session, now);
        let access = issued.map_err(|error| Error::Internal(error.into()))?;
        let refresh = RefreshToken::of(&self.master_key, session).text();
        Ok(Tokens { access, refresh, session_id: session.id, device: None })
    }

    /// Signs the tokens of a completed login on `device_id`, which is known from then on.
    pub(in crate::service) fn issue_at_login(
        &self,
        credentials: &Credentials,
        session: &Session,
        device_id: Uuid,
        is_spared: bool,
    ) -> Result<Tokens, Error> {
        let (user, version) = (&credentials.user, credentials.credential_version);
        known::record(user.id, session.id);
        let now = session.created_at;
        // A trusted device has shown the factor before.
        let second_factor = is_spared || session.methods.contains(&AuthMethod::MultiFactor);
        let device =
            DeviceToken::issue(&self.master_key, user.id, version, second_factor, device_id, now);
        Ok(Tokens { device: Some(device.text()), ..self.issue(user, session, now)? })
    }

    /// The limit of sessions for a user whose session begins at that time.
    pub(in crate::service) fn session_limit(&self, begins_at: Timestamp) -> SessionLimit {
        let tokens_expire_at = self.tokens_expire_at(begins_at);
        SessionLimit { most: self.policy.sessions_per_user, tokens_expire_at }
    }

    /// The revocation for this call, made now.
    pub(in crate::service) fn revoking(&self, context: &Context, now: Timestamp) -> Revoking {
        let tokens_expire_at = self.tokens_expire_at(now);
        Revoking::of(context, now, tokens_expire_at)
    }

    /// The latest expiry of tokens that a revocation at `now` affects. One may even be issued after `now`, by a replica
    /// whose clock is ahead, or while this one waits for a lock in the database.
    pub(in crate::service) fn tokens_expire_at(&self, now: Timestamp) -> Timestamp {
        now.plus(self.tokens.ttl()).plus(CLOCK_SKEW)
    }
}
