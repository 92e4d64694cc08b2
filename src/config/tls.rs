//! TLS of the listeners, and plaintext where there is none.

use std::path::PathBuf;

use super::{
    Profile,
    reader::{Reader, on_or_off},
    setting::Setting,
    settings, tls_settings,
};
use crate::listen::{
    Address,
    tls::{ClientAuth, Files, MinVersion, Part},
};

/// The settings of one listener.
struct Names {
    certificate: Setting,
    key: Setting,
    client_authorities: Setting,
    client_auth: Setting,
    min_version: Setting,
}

const GRPC: Names = Names {
    certificate: tls_settings::TLS_CERT,
    key: tls_settings::TLS_KEY,
    client_authorities: tls_settings::TLS_CLIENT_CA,
    client_auth: tls_settings::TLS_CLIENT_AUTH,
    min_version: tls_settings::TLS_MIN_VERSION,
};

const HTTP: Names = Names {
    certificate: tls_settings::HTTP_TLS_CERT,
    key: tls_settings::HTTP_TLS_KEY,
    client_authorities: tls_settings::HTTP_TLS_CLIENT_CA,
    client_auth: tls_settings::HTTP_TLS_CLIENT_AUTH,
    min_version: tls_settings::HTTP_TLS_MIN_VERSION,
};

/// The TLS of each listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) grpc: Option<Files>,
    pub(super) http: Option<Files>,
    pub(super) admin: Option<Files>,
}

/// What is given for one listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Given {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_authorities: Option<PathBuf>,
    client_auth: Option<ClientAuth>,
    min_version: Option<MinVersion>,
}

impl Reader<'_> {
    /// The TLS of each listener; HTTP's is gRPC's where it does not differ. A listener on a Unix socket has none.
    pub(super) fn tls(
        &mut self,
        profile: Profile,
        grpc: &Address,
        http: &Address,
        admin: Option<&Address>,
    ) -> Tls {
        let (of_grpc, of_http) = (self.given_tls(&GRPC), self.given_tls(&HTTP));
        let http_tls = self.given(tls_settings::HTTP_TLS, on_or_off);
        let plaintext = self.read_in(profile, settings::PLAINTEXT, on_or_off) != Some(false);
        let problems = self.problems.0.len();
        self.pair(&GRPC, &of_grpc);
        self.pair(&HTTP, &of_http);
        let of_grpc_files = self.files(&GRPC, of_grpc.clone());
        let of_http_files = match http_tls {
            Some(false) => self.without_tls(),
            // Not checked once more: a problem is told once.
            _ if of_http == Given::default() => of_grpc_files.clone(),
            _ => self.files(&HTTP, of_http.or(of_grpc)),
        };
        self.really(http_tls, of_http_files.is_some());
        let over_tcp =
            |address: &Address, files: Option<Files>| files.filter(|_| address.tcp().is_some());
        let tls = Tls {
            admin: admin.and_then(|address| over_tcp(address, of_grpc_files.clone())),
            grpc: over_tcp(grpc, of_grpc_files),
            http: over_tcp(http, of_http_files),
        };
        // A listener whose certificate is only half given is not one that is meant to be without.
        if !plaintext && self.problems.0.len() == problems {
            self.no_plaintext(settings::GRPC_ADDR, grpc, tls.grpc.as_ref(), None);
            self.no_plaintext(settings::HTTP_ADDR, http, tls.http.as_ref(), http_tls);
            if let Some(admin) = admin {
                self.no_plaintext(settings::ADMIN_ADDR, admin, tls.admin.as_ref(), None);
            }
        }
        tls
    }

    fn given_tls(&mut self, names: &Names) -> Given {
        let mut path = |setting| self.given(setting, |path| Ok(PathBuf::from(path)));
        Given {
            certificate: path(names.certificate),
            key: path(names.key),
            client_authorities: path(names.client_authorities),
            client_auth: self.given(names.client_auth, client_auth),
            min_version: self.given(names.min_version, min_version),
        }
    }

    /// A certificate and its key come together.
    fn pair(&mut self, names: &Names, given: &Given) {
        let (missing, beside) = match (&given.certificate, &given.key) {
            (Some(_), None) => (names.key, names.certificate),
            (None, Some(_)) => (names.certificate, names.key),
            (Some(_), Some(_)) | (None, None) => return,
        };
        self.problems.add(missing, format!("must be set beside {}", beside.name));
    }

    /// The files of a listener, if it has a certificate. What is given and never read is a mistake.
    fn files(&mut self, names: &Names, given: Given) -> Option<Files> {
        let (Some(certificate), Some(key)) = (given.certificate, given.key) else {
            let text = format!("is of use with {} only", names.certificate.name);
            self.none_of([names.client_authorities, names.client_auth, names.min_version], &text);
            return None;
        };
        let mut client_auth = given.client_auth.unwrap_or_default();
        let (ca, auth) = (names.client_authorities, names.client_auth);
        if client_auth == ClientAuth::Off {
            self.none_of([ca], &format!("is of use with {}=optional or required only", auth.name));
        } else if given.client_authorities.is_none() {
            let text = format!("must be set with {}: the authorities of clients", auth.name);
            self.problems.add(ca, text);
            // A problem is told once: the files are looked at as if there was nothing to ask for.
            client_auth = ClientAuth::Off;
        }
        let (min_version, client_authorities) =
            (given.min_version.unwrap_or_default(), given.client_authorities);
        Some(Files { certificate, key, client_authorities, client_auth, min_version })
    }

    /// HTTP without TLS.
    fn without_tls(&mut self) -> Option<Files> {
        let Names { certificate, key, client_authorities, client_auth, min_version } = HTTP;
        let text = format!("is of no use with {}=off", tls_settings::HTTP_TLS.name);
        self.none_of([certificate, key, client_authorities, client_auth, min_version], &text);
        None
    }

    /// TLS that is asked for needs a certificate.
    fn really(&mut self, asked: Option<bool>, has_files: bool) {
        if asked == Some(true) && !has_files {
            let (certificate, key) = (GRPC.certificate.name, GRPC.key.name);
            let text = format!("is on: {certificate} and {key} must be set, or those of HTTP");
            self.problems.add(tls_settings::HTTP_TLS, text);
        }
    }

    fn none_of<const N: usize>(&mut self, settings: [Setting; N], text: &str) {
        for setting in settings {
            if self.settings.get(setting).is_some() {
                self.problems.add(setting, text);
            }
        }
    }

    /// Plaintext over a network shows passwords and tokens to all on the way: only where it is asked for by name.
    fn no_plaintext(
        &mut self,
        setting: Setting,
        address: &Address,
        tls: Option<&Files>,
        switch: Option<bool>,
    ) {
        if tls.is_some() || address.is_local() {
            return;
        }
        let way = match switch {
            Some(false) => format!("leave out {}=off", tls_settings::HTTP_TLS.name),
            Some(true) | None => {
                format!("set {} and {}", GRPC.certificate.name, GRPC.key.name)
            }
        };
        let text = format!(
            "{address} is not loopback, and without TLS passwords and tokens would cross the network in plaintext: \
             {way}; or {}=on where a mesh or a proxy encrypts",
            settings::PLAINTEXT.name
        );
        self.problems.add(setting, text);
    }

    /// Looks at the files themselves: `serve` alone needs them.
    pub(super) fn certificates(&mut self, grpc: Option<&Files>, http: Option<&Files>) {
        let of_http = http.filter(|_| http != grpc);
        for (names, files) in [(GRPC, grpc), (HTTP, of_http)] {
            let Some(Err(problem)) = files.map(Files::check) else { continue };
            let (own, inherited) = match problem.part {
                Part::Certificate => (names.certificate, GRPC.certificate),
                Part::Key => (names.key, GRPC.key),
                Part::ClientAuthorities => (names.client_authorities, GRPC.client_authorities),
            };
            let is_own = self.settings.get(own).is_some();
            self.problems.add_of_value(if is_own { own } else { inherited }, problem.text);
        }
    }

    /// The certificate and the key that the health check shows, where clients show one; and whether there is TLS.
    pub(super) fn probe_tls(&mut self) -> (bool, Option<(PathBuf, PathBuf)>) {
        let mut path = |setting| self.given(setting, |path| Ok(PathBuf::from(path)));
        let (certificate, key) = (path(GRPC.certificate), path(GRPC.key));
        let has_tls = certificate.is_some();
        let auth = self.given(GRPC.client_auth, client_auth).unwrap_or_default();
        let identity = certificate.zip(key).filter(|_| auth != ClientAuth::Off);
        (has_tls, identity)
    }
}

impl Given {
    /// These, and those of `other` where there are none. A certificate and its key come from one of them.
    fn or(self, other: Self) -> Self {
        let pair = |given: &Self| given.certificate.is_some() || given.key.is_some();
        let (certificate, key) =
            if pair(&self) { (self.certificate, self.key) } else { (other.certificate, other.key) };
        Self {
            certificate,
            key,
            client_authorities: self.client_authorities.or(other.client_authorities),
            client_auth: self.client_auth.or(other.client_auth),
            min_version: self.min_version.or(other.min_version),
        }
    }
}

fn client_auth(text: &str) -> Result<ClientAuth, String> {
    match text {
        "off" => Ok(ClientAuth::Off),
        "optional" => Ok(ClientAuth::Optional),
        "required" => Ok(ClientAuth::Required),
        _ => Err("must be off, optional or required".to_owned()),
    }
}

fn min_version(text: &str) -> Result<MinVersion, String> {
    match text {
        "1.2" => Ok(MinVersion::Tls12),
        "1.3" => Ok(MinVersion::Tls13),
        _ => Err("must be 1.2 or 1.3".to_owned()),
    }
}
