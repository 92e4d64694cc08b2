//! The certificate of a listener, and its renewal while the server runs.
//!
//! The contents of the files are compared, again and again (ADR 33): that sees every way of changing them: rewritten in
//! place, renamed over, Kubernetes' symlink swap. Changed files count once two looks in a row have seen them the same:
//! between them a writer may be halfway through a chain, or between certificate and key.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::SystemTime,
};

use super::{
    figures::{Figures, Renewals},
    files::{Contents, Files, Fingerprint},
    in_force::{InForce, Protocol},
    problem::Problem,
};

/// The TLS of one listener.
#[derive(Debug)]
pub struct Tls {
    listener: &'static str,
    files: Files,
    protocol: Protocol,
    in_force: RwLock<Arc<InForce>>,
    seen: Mutex<Seen>,
    renewals: Renewals,
}

/// What the looks before have seen.
#[derive(Debug)]
struct Seen {
    last: Found,
    /// The files that are refused, and why.
    refused: Option<(Found, Problem)>,
}

/// What a look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Files(Fingerprint),
    Unreadable(Problem),
}

impl Tls {
    /// Reads the files of the listener of that name.
    ///
    /// # Errors
    /// The first file that can't be used.
    pub fn load(
        listener: &'static str,
        files: Files,
        protocol: Protocol,
        figures: &Figures,
    ) -> Result<Self, Problem> {
        let in_force = InForce::of(&files, &files.read()?, protocol, None)?;
        let renewals = figures.renewals(listener);
        renewals.expires(in_force.end, SystemTime::now());
        tracing::info!(listener, expires = told(&in_force), "TLS");
        let last = Found::Files(in_force.fingerprint);
        let seen = Mutex::new(Seen { last, refused: None });
        let in_force = RwLock::new(Arc::new(in_force));
        Ok(Self { listener, files, protocol, in_force, seen, renewals })
    }

    /// The configuration for new connections.
    pub(crate) fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files, and takes new ones if they can be used. `at_once`: also when no look before this one has seen
    /// them. Reads files: not for an async thread.
    pub fn look(&self, at_once: bool) {
        let now = SystemTime::now();
        self.renewals.expires(self.in_force().end, now);
        let (found, contents) = match self.files.read() {
            Ok(contents) => (Found::Files(contents.fingerprint()), Ok(contents)),
            Err(problem) => (Found::Unreadable(problem.clone()), Err(problem)),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = std::mem::replace(&mut seen.last, found.clone()) == found;
        if found == Found::Files(self.in_force().fingerprint) {
            self.mended(&mut seen, at_once);
        } else if (settled || at_once) && !seen.has_refused(&found) {
            let loaded = contents.and_then(|contents| self.made_of(&contents));
            self.judge(&mut seen, found, loaded);
        }
    }

    fn made_of(&self, contents: &Contents) -> Result<InForce, Problem> {
        InForce::of(&self.files, contents, self.protocol, Some(&self.in_force()))
    }

    /// The files are those in force.
    fn mended(&self, seen: &mut Seen, at_once: bool) {
        if seen.refused.take().is_some() {
            self.renewals.mended();
            tracing::info!(
                listener = self.listener,
                "the certificate files are those in force again"
            );
        } else if at_once {
            tracing::info!(listener = self.listener, "the certificate files have not changed");
        }
    }

    /// The files have changed. What is refused is logged once.
    fn judge(&self, seen: &mut Seen, found: Found, loaded: Result<InForce, Problem>) {
        match loaded {
            Ok(loaded) => {
                let expires = told(&loaded);
                self.renewals.expires(loaded.end, SystemTime::now());
                *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                seen.refused = None;
                self.renewals.loaded();
                tracing::info!(listener = self.listener, expires, "a new certificate is in force");
            }
            Err(problem) => {
                let refused = Some((found, problem));
                if seen.refused == refused {
                    return;
                }
                self.renewals.refused();
                if let Some((_, why)) = &refused {
                    tracing::error!(
                        listener = self.listener,
                        %why,
                        "the certificate files are refused: those before stay in force"
                    );
                }
                seen.refused = refused;
            }
        }
    }
}

impl Seen {
    /// Whether these files were refused before, for what time does not mend.
    fn has_refused(&self, found: &Found) -> bool {
        self.refused.as_ref().is_some_and(|(files, why)| files == found && !why.passes)
    }
}

fn told(in_force: &InForce) -> String {
    humantime::format_rfc3339_seconds(in_force.end).to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::{
        super::files::{ClientAuth, MinVersion},
        *,
    };

    /// Writes a new pair, and says which certificate it is.
    fn renew(files: &Files) -> Vec<u8> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, cert.pem()).unwrap();
        fs::write(&files.key, signing_key.serialize_pem()).unwrap();
        cert.pem().into_bytes()
    }

    fn loaded() -> (tempfile::TempDir, Files, Tls) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files {
            certificate: folder.path().join("tls.crt"),
            key: folder.path().join("tls.key"),
            client_authorities: None,
            client_auth: ClientAuth::Off,
            min_version: MinVersion::Tls12,
        };
        renew(&files);
        let tls = Tls::load("test", files.clone(), Protocol::Http2, &Figures::default()).unwrap();
        (folder, files, tls)
    }

    fn is_in_force(tls: &Tls) -> bool {
        tls.files.read().unwrap().fingerprint() == tls.in_force().fingerprint
    }

    #[test]
    fn changed_files_count_once_two_looks_have_seen_the_same_or_at_once_when_asked() {
        let (_folder, files, tls) = loaded();
        renew(&files);
        tls.look(false);
        assert!(!is_in_force(&tls), "they may still be being written");
        // Changed once more: the wait begins anew.
        renew(&files);
        tls.look(false);
        assert!(!is_in_force(&tls));
        tls.look(false);
        assert!(is_in_force(&tls));
        renew(&files);
        tls.look(true);
        assert!(is_in_force(&tls));
    }

    #[test]
    fn what_a_writer_mends_before_the_next_look_is_not_refused() {
        let (_folder, files, tls) = loaded();
        let whole = renew(&files);
        fs::write(&files.certificate, &whole[..whole.len() / 2]).unwrap();
        tls.look(false);
        fs::write(&files.certificate, &whole).unwrap();
        tls.look(false);
        tls.look(false);
        assert!(is_in_force(&tls));
        assert_eq!(tls.renewals.refused.get(), 0);
    }

    #[test]
    fn each_renewal_has_sessions_of_its_own() {
        let (_folder, files, tls) = loaded();
        let before = tls.in_force().server();
        before.session_storage.put(vec![1], vec![2]);
        renew(&files);
        tls.look(true);
        assert_eq!(before.session_storage.get(&[1]), Some(vec![2]));
        assert_eq!(tls.in_force().server().session_storage.get(&[1]), None);
    }
}
