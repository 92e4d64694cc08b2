//! How help orders the settings, and which of them each command reads.

use super::settings as name;

/// What a command reads of the settings. Whatever else is set or given as a flag is accepted: all commands of a deployment
/// have its environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// All settings.
    Everything,
    /// [`super::Config::parse_for_database`].
    Database,
    /// [`super::Config::parse_for_probe`].
    Probe,
    /// None.
    Nothing,
}

/// The headings of help, and the settings below each.
const TOPICS: [(&str, &[&str]); 9] = [
    (
        "Database",
        &[
            name::DATABASE_URL,
            name::DATABASE_CONNECTIONS,
            name::MIGRATE,
            name::MIGRATE_URL,
            name::FSYNC_OFF_AT,
        ],
    ),
    (
        "Listening",
        &[
            name::GRPC_ADDR,
            name::HTTP_ADDR,
            name::TRUSTED_PROXIES,
            name::FORWARDED_HEADER,
            name::REFLECTION,
            name::STREAM_AGE,
            name::DRAIN_DELAY,
            name::SHUTDOWN_TIMEOUT,
        ],
    ),
    ("Encryption", &[name::MASTER_KEY, name::MASTER_KEY_OLD]),
    (
        "Delivery",
        &[
            name::DELIVERY,
            name::SMTP_URL,
            name::SMTP_FROM,
            name::SMTP_HELLO,
            name::TEMPLATES,
            name::WEBHOOK_URL,
            name::WEBHOOK_SECRET,
            name::DELIVERY_CA,
        ],
    ),
    (
        "Tokens and sessions",
        &[
            name::ISSUER,
            name::AUDIENCE,
            name::JWT_ALGORITHM,
            name::JWT_SECRET,
            name::KEY_ROTATION,
            name::KEY_LEAD,
            name::ACCESS_TOKEN_TTL,
            name::REFRESH_TOKEN_TTL,
            name::SESSION_IDLE_TTL,
            name::SESSIONS_PER_USER,
        ],
    ),
    (
        "Codes and accounts",
        &[
            name::OTP_TTL,
            name::OTP_MAX_ATTEMPTS,
            name::OTP_RESEND_AFTER,
            name::EMAIL_VERIFICATION,
            name::UNVERIFIED_TTL,
            name::TOTP_ISSUER,
            name::EVENT_RETENTION,
        ],
    ),
    (
        "Passwords",
        &[
            name::BCRYPT_COST,
            name::PASSWORD_MIN_LENGTH,
            name::HASH_THREADS,
            name::HASH_QUEUE,
            name::HASH_KERNEL,
            name::HASH_LANES,
        ],
    ),
    ("Rate limits", &[name::ADDRESS_RATE, name::SOURCE_FAILURES, name::SERVICE_FAILURES]),
    (LOG, &[name::LOG, name::LOG_FORMAT]),
];

/// Every command logs, but for one that reads nothing.
const LOG: &str = "Log";

/// The heading of a setting.
pub(super) fn topic(setting: &str) -> &'static str {
    let found = TOPICS.iter().find(|(_, names)| names.contains(&setting));
    found.map_or("Other settings", |(topic, _)| topic)
}

impl Reads {
    /// Whether that setting is among them.
    pub(super) fn contains(self, setting: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Database => [TOPICS[0].0, LOG].contains(&topic(setting)),
            Self::Probe => setting == name::GRPC_ADDR || topic(setting) == LOG,
            Self::Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Config, SETTINGS, settings::tests::settings},
        *,
    };

    #[test]
    fn every_setting_is_below_one_heading() {
        for setting in SETTINGS {
            let found = TOPICS.iter().filter(|(_, names)| names.contains(&setting.name)).count();
            assert_eq!(found, 1, "{}", setting.name);
        }
        let listed: usize = TOPICS.iter().map(|(_, names)| names.len()).sum();
        assert_eq!(listed, SETTINGS.len(), "a name that is no setting");
    }

    #[test]
    fn what_help_shows_is_what_is_read() {
        for reads in [Reads::Everything, Reads::Database, Reads::Probe] {
            // Of deliveries and algorithms each reads what is its own: of all of them together, everything.
            let environments: [&[(&str, &str)]; 4] = [
                &[],
                &[(name::DELIVERY, "smtp")],
                &[(name::DELIVERY, "webhook")],
                &[(name::JWT_ALGORITHM, "HS256")],
            ];
            let mut read = std::collections::BTreeSet::new();
            for environment in environments {
                let settings = settings(&[], environment);
                // Whatever is missing, only what is asked for matters.
                let _problems = match reads {
                    Reads::Everything => Config::parse(&settings).err(),
                    Reads::Database => Config::parse_for_database(&settings).err(),
                    Reads::Probe | Reads::Nothing => Config::parse_for_probe(&settings).err(),
                };
                read.extend(settings.asked());
            }
            if reads == Reads::Database {
                // Only whether they are set, which tells that somebody has forgotten the database.
                let production =
                    [name::MASTER_KEY, name::MASTER_KEY_OLD, name::DELIVERY, name::ISSUER];
                read.retain(|name| !production.contains(&name.as_str()));
            }
            let shown = SETTINGS.iter().filter(|setting| reads.contains(setting.name));
            let shown: std::collections::BTreeSet<_> =
                shown.map(|setting| setting.name.to_owned()).collect();
            assert_eq!(shown, read, "{reads:?}");
        }
    }
}
