//! Envoy's `ext_authz`.

use std::{fs, path::PathBuf, time::Duration};

use super::{
    authorization_settings as settings,
    reader::{Reader, minutes, seconds},
};
use crate::domain::authorization::Rules;

/// How requests to other services are decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The file of rules.
    pub rules: PathBuf,
    /// The cookie that may hold a token.
    pub cookie: Option<String>,
    /// How long ago the revocations may have been read.
    pub max_age: Duration,
    /// Whether good tokens pass once that was longer ago.
    pub allows_behind: bool,
}

impl Authorization {
    /// The text of the file.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn read_rules(&self) -> Result<String, String> {
        // Without the path: it may be a secret, given by mistake.
        fs::read_to_string(&self.rules).map_err(|error| format!("cannot be read: {error}"))
    }
}

impl Reader<'_> {
    pub(super) fn authorization(&mut self) -> Option<Authorization> {
        let rules = self.given(settings::AUTHZ_RULES, |path| Ok(PathBuf::from(path)));
        let cookie = self.given(settings::AUTHZ_COOKIE, cookie);
        let max_age = self.duration(settings::AUTHZ_REVOCATIONS_WITHIN, seconds(1)..=minutes(60));
        let allows_behind = self.read(settings::AUTHZ_WHEN_BEHIND, |text| match text {
            "refuse" => Ok(false),
            "allow" => Ok(true),
            _ => Err("must be refuse or allow".into()),
        });
        if rules.is_none() && cookie.is_some() {
            let problem = format!("is of no use without {}", settings::AUTHZ_RULES.name);
            self.problems.add(settings::AUTHZ_COOKIE, problem);
        }
        Some(Authorization { rules: rules?, cookie, max_age, allows_behind })
    }

    /// Looks at the file of rules.
    pub(super) fn authorization_rules(&mut self, authorization: &Authorization) {
        let rules = authorization.read_rules().and_then(|text| Rules::parse(&text));
        if let Err(problem) = rules {
            self.problems.add(settings::AUTHZ_RULES, problem);
        }
    }
}

/// A name as RFC 6265 (section 4.1.1) has it.
fn cookie(name: &str) -> Result<String, String> {
    let is_character = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.bytes().all(is_character) {
        return Ok(name.to_owned());
    }
    Err("must be the name of a cookie: letters, digits, dashes and underscores".into())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Config, values::tests::settings as gather},
        *,
    };

    fn told(environment: &[(&str, &str)]) -> String {
        Config::parse_to_serve(&gather(&[], environment)).unwrap_err().to_string()
    }

    #[test]
    fn the_file_of_rules_is_looked_at_before_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.json");
        let name = path.to_str().unwrap();
        let given = [(settings::AUTHZ_RULES.name, name)];
        assert!(told(&given).contains("AUTHZ_RULES  cannot be read"));
        fs::write(&path, r#"{"rules": [{"path": "orders"}]}"#).unwrap();
        assert!(told(&given).contains("rule 1: path: \"orders\""));
        fs::write(&path, r#"{"rules": [{"path": "/orders"}]}"#).unwrap();
        let config = Config::parse_to_serve(&gather(&[], &given)).unwrap();
        let expected = Authorization {
            rules: path.clone(),
            cookie: None,
            max_age: Duration::from_secs(5),
            allows_behind: false,
        };
        assert_eq!(config.authorization, Some(expected));
    }

    #[test]
    fn mistakes_are_told() {
        for (name, value) in [
            (settings::AUTHZ_COOKIE.name, "a b"),
            (settings::AUTHZ_COOKIE.name, "session"),
            (settings::AUTHZ_WHEN_BEHIND.name, "open"),
            (settings::AUTHZ_REVOCATIONS_WITHIN.name, "0s"),
        ] {
            assert!(told(&[(name, value)]).contains(name), "{name}={value}");
        }
    }
}
