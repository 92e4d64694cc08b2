//! An authenticator, and the browser before it, of the tests' own. A test takes a valid message and breaks a part of it; what is
//! signed is signed afterwards.

use std::sync::OnceLock;

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Algorithm, Challenge, StoredCredential, UserHandle};

pub(super) const UP: u8 = 0x01;
pub(super) const UV: u8 = 0x04;
pub(super) const BE: u8 = 0x08;
pub(super) const BS: u8 = 0x10;
pub(super) const AT: u8 = 0x40;
pub(super) const ED: u8 = 0x80;

pub(super) fn challenge() -> Challenge {
    Challenge::from_bytes([7; 32])
}

pub(super) fn user_handle() -> UserHandle {
    UserHandle::from_bytes([9; 64])
}

/// The head of an item of CBOR, in its shortest form.
pub(super) fn head(major: u8, number: usize) -> Vec<u8> {
    let number = u16::try_from(number).unwrap();
    match (number, u8::try_from(number)) {
        (0..=23, Ok(small)) => vec![major << 5 | small],
        (_, Ok(small)) => vec![major << 5 | 24, small],
        (_, Err(_)) => [&[major << 5 | 25][..], &number.to_be_bytes()].concat(),
    }
}

pub(super) fn integer(number: i32) -> Vec<u8> {
    let (major, number) = if number < 0 { (1, -1 - number) } else { (0, number) };
    head(major, usize::try_from(number).unwrap())
}

pub(super) fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

/// A map of what is encoded already, in this order.
pub(super) fn map(members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let members = members.iter().flat_map(|(key, value)| [key.clone(), value.clone()]);
    [head(5, members.clone().count() / 2), members.collect::<Vec<_>>().concat()].concat()
}

/// A COSE key, by its labels.
pub(super) fn cose(members: &[(i32, Vec<u8>)]) -> Vec<u8> {
    map(&members.iter().map(|(label, value)| (integer(*label), value.clone())).collect::<Vec<_>>())
}

/// A private key.
pub(super) enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(Box<RsaKeyPair>),
}

impl Pair {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => {
                Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
            }
            Algorithm::EdDsa => Self::EdDsa(Ed25519KeyPair::generate().unwrap()),
            Algorithm::Rs256 => {
                // One is enough: making it takes long.
                static PKCS8: OnceLock<Vec<u8>> = OnceLock::new();
                let pkcs8 = PKCS8.get_or_init(|| {
                    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                    der.as_ref().to_vec()
                });
                Self::Rs256(Box::new(RsaKeyPair::from_pkcs8(pkcs8).unwrap()))
            }
        }
    }

    fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                cose(&[
                    (1, integer(2)),
                    (3, integer(-7)),
                    (-1, integer(1)),
                    (-2, bytes(&point[1..33])),
                    (-3, bytes(&point[33..])),
                ])
            }
            Self::EdDsa(pair) => {
                let x = bytes(pair.public_key().as_ref());
                cose(&[(1, integer(1)), (3, integer(-8)), (-1, integer(6)), (-2, x)])
            }
            Self::Rs256(pair) => {
                // RSAPublicKey in DER: of 2,048 bits, the modulus has 256 bytes, and the exponent is 65,537.
                let der = pair.public_key().as_ref();
                let (n, e) = (bytes(&der[9..265]), bytes(&der[der.len() - 3..]));
                cose(&[(1, integer(3)), (3, integer(-257)), (-1, n), (-2, e)])
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// What both ceremonies' messages have.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) client: Value,
    /// Instead of `client`.
    pub(super) client_bytes: Option<Vec<u8>>,
    pub(super) id: Vec<u8>,
    pub(super) rp_id: &'static str,
    pub(super) flags: u8,
    pub(super) sign_count: u32,
    /// AAGUID, length, id, key.
    pub(super) attested: Vec<u8>,
    pub(super) extensions: Vec<u8>,
    pub(super) trailing: Vec<u8>,
}

impl Parts {
    fn client_data(&self) -> Vec<u8> {
        self.client_bytes.clone().unwrap_or_else(|| self.client.to_string().into_bytes())
    }

    fn authenticator_data(&self) -> Vec<u8> {
        let hash = digest(&SHA256, self.rp_id.as_bytes());
        let head = [hash.as_ref(), &[self.flags], &self.sign_count.to_be_bytes()].concat();
        [head, self.attested.clone(), self.extensions.clone(), self.trailing.clone()].concat()
    }

    pub(super) fn signed(&self) -> Vec<u8> {
        let hash = digest(&SHA256, &self.client_data());
        [&self.authenticator_data(), hash.as_ref()].concat()
    }

    fn json(&self, response: &Value) -> Value {
        let id = URL_SAFE_NO_PAD.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {}, "response": response,
        })
    }
}

/// A registration that is about to be sent.
pub(super) struct Registering<'a> {
    pub(super) parts: Parts,
    pub(super) format: &'static str,
    /// What is in the statement, instead of what belongs there.
    pub(super) statement: Option<Vec<u8>>,
    /// What is sent instead of the attestation object.
    pub(super) object: Option<Vec<u8>>,
    pub(super) pair: &'a Pair,
}

impl Registering<'_> {
    pub(super) fn object(&self) -> Vec<u8> {
        let statement = self.statement.clone().unwrap_or_else(|| match self.format {
            "packed" => {
                let algorithm = match self.pair {
                    Pair::Es256(_) => -7,
                    Pair::EdDsa(_) => -8,
                    Pair::Rs256(_) => -257,
                };
                let signature = bytes(&self.pair.sign(&self.parts.signed()));
                map(&[(text("alg"), integer(algorithm)), (text("sig"), signature)])
            }
            _ => map(&[]),
        });
        map(&[
            (text("fmt"), text(self.format)),
            (text("attStmt"), statement),
            (text("authData"), bytes(&self.parts.authenticator_data())),
        ])
    }

    pub(super) fn json(&self) -> Value {
        let object = self.object.clone().unwrap_or_else(|| self.object());
        self.parts.json(&json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(self.parts.client_data()),
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "transports": ["internal", "hybrid"],
        }))
    }
}

/// An authenticator with one credential.
pub(super) struct Authenticator {
    pub(super) pair: Pair,
    pub(super) id: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) handle: UserHandle,
}

impl Authenticator {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let pair = Pair::new(algorithm);
        Self { key: pair.cose(), pair, id: vec![5; 32], handle: user_handle() }
    }

    /// AAGUID, length, id and key, as they stand in authenticator data.
    pub(super) fn attested(id: &[u8], key: &[u8]) -> Vec<u8> {
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        [&[3; 16], &length[..], id, key].concat()
    }

    fn parts(&self, ceremony: &str, flags: u8, sign_count: u32, attested: Vec<u8>) -> Parts {
        let client = json!({
            "type": ceremony,
            "challenge": URL_SAFE_NO_PAD.encode(challenge().expose()),
            "origin": "https://example.org",
            "crossOrigin": false,
        });
        Parts {
            client,
            client_bytes: None,
            id: self.id.clone(),
            rp_id: "example.org",
            flags,
            sign_count,
            attested,
            extensions: Vec::new(),
            trailing: Vec::new(),
        }
    }

    pub(super) fn register(&self, format: &'static str) -> Registering<'_> {
        let attested = Self::attested(&self.id, &self.key);
        let parts = self.parts("webauthn.create", UP | UV | BE | AT, 1, attested);
        Registering { parts, format, statement: None, object: None, pair: &self.pair }
    }

    pub(super) fn assert(&self) -> Parts {
        self.parts("webauthn.get", UP | UV | BE | BS, 2, Vec::new())
    }

    pub(super) fn sign(&self, parts: &Parts) -> Value {
        parts.json(&json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(parts.client_data()),
            "authenticatorData": URL_SAFE_NO_PAD.encode(parts.authenticator_data()),
            "signature": URL_SAFE_NO_PAD.encode(self.pair.sign(&parts.signed())),
            "userHandle": URL_SAFE_NO_PAD.encode(self.handle.as_bytes()),
        }))
    }

    /// What was stored of its registration.
    pub(super) fn stored(&self) -> StoredCredential<'_> {
        StoredCredential {
            id: &self.id,
            user_handle: &self.handle,
            public_key: &self.key,
            sign_count: 1,
            backup_eligible: true,
        }
    }
}
