//! Certificates of servers that only tests trust.

use std::sync::Arc;

use countersign::delivery::Trust;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs::default_provider, pki_types::PrivateKeyDer},
};

/// A server's certificate, made just now, and what it takes to believe it.
pub struct Certificate {
    pub acceptor: TlsAcceptor,
    pub pem: String,
}

impl Certificate {
    /// For a server of that name, signed by itself.
    pub fn of(name: &str) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), pem: cert.pem() }
    }

    pub fn trust(&self) -> Trust {
        Trust::parse(self.pem.as_bytes()).unwrap()
    }
}
