//! The settings that each command reads, for its help.

use super::{
    setting::Setting,
    settings::{GRPC_ADDR, topic},
    tls_settings::{TLS_CERT, TLS_CLIENT_AUTH, TLS_KEY},
};

/// The settings that a command reads. All others are accepted: the commands of a deployment share its environment.
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

impl Reads {
    /// Whether the setting is among them.
    pub(super) fn contains(self, setting: Setting) -> bool {
        match self {
            Self::Everything => true,
            Self::Database => ["Database", "Log"].contains(&topic(setting)),
            Self::Probe => {
                [GRPC_ADDR, TLS_CERT, TLS_KEY, TLS_CLIENT_AUTH].contains(&setting)
                    || topic(setting) == "Log"
            }
            Self::Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Config, Settings,
            settings::{self, all_settings},
            token_settings,
            values::tests::settings as gather,
        },
        *,
    };

    fn settings_of(environment: &[(&str, &str)]) -> Settings {
        gather(&[], environment)
    }

    #[test]
    fn what_help_shows_is_what_is_read() {
        for reads in [Reads::Everything, Reads::Database, Reads::Probe] {
            // Each delivery and algorithm reads settings of its own: all of them together read everything.
            let environments: [&[(&str, &str)]; 4] = [
                &[],
                &[(settings::DELIVERY.name, "smtp")],
                &[(settings::DELIVERY.name, "webhook")],
                &[(token_settings::JWT_ALGORITHM.name, "HS256")],
            ];
            let mut read = std::collections::BTreeSet::new();
            for environment in environments {
                let given = settings_of(environment);
                // Problems do not matter here, only which settings are read.
                let _problems = match reads {
                    Reads::Everything => Config::parse(&given).err(),
                    Reads::Database => Config::parse_for_database(&given).err(),
                    Reads::Probe | Reads::Nothing => Config::parse_for_probe(&given).err(),
                };
                read.extend(given.asked());
            }
            if reads == Reads::Database {
                // Read only for their presence, which shows that the database was forgotten.
                let production = [
                    settings::MASTER_KEY.name,
                    settings::MASTER_KEY_OLD.name,
                    settings::DELIVERY.name,
                    token_settings::ISSUER.name,
                ];
                read.retain(|name| !production.contains(&name.as_str()));
            }
            let shown = all_settings().filter(|setting| reads.contains(*setting));
            let shown: std::collections::BTreeSet<_> =
                shown.map(|setting| setting.name.to_owned()).collect();
            assert_eq!(shown, read, "{reads:?}");
        }
    }
}
