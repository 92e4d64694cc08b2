//! Public keys of credentials: COSE keys (RFC 9052, section 7) with the parameters of their algorithm and no others, as
//! section 6.5.1 of WebAuthn has them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::{Algorithm, Refused, cbor::Item, ed25519_point::is_sound_point};

// Labels (RFC 9052, section 7.1; RFC 9053, section 7; RFC 8230, section 4).
const KTY: Item<'_> = Item::Integer(1);
const ALG: Item<'_> = Item::Integer(3);
const CRV: Item<'_> = Item::Integer(-1);
const X: Item<'_> = Item::Integer(-2);
const Y: Item<'_> = Item::Integer(-3);
const N: Item<'_> = Item::Integer(-1);
const E: Item<'_> = Item::Integer(-2);

/// A public key.
#[derive(Debug)]
pub(super) enum Key<'a> {
    /// An uncompressed point (SEC 1).
    Es256([u8; 65]),
    EdDsa(&'a [u8; 32]),
    /// Modulus and exponent, big-endian.
    Rs256(RsaPublicKeyComponents<&'a [u8]>),
}

impl<'a> Key<'a> {
    /// Reads a COSE key.
    ///
    /// # Errors
    /// An algorithm that was not offered, or parameters that are not its own.
    pub(super) fn parse(cose: &Item<'a>) -> Result<Self, Refused> {
        let Some(Item::Integer(algorithm)) = cose.get(&ALG) else {
            return Err(Refused::KeyParameters);
        };
        let algorithm = Algorithm::of_cose(*algorithm).ok_or(Refused::Algorithm)?;
        let key = match algorithm {
            Algorithm::EdDsa => Self::eddsa(cose),
            Algorithm::Es256 => Self::es256(cose),
            Algorithm::Rs256 => Self::rs256(cose),
        };
        key.ok_or(Refused::KeyParameters)
    }

    fn eddsa(cose: &Item<'a>) -> Option<Self> {
        has(cose, 1, Some(6), 4)?;
        Some(Self::EdDsa(bytes(cose, &X)?.try_into().ok()?))
    }

    fn es256(cose: &Item<'a>) -> Option<Self> {
        has(cose, 2, Some(1), 5)?;
        let x: &[u8; 32] = bytes(cose, &X)?.try_into().ok()?;
        let y: &[u8; 32] = bytes(cose, &Y)?.try_into().ok()?;
        let mut point = [4; 65];
        point[1..33].copy_from_slice(x);
        point[33..].copy_from_slice(y);
        Some(Self::Es256(point))
    }

    fn rs256(cose: &Item<'a>) -> Option<Self> {
        has(cose, 3, None, 4)?;
        Some(Self::Rs256(RsaPublicKeyComponents { n: bytes(cose, &N)?, e: bytes(cose, &E)? }))
    }

    /// Checks what a key must have before it is stored: a point on its curve, a modulus of a fair size.
    ///
    /// # Errors
    /// [`Refused::KeyValue`].
    pub(super) fn check(&self) -> Result<(), Refused> {
        let sound = match self {
            Self::EdDsa(point) => is_sound_point(point),
            Self::Es256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).is_ok(),
            Self::Rs256(RsaPublicKeyComponents { n, e }) => is_modulus(n) && is_exponent(e),
        };
        if sound { Ok(()) } else { Err(Refused::KeyValue) }
    }

    /// The algorithm of its signatures.
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::EdDsa(_) => Algorithm::EdDsa,
            Self::Es256(_) => Algorithm::Es256,
            Self::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// Verifies a signature; one of ECDSA is in DER (section 6.5.5).
    ///
    /// # Errors
    /// [`Refused::Signature`].
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let verified = match self {
            Self::EdDsa(x) => UnparsedPublicKey::new(&ED25519, x).verify(message, signature),
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Rs256(components) => {
                components.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        verified.map_err(|_unspecified| Refused::Signature)
    }
}

/// `None` unless a COSE key is of that type and curve, and has so many parameters.
fn has(cose: &Item<'_>, kty: i128, crv: Option<i128>, parameters: usize) -> Option<()> {
    let number = |label, number| cose.get(label) == Some(&Item::Integer(number));
    let Item::Map(members) = cose else { return None };
    let is_of_type = number(&KTY, kty) && crv.is_none_or(|crv| number(&CRV, crv));
    (is_of_type && members.len() == parameters).then_some(())
}

fn bytes<'a>(cose: &Item<'a>, label: &Item<'_>) -> Option<&'a [u8]> {
    match cose.get(label)? {
        Item::Bytes(bytes) => Some(bytes),
        Item::Integer(_) | Item::Text(_) | Item::Array(_) | Item::Map(_) | Item::Simple => None,
    }
}

/// 2,048 to 4,096 bits: strong enough, and no load to verify by. Without leading zeros (RFC 8230, section 4), and odd.
fn is_modulus(n: &[u8]) -> bool {
    let Some((first, last)) = n.first().zip(n.last()) else { return false };
    let fits = match n.len() {
        256 => *first >= 0x80,
        257..=512 => *first != 0,
        _ => false,
    };
    fits && last % 2 == 1
}

/// Odd, and 65,537 at the least, as FIPS 186-5 (section 5.4) has it; at most four bytes, which bounds the work.
fn is_exponent(e: &[u8]) -> bool {
    let value = e.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
    e.len() <= 4 && e.first().is_some_and(|first| *first != 0) && value % 2 == 1 && value >= 65_537
}
