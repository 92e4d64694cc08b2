//! The files, and what is to be made of them.

use std::{fs, path::PathBuf};

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::problem::{Part, Problem};

/// Whether clients show a certificate; the later one asks for more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    Off,
    /// They may. One that they show must be valid.
    Optional,
    /// They must.
    Required,
}

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2, with AEAD suites.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The files of a listener, in PEM, and what they are used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, then those that it was issued by.
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    pub key: PathBuf,
    /// The authorities that issue client certificates.
    pub client_authorities: Option<PathBuf>,
    /// Whether clients show a certificate. Other than [`ClientAuth::Off`] only with authorities.
    pub client_auth: ClientAuth,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
}

/// What the files held when they were read.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) client_authorities: Option<Vec<u8>>,
}

/// The digest of contents: equal ones are the same files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

impl Files {
    /// Reads all files.
    pub(super) fn read(&self) -> Result<Contents, Problem> {
        let read = |part, path: &PathBuf| {
            fs::read(path).map_err(|error| self.problem(part, format!("can't be read: {error}")))
        };
        let authorities = || {
            let path = self.client_authorities.as_ref().filter(|_| self.asks_clients())?;
            Some(read(Part::ClientAuthorities, path))
        };
        Ok(Contents {
            certificate: read(Part::Certificate, &self.certificate)?,
            key: read(Part::Key, &self.key).map(Zeroizing::new)?,
            client_authorities: authorities().transpose()?,
        })
    }

    pub(super) fn asks_clients(&self) -> bool {
        self.client_auth != ClientAuth::Off
    }

    /// A problem of one of these files.
    pub(super) fn problem(&self, part: Part, text: impl Into<String>) -> Problem {
        let path = match part {
            Part::Certificate => self.certificate.clone(),
            Part::Key => self.key.clone(),
            Part::ClientAuthorities => self.client_authorities.clone().unwrap_or_default(),
        };
        Problem { part, path, text: text.into(), passes: false }
    }
}

impl Contents {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut context = digest::Context::new(&digest::SHA256);
        let authorities = self.client_authorities.as_deref().unwrap_or_default();
        for file in [&self.certificate, &*self.key, authorities] {
            context.update(digest::digest(&digest::SHA256, file).as_ref());
        }
        let mut fingerprint = [0; digest::SHA256_OUTPUT_LEN];
        fingerprint.copy_from_slice(context.finish().as_ref());
        Fingerprint(fingerprint)
    }
}
