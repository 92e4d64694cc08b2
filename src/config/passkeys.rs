//! Passkeys: who we are to browsers.

use super::{
    Profile, passkey_settings as settings,
    reader::{Reader, duration, minutes, seconds},
    setting::Setting,
};
use crate::{
    listen::Address,
    passkey::{RelyingParty, Settings, UserVerification},
};

/// The domain whose origin is the listener's own.
const LOCALHOST: &str = "localhost";

/// Passkeys, if there are any.
#[derive(Debug, Clone, Default)]
pub struct Passkeys {
    /// Who we are to browsers. Without origins: those of localhost, where HTTP listens.
    pub settings: Option<Settings>,
}

/// The operator's own pages about passkeys, for `/.well-known/passkey-endpoints`.
#[derive(Debug, Clone, Default)]
pub struct PasskeyPages {
    /// The page that adds passkeys.
    pub enroll: Option<String>,
    /// The page that lists them.
    pub manage: Option<String>,
}

impl Passkeys {
    /// Who we are to browsers, where HTTP listens there. `None` where there are no passkeys: turned off, or as
    /// `lacks_an_origin` says.
    pub fn relying_party(&self, http: &Address, has_tls: bool) -> Option<RelyingParty> {
        let mut settings = self.settings.clone()?;
        if settings.origins.is_empty() {
            settings.origins = vec![origin_of_localhost(http, has_tls)?];
        }
        // Checked when it was read, but for that origin, which is as browsers write it.
        RelyingParty::new(settings).ok()
    }

    /// Whether there are no passkeys only because HTTP listens where no browser can go.
    pub(super) fn lacks_an_origin(&self, http: &Address) -> bool {
        self.settings.as_ref().is_some_and(|settings| settings.origins.is_empty())
            && http.tcp().is_none()
    }
}

/// Browsers write no port that is their scheme's own. A Unix socket has no origin.
fn origin_of_localhost(http: &Address, has_tls: bool) -> Option<String> {
    let (scheme, usual) = if has_tls { ("https", 443) } else { ("http", 80) };
    let port = Some(http.tcp()?.port()).filter(|port| *port != usual);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{LOCALHOST}{port}"))
}

impl Reader<'_> {
    pub(super) fn passkeys(&mut self, profile: Profile) -> Passkeys {
        let id = self.read_in(profile, settings::RP_ID, |id| Ok(id.to_owned()));
        let name = self.read(settings::RP_NAME, |name| Ok(name.to_owned()));
        let origins = self.given(settings::ORIGINS, list);
        let related_origins = self.given(settings::RELATED_ORIGINS, list).unwrap_or_default();
        let user_verification = self.read(settings::USER_VERIFICATION, user_verification);
        let timeout = self.read(settings::TIMEOUT, duration(seconds(30)..=minutes(10)));
        let id = id.filter(|id| id != "off");
        let settings = id.map(|id| {
            let usual = || if id == LOCALHOST { Vec::new() } else { vec![format!("https://{id}")] };
            let origins = origins.unwrap_or_else(usual);
            Settings { id, name, origins, related_origins, user_verification, timeout }
        });
        settings.iter().for_each(|settings| self.check_relying_party(settings));
        Passkeys { settings }
    }

    pub(super) fn passkey_pages(&mut self) -> PasskeyPages {
        let enroll = self.given(settings::ENROLL_URL, page);
        let manage = self.given(settings::MANAGE_URL, page);
        PasskeyPages { enroll, manage }
    }

    fn check_relying_party(&mut self, given: &Settings) {
        let mut given = given.clone();
        if given.origins.is_empty() {
            given.origins = vec![format!("http://{LOCALHOST}:8080")];
        }
        for problem in RelyingParty::new(given).err().unwrap_or_default() {
            let setting = setting_of(problem.setting);
            // What follows from another setting is told there.
            if let Some(text) = self.settings.get(setting) {
                self.refuse(setting, text, problem.problem);
            }
        }
    }
}

/// The setting of a field of [`Settings`].
fn setting_of(field: &str) -> Setting {
    match field {
        "id" => settings::RP_ID,
        "name" => settings::RP_NAME,
        "origins" => settings::ORIGINS,
        "related_origins" => settings::RELATED_ORIGINS,
        _ => settings::TIMEOUT,
    }
}

fn list(text: &str) -> Result<Vec<String>, String> {
    let items: Vec<_> = text.split(',').map(|item| item.trim().to_owned()).collect();
    if items.iter().any(String::is_empty) {
        return Err("must be origins with commas between them".into());
    }
    Ok(items)
}

fn user_verification(text: &str) -> Result<UserVerification, String> {
    let all =
        [UserVerification::Required, UserVerification::Preferred, UserVerification::Discouraged];
    let found = all.into_iter().find(|known| known.as_str() == text);
    found.ok_or_else(|| "must be required, preferred or discouraged".into())
}

fn page(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host());
    url.map(String::from).ok_or_else(|| "must be a URL that begins with https://".into())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Config, values::tests::settings as gather},
        *,
    };

    fn config(environment: &[(&str, &str)]) -> Passkeys {
        Config::parse(&gather(&[], environment)).unwrap().passkeys
    }

    fn told(environment: &[(&str, &str)]) -> String {
        Config::parse(&gather(&[], environment)).unwrap_err().to_string()
    }

    fn at(passkeys: &Passkeys) -> Option<RelyingParty> {
        let address = Address::parse("127.0.0.1:4711").unwrap();
        passkeys.relying_party(&address, false)
    }

    #[test]
    fn development_has_passkeys_of_localhost_and_its_own_port() {
        let relying_party = at(&config(&[])).unwrap();
        assert_eq!(relying_party.id(), "localhost");
        let shown = format!("{relying_party:?}");
        assert!(shown.contains(r#"origins: ["http://localhost:4711"]"#), "{shown}");
        assert!(at(&config(&[(settings::RP_ID.name, "off")])).is_none());
    }

    #[test]
    fn the_origin_of_localhost_is_as_browsers_write_it() {
        let passkeys = config(&[]);
        for (port, has_tls, origin) in [
            (80, false, "http://localhost"),
            (443, true, "https://localhost"),
            (443, false, "http://localhost:443"),
            (80, true, "https://localhost:80"),
        ] {
            let address = Address::parse(&format!("127.0.0.1:{port}")).unwrap();
            let shown = format!("{:?}", passkeys.relying_party(&address, has_tls).unwrap());
            assert!(shown.contains(&format!("origins: [{origin:?}]")), "{shown}");
        }
        let socket = Address::parse("unix:///run/http.sock").unwrap();
        assert!(passkeys.relying_party(&socket, false).is_none());
        assert!(passkeys.lacks_an_origin(&socket));
        let named = config(&[(settings::ORIGINS.name, "http://localhost:3000")]);
        assert!(named.relying_party(&socket, false).is_some() && !named.lacks_an_origin(&socket));
    }

    #[test]
    fn a_domain_is_its_own_origin_unless_others_are_named() {
        let id = (settings::RP_ID.name, "example.org");
        let shown = format!("{:?}", at(&config(&[id])).unwrap());
        assert!(shown.contains(r#"origins: ["https://example.org"]"#), "{shown}");
        let origins = (settings::ORIGINS.name, "https://a.example.org, https://example.org:8443");
        let shown = format!("{:?}", at(&config(&[id, origins])).unwrap());
        let expected = r#"origins: ["https://a.example.org", "https://example.org:8443"]"#;
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn all_mistakes_are_told_with_their_settings() {
        let wrong = told(&[
            (settings::RP_ID.name, "127.0.0.1"),
            (settings::RP_NAME.name, &"x".repeat(65)),
            (settings::ORIGINS.name, "http://example.org"),
            (settings::RELATED_ORIGINS.name, "https://a.example,"),
            (settings::USER_VERIFICATION.name, "yes"),
            (settings::TIMEOUT.name, "1s"),
            (settings::ENROLL_URL.name, "http://example.org/passkeys"),
            (settings::MANAGE_URL.name, "passkeys"),
        ]);
        for setting in settings::ALL {
            assert!(wrong.contains(setting.name), "{}: {wrong}", setting.name);
        }
    }
}
