//! The rules for users, codes and sessions.

use std::time::Duration;

use super::{
    reader::{Reader, TEN_YEARS, minutes},
    settings as name,
};
use crate::{
    domain::{CodePolicy, PasswordPolicy},
    service,
};

impl Reader<'_> {
    pub(super) fn policy(&mut self) -> service::Policy {
        let audiences = self.read(name::AUDIENCE, vec!["countersign".to_owned()], |text| {
            let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
            let empty = names.iter().any(String::is_empty);
            if empty { Err("must be names with commas between them".into()) } else { Ok(names) }
        });
        service::Policy {
            password: PasswordPolicy {
                min_length: self.number(name::PASSWORD_MIN_LENGTH, 8, 8..=128),
            },
            code: CodePolicy {
                ttl: self.lifetime(name::OTP_TTL, minutes(5), minutes(10)),
                max_attempts: self.number(name::OTP_MAX_ATTEMPTS, 5, 1..=10),
                resend_after: self.duration(
                    name::OTP_RESEND_AFTER,
                    Duration::from_secs(30),
                    minutes(10),
                ),
            },
            email_verification: self.switch(name::EMAIL_VERIFICATION, false),
            unverified_ttl: self.unverified_ttl(),
            totp_issuer: self.read(name::TOTP_ISSUER, "Countersign".to_owned(), totp_issuer),
            session_ttl: self.lifetime(name::REFRESH_TOKEN_TTL, days(30), days(365)),
            session_idle_ttl: self.lifetime(name::SESSION_IDLE_TTL, days(14), days(365)),
            sessions_per_user: self.number(name::SESSIONS_PER_USER, 100, 1..=1000),
            address_rate: self.number(name::ADDRESS_RATE, 100, 0..=100_000),
            source_failures: self.number(name::SOURCE_FAILURES, 600, 0..=1_000_000),
            service_failures: self.number(name::SERVICE_FAILURES, 100_000, 0..=100_000_000),
            event_retention: self.event_retention(),
            audiences,
        }
    }

    fn unverified_ttl(&mut self) -> Duration {
        let ttl = self.duration(name::UNVERIFIED_TTL, days(7), YEAR);
        if ttl < minutes(60) {
            self.problems.add(name::UNVERIFIED_TTL, "must be at least 1h");
        }
        ttl
    }

    fn event_retention(&mut self) -> Duration {
        let retention = self.duration(name::EVENT_RETENTION, days(90), TEN_YEARS);
        if retention < days(1) {
            self.problems.add(name::EVENT_RETENTION, "must be at least 1d");
        }
        retention
    }
}

/// As humantime reads "1year".
const YEAR: Duration = Duration::from_secs(31_557_600);

fn days(days: u64) -> Duration {
    minutes(days * 24 * 60)
}

/// A colon would end the issuer in the label of a Key URI; with more bytes the QR code gets hard to scan.
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
