//! What is allowed and seldom meant: `serve` logs it at its start, `config check` prints it.

use std::fmt;

use super::{
    Config, Listen, Passkeys, Setting,
    account_settings::EMAIL_LOGIN,
    passkey_settings::{ORIGINS, RP_ID},
    settings::{CALLERS, DATABASE_URL, TRUSTED_PROXIES},
};
use crate::{
    domain::{Policy, TrustedProxies},
    store::postgres::url::ConnectionString,
};

/// A setting that is worth another look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The name of the setting.
    pub setting: &'static str,
    /// What may come of it, and the remedy.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.text)
    }
}

impl Config {
    /// All warnings.
    pub fn warnings(&self) -> Vec<Warning> {
        let told = |setting: Setting, text| Warning { setting: setting.name, text };
        let database = without_name_check(&self.database.url);
        let proxies = wide_proxies(&self.listen.trusted_proxies);
        let callers = open_door(&self.listen);
        let email_login = codes_for_few(&self.policy);
        let passkeys = without_an_origin(&self.passkeys, &self.listen);
        let all = [
            (DATABASE_URL, database),
            (TRUSTED_PROXIES, proxies),
            (CALLERS, callers),
            (EMAIL_LOGIN, email_login),
            (RP_ID, passkeys),
        ];
        all.into_iter().filter_map(|(setting, text)| Some(told(setting, text?))).collect()
    }
}

fn without_name_check(url: &str) -> Option<String> {
    let url = ConnectionString::parse(url).ok().filter(ConnectionString::accepts_any_name)?;
    Some(format!(
        "with sslmode=verify-ca, or require with an sslrootcert, whoever has a certificate of any public authority can pass \
         for {}: write sslmode=verify-full",
        url.place()
    ))
}

/// In a network of one's own all may be trusted. Elsewhere, trusted clients spoof their address.
fn wide_proxies(trusted: &TrustedProxies) -> Option<String> {
    let networks: Vec<_> = trusted.too_wide().map(|network| network.to_string()).collect();
    (!networks.is_empty()).then(|| {
        format!(
            "{} is a large part of the internet: clients there can spoof the address that rate limits and audit events use; \
             name the networks of your proxies alone, such as 10.0.0.0/8",
            networks.join(",")
        )
    })
}

/// Behind a network policy, or in a mesh that checks callers, it is as it should be.
fn open_door(listen: &Listen) -> Option<String> {
    let http = Some(&listen.http).filter(|_| listen.http_rpcs);
    let mut doors = [Some(&listen.grpc), http].into_iter().flatten();
    let open = doors.find(|address| !address.is_local()).filter(|_| listen.callers.is_none())?;
    Some(format!(
        "there is no policy of callers: every caller at {open} may register users, introspect tokens and follow revocations"
    ))
}

/// A code to an address that nobody has verified would let in whoever registered with somebody else's.
fn codes_for_few(policy: &Policy) -> Option<String> {
    (policy.email_login && !policy.email_verification).then(|| {
        "only verified addresses get a code, and Register verifies none: set COUNTERSIGN_EMAIL_VERIFICATION=on, unless all \
         users are imported or created with addresses that were verified elsewhere"
            .to_owned()
    })
}

/// Nobody else would say why there are no passkeys.
fn without_an_origin(passkeys: &Passkeys, listen: &Listen) -> Option<String> {
    passkeys.lacks_an_origin(&listen.http).then(|| {
        format!(
            "HTTP listens on a Unix socket, which is no origin of localhost, so there are no passkeys: name the origins in {}, \
             or set off",
            ORIGINS.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            account_settings::EMAIL_VERIFICATION,
            settings::{GRPC_ADDR, HTTP_ADDR, PLAINTEXT},
            values::tests::settings,
        },
        *,
    };

    fn warned(environment: &[(&str, &str)]) -> Vec<&'static str> {
        let development = [(DATABASE_URL.name, "sqlite://x.db")];
        let environment = [&development[..], environment].concat();
        let (config, _) = Config::examine(&settings(&[], &environment));
        config.warnings().into_iter().map(|warning| warning.setting).collect()
    }

    #[test]
    fn what_is_seldom_meant_is_told_and_what_is_usual_is_not() {
        let open = [(GRPC_ADDR.name, "0.0.0.0:1"), (PLAINTEXT.name, "on")];
        assert_eq!(warned(&[]), [""; 0]);
        assert_eq!(warned(&open), [CALLERS.name]);
        assert_eq!(warned(&[open[0], (CALLERS.name, "anyone = watch")]), [""; 0]);
        assert_eq!(warned(&[(TRUSTED_PROXIES.name, "10.0.0.0/8")]), [""; 0]);
        assert_eq!(warned(&[(TRUSTED_PROXIES.name, "::/0")]), [TRUSTED_PROXIES.name]);
        let by_mail = (EMAIL_LOGIN.name, "on");
        assert_eq!(warned(&[by_mail]), [EMAIL_LOGIN.name]);
        assert_eq!(warned(&[by_mail, (EMAIL_VERIFICATION.name, "on")]), [""; 0]);
        let socket = (HTTP_ADDR.name, "unix:///run/http.sock");
        assert_eq!(warned(&[socket]), [RP_ID.name]);
        assert_eq!(warned(&[socket, (RP_ID.name, "off")]), [""; 0]);
        assert_eq!(warned(&[socket, (RP_ID.name, "example.com")]), [""; 0]);
        for (mode, is_warned) in [("verify-full", false), ("verify-ca", true)] {
            let url = format!("postgres://u:hunter2@db/x?sslmode={mode}");
            let warned = warned(&[(DATABASE_URL.name, &url)]);
            assert_eq!(warned.contains(&DATABASE_URL.name), is_warned, "{mode}");
        }
    }
}
