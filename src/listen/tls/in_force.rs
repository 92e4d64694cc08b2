//! One configuration of TLS, made of files that were read together.

use std::{sync::Arc, time::SystemTime};

use rustls::{
    CertificateError, Error, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs::default_provider},
    pki_types::{CertificateDer, UnixTime},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use super::{
    certificate::{end_of, is_certificate},
    files::{ClientAuth, Contents, Files, Fingerprint, MinVersion},
    pem,
    problem::{Part, Problem},
    sessions::Sessions,
};

/// The protocol inside, as ALPN (RFC 7301) names it. A client that offers others alone is refused; one that offers none
/// is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `h2`: gRPC.
    Http2,
    /// `http/1.1`.
    Http1,
    /// Both.
    Either,
}

/// A configuration. A renewal makes a wholly new one, with sessions of its own: a client that an authority no longer
/// vouches for, or that saw an old certificate, can't resume what began under the one before (rustls, `ServerConfig`,
/// "Sharing resumption storage").
#[derive(Debug)]
pub(crate) struct InForce {
    server: Arc<ServerConfig>,
    sessions: Arc<Sessions>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    /// The certificate's file.
    certificate: Vec<u8>,
    /// The files that it was made of.
    pub(super) fingerprint: Fingerprint,
    /// When the certificate expires.
    pub(super) end: SystemTime,
}

impl InForce {
    /// Makes a configuration of the files, in place of the one before.
    ///
    /// # Errors
    /// What can't be used: a damaged file, an expired certificate, a key of another one.
    pub(super) fn of(
        files: &Files,
        contents: &Contents,
        protocol: Protocol,
        before: Option<&Self>,
    ) -> Result<Self, Problem> {
        let of = |part| move |text: String| files.problem(part, text);
        let chain = pem::certificates(&contents.certificate).map_err(of(Part::Certificate))?;
        // A certificate that is in force already was judged when it came. Other files do not wait until one that has expired
        // since is renewed: an authority that leaked is taken off at once.
        let end = match before.filter(|before| before.certificate == contents.certificate) {
            Some(before) => before.end,
            None => usable_until(files, &chain)?,
        };
        let key = pem::private_key(&contents.key).map_err(of(Part::Key))?;
        let provider = Arc::new(default_provider());
        let clients = clients(files, contents, &provider)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(files.min_version.spoken())
            .map_err(|error| files.problem(Part::Certificate, error.to_string()))?;
        let builder = match &clients {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder.with_single_cert(chain, key).map_err(|error| {
            let text = if let Error::InconsistentKeys(_) = error {
                "does not belong to the certificate".to_owned()
            } else {
                format!("can't be used: {error}")
            };
            files.problem(Part::Key, text)
        })?;
        let sessions = Sessions::new();
        server.session_storage = Arc::<Sessions>::clone(&sessions);
        server.alpn_protocols = protocol.names().iter().map(|name| name.to_vec()).collect();
        let fingerprint = contents.fingerprint();
        let certificate = contents.certificate.clone();
        Ok(Self { server: Arc::new(server), sessions, clients, certificate, fingerprint, end })
    }

    /// The configuration for one handshake.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// Checks the client certificate of a resumed session once more: rustls verifies it only when the session begins.
    ///
    /// # Errors
    /// It is no longer valid, such as expired. Sessions are forgotten, so that a client with another certificate by now
    /// shows it at its next try.
    pub(crate) fn check_resumed(&self, connection: &ServerConnection) -> Result<(), Error> {
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let Some(verifier) = self.clients.as_ref().filter(|_| resumed) else { return Ok(()) };
        // Without a certificate it began as an anonymous one, which the verifier takes or not as before.
        let Some((leaf, others)) =
            connection.peer_certificates().and_then(<[CertificateDer<'_>]>::split_first)
        else {
            return if verifier.client_auth_mandatory() {
                Err(CertificateError::BadEncoding.into())
            } else {
                Ok(())
            };
        };
        verifier
            .verify_client_cert(leaf, others, UnixTime::now())
            .map(|_verified| ())
            .inspect_err(|_error| self.sessions.forget())
    }
}

impl Files {
    /// Whether the files can be used now.
    ///
    /// # Errors
    /// The first that can't.
    pub fn check(&self) -> Result<(), Problem> {
        InForce::of(self, &self.read()?, Protocol::Http2, None).map(|_usable| ())
    }
}

impl MinVersion {
    fn spoken(self) -> &'static [&'static SupportedProtocolVersion] {
        static FROM_12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        static FROM_13: [&SupportedProtocolVersion; 1] = [&TLS13];
        match self {
            Self::Tls12 => &FROM_12,
            Self::Tls13 => &FROM_13,
        }
    }
}

impl Protocol {
    /// The names, the one that we like best first.
    pub(super) fn names(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http2 => &[b"h2"],
            Self::Http1 => &[b"http/1.1"],
            Self::Either => &[b"h2", b"http/1.1"],
        }
    }
}

/// When the certificate ends, if clients accept it now and the rest of the file is certificates.
fn usable_until(files: &Files, chain: &[CertificateDer<'_>]) -> Result<SystemTime, Problem> {
    let problem = |text: String| files.problem(Part::Certificate, text);
    let [leaf, others @ ..] = chain else { return Err(problem("is empty".to_owned())) };
    let end = end_of(leaf).map_err(|(text, passes)| Problem { passes, ..problem(text) })?;
    match others.iter().position(|other| !is_certificate(other)) {
        Some(place) => Err(problem(format!("is damaged: its part {} is unreadable", place + 2))),
        None => Ok(end),
    }
}

/// The verifier of client certificates: issued by one of the authorities, valid now, for clients (extended key usage).
fn clients(
    files: &Files,
    contents: &Contents,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Problem> {
    let problem = |text: String| files.problem(Part::ClientAuthorities, text);
    if !files.asks_clients() {
        return Ok(None);
    }
    let pem = contents.client_authorities.as_deref().unwrap_or_default();
    let mut roots = RootCertStore::empty();
    for authority in pem::certificates(pem).map_err(problem)? {
        roots.add(authority).map_err(|error| problem(format!("can't be used: {error}")))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match files.client_auth {
        ClientAuth::Optional => builder.allow_unauthenticated(),
        ClientAuth::Required | ClientAuth::Off => builder,
    };
    builder.build().map(Some).map_err(|error| problem(format!("can't be used: {error}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// Writes a certificate that has expired, or not.
    fn write(files: &Files, has_expired: bool) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        if has_expired {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
    }

    #[test]
    fn authorities_are_exchanged_though_the_certificate_in_force_has_expired() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files {
            certificate: folder.path().join("tls.crt"),
            key: folder.path().join("tls.key"),
            client_authorities: None,
            client_auth: ClientAuth::Off,
            min_version: MinVersion::Tls12,
        };
        write(&files, false);
        let valid = InForce::of(&files, &files.read().unwrap(), Protocol::Http2, None).unwrap();
        write(&files, true);
        let contents = files.read().unwrap();
        let in_force = InForce { certificate: contents.certificate.clone(), ..valid };
        files.client_authorities = Some(files.certificate.clone());
        files.client_auth = ClientAuth::Required;
        let contents = files.read().unwrap();
        for (before, is_taken) in [(Some(&in_force), true), (None, false)] {
            let made = InForce::of(&files, &contents, Protocol::Http2, before);
            assert_eq!(made.is_ok(), is_taken, "{made:?}");
        }
        write(&files, true);
        let other = files.read().unwrap();
        assert!(InForce::of(&files, &other, Protocol::Http2, Some(&in_force)).is_err());
    }
}
