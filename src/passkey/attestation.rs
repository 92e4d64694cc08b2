//! Attestation objects (section 6.5.4): the authenticator data of a new credential, and a statement about its maker.
//!
//! No attestation is asked for, and none counts: ADR 49 says why. What can be checked without anybody's certificate is.

use super::{Refused, cbor::Item, key::Key};

/// The longest name of a format (section 8.1).
const LONGEST_FORMAT: usize = 32;

/// An attestation object, taken apart.
pub(super) struct AttestationObject<'a> {
    pub(super) authenticator_data: &'a [u8],
    format: &'a str,
    statement: Item<'a>,
}

impl<'a> AttestationObject<'a> {
    /// Takes one apart.
    ///
    /// # Errors
    /// No CBOR, or not with these members.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        let object = Item::read(bytes).map_err(Refused::AttestationObject)?;
        let member = |name| object.get(&Item::Text(name));
        let (Some(Item::Bytes(authenticator_data)), Some(Item::Text(format)), Some(statement)) =
            (member("authData"), member("fmt"), member("attStmt"))
        else {
            return Err(Refused::AttestationMembers);
        };
        let is_letter = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !(1..=LONGEST_FORMAT).contains(&format.len()) || !format.bytes().all(is_letter) {
            return Err(Refused::AttestationMembers);
        }
        Ok(Self { authenticator_data, format, statement: statement.clone() })
    }

    /// Checks the statement. `signed` is what it is about.
    ///
    /// # Errors
    /// A statement where there is to be none (section 8.7), or a self attestation (section 8.2) by another key.
    pub(super) fn verify(&self, key: &Key<'_>, signed: &[u8]) -> Result<(), Refused> {
        let member = |name| self.statement.get(&Item::Text(name));
        match self.format {
            "none" if self.statement == Item::Map(Vec::new()) => Ok(()),
            "none" => Err(Refused::AttestationStatement),
            "packed" if member("x5c").is_none() => {
                let algorithm = Item::Integer(i128::from(key.algorithm().cose()));
                let (true, Some(Item::Bytes(signature))) =
                    (member("alg") == Some(&algorithm), member("sig"))
                else {
                    return Err(Refused::AttestationStatement);
                };
                key.verify(signed, signature).map_err(|_other_key| Refused::AttestationStatement)
            }
            _ => Ok(()),
        }
    }
}
