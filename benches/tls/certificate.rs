//! A certificate, made just now, and clients that believe it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign::listen::tls::{ClientAuth, Files, MinVersion};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
};

pub(crate) struct Certificate {
    der: CertificateDer<'static>,
    key: Vec<u8>,
    folder: PathBuf,
}

impl Certificate {
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(folder.join("tls.crt"), cert.pem())?;
        fs::write(folder.join("tls.key"), signing_key.serialize_pem())?;
        let (der, key) = (cert.der().clone(), signing_key.serialize_der());
        Ok(Self { der, key, folder: folder.to_owned() })
    }

    pub(crate) fn files(&self) -> Files {
        Files {
            certificate: self.folder.join("tls.crt"),
            key: self.folder.join("tls.key"),
            client_authorities: None,
            client_auth: ClientAuth::Off,
            min_version: MinVersion::Tls12,
        }
    }

    /// The same settings for a bare server.
    pub(crate) fn bare(&self) -> anyhow::Result<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![self.der.clone()],
                PrivateKeyDer::Pkcs8(self.key.clone().into()),
            )?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// A client whose every handshake is a full one.
    pub(crate) fn client(&self) -> anyhow::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}
