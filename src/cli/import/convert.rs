//! Rows to users on their way, and back.

use zeroize::Zeroizing;

use super::{
    instant::Instant,
    row::{HashParameters, ImportRow, State},
};
use crate::{domain::Timestamp, password, service::TransferredUser};

impl ImportRow {
    /// The user of a row.
    pub(super) fn to_user(&self) -> TransferredUser {
        let created_at = Instant::parse(&self.create_time).map(Timestamp::from);
        TransferredUser {
            id: None,
            username: self.username.clone(),
            email: self.email.clone(),
            email_verified: self.email_verified,
            password_hash: Zeroizing::new(self.password_hash.clone()),
            hash_parameters: self.hash_parameters.to_parameters(),
            roles: self.roles.clone(),
            metadata: self.metadata.clone(),
            claims: self.claims.clone(),
            totp_secret: Zeroizing::new(self.totp_secret.clone()),
            two_factor_enabled: self.two_factor_enabled,
            is_disabled: self.state == State::Disabled,
            created_at,
        }
    }

    /// The row of a user.
    pub(in crate::cli) fn of_user(mut user: TransferredUser) -> Self {
        Self {
            id: user.id.map(|id| id.to_string()).unwrap_or_default(),
            username: user.username,
            email: user.email,
            email_verified: user.email_verified,
            password_hash: std::mem::take(&mut *user.password_hash),
            hash_parameters: HashParameters::default(),
            roles: user.roles,
            metadata: user.metadata,
            claims: user.claims,
            totp_secret: std::mem::take(&mut *user.totp_secret),
            two_factor_enabled: user.two_factor_enabled,
            state: if user.is_disabled { State::Disabled } else { State::Active },
            create_time: user
                .created_at
                .map(|at| Instant::from(at).to_string())
                .unwrap_or_default(),
        }
    }
}

impl HashParameters {
    fn to_parameters(&self) -> password::HashParameters {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        password::HashParameters {
            signer_key: given(&self.signer_key),
            salt_separator: given(&self.salt_separator),
            rounds: self.rounds,
            mem_cost: self.mem_cost,
            salt: given(&self.salt),
            pepper: given(&self.pepper),
        }
    }
}
