//! Trusted certificate authorities for the servers that this one calls.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Mozilla's authorities, compiled in, and the operator's. Those of the system are not used: an image without any works the
/// same.
#[derive(Debug, Clone, Default)]
pub struct Trust(Vec<CertificateDer<'static>>);

impl Trust {
    /// Parses further authorities: certificates in PEM.
    ///
    /// # Errors
    /// A malformed certificate, and a file without any.
    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let wanted = "must name a file with certificates in PEM";
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{wanted}: {error}"))?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| format!("{wanted}: {error}"))?;
        }
        if certificates.is_empty() { Err(wanted.to_owned()) } else { Ok(Self(certificates)) }
    }

    /// The TLS configuration of clients.
    ///
    /// # Errors
    /// The TLS library's own.
    pub fn client(&self) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(self.0.iter().cloned());
        let versions = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?;
        Ok(versions.with_root_certificates(roots).with_no_client_auth())
    }
}
