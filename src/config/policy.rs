//! The rules for users, codes and sessions.

use std::time::Duration;

use super::{
    account_settings, password_settings,
    reader::{Reader, TEN_YEARS, days, minutes, seconds},
    settings, token_settings,
};
use crate::domain::{CodePolicy, PasswordPolicy, Policy};

impl Reader<'_> {
    pub(super) fn policy(&mut self) -> Policy {
        let audiences = self.read(token_settings::AUDIENCE, |text| {
            let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
            let empty = names.iter().any(String::is_empty);
            if empty { Err("must be names with commas between them".into()) } else { Ok(names) }
        });
        Policy {
            password: PasswordPolicy {
                min_length: self.number(password_settings::PASSWORD_MIN_LENGTH, 8..=128),
            },
            code: CodePolicy {
                ttl: self.duration(account_settings::OTP_TTL, seconds(1)..=minutes(10)),
                max_attempts: self.number(account_settings::OTP_MAX_ATTEMPTS, 1..=10),
                resend_after: self
                    .duration(account_settings::OTP_RESEND_AFTER, Duration::ZERO..=minutes(10)),
            },
            email_verification: self.switch(account_settings::EMAIL_VERIFICATION),
            register_quietly: self.switch(account_settings::REGISTER_QUIETLY),
            unverified_ttl: self.duration(account_settings::UNVERIFIED_TTL, minutes(60)..=YEAR),
            email_login: self.switch(account_settings::EMAIL_LOGIN),
            deletion_grace: self
                .duration(account_settings::DELETION_GRACE, Duration::ZERO..=days(30)),
            totp_issuer: self.read(account_settings::TOTP_ISSUER, totp_issuer),
            session_ttl: self.duration(token_settings::REFRESH_TOKEN_TTL, seconds(1)..=days(365)),
            session_idle_ttl: self
                .duration(token_settings::SESSION_IDLE_TTL, seconds(1)..=days(365)),
            refresh_grace: self
                .duration(token_settings::REFRESH_GRACE, Duration::ZERO..=minutes(1)),
            sessions_per_user: self.number(token_settings::SESSIONS_PER_USER, 1..=1000),
            address_rate: self.number(settings::ADDRESS_RATE, 0..=100_000),
            source_failures: self.number(settings::SOURCE_FAILURES, 0..=1_000_000),
            service_failures: self.number(settings::SERVICE_FAILURES, 0..=100_000_000),
            new_device_notice: self.switch(account_settings::NEW_DEVICE_NOTICE),
            trusted_device_ttl: self
                .duration(account_settings::TRUSTED_DEVICE_TTL, Duration::ZERO..=days(365)),
            event_retention: self.duration(account_settings::EVENT_RETENTION, days(1)..=TEN_YEARS),
            audiences,
        }
    }

    /// Without a code to the address nobody would ever become a user.
    pub(super) fn quiet_registration_fits(&mut self, policy: &Policy) {
        if policy.register_quietly && !policy.email_verification {
            let problem = format!("needs {} = on", account_settings::EMAIL_VERIFICATION.name);
            self.problems.add(account_settings::REGISTER_QUIETLY, problem);
        }
    }
}

/// A year as humantime reads "1year".
const YEAR: Duration = Duration::from_secs(31_557_600);

/// A colon would end the issuer in the label of a Key URI; with more bytes the QR code is hard to scan.
fn totp_issuer(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.trim() == text;
    if fits && !text.contains(|c: char| c == ':' || c.is_control()) {
        return Ok(text.to_owned());
    }
    Err("must have 1 to 64 bytes, none of them a colon or a control character, and no spaces around it".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_fits_into_a_label_and_a_qr_code() {
        for good in ["Countersign", "Example & Co", "Éclair", &"x".repeat(64)] {
            assert_eq!(totp_issuer(good).as_deref(), Ok(good));
        }
        for bad in ["", " ", "a:b", "a\nb", " a", "a ", &"x".repeat(65)] {
            assert!(totp_issuer(bad).is_err(), "{bad:?}");
        }
    }
}
