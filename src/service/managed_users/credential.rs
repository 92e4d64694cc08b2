//! Passwords that an administrator sets, and hashes of other systems.

use zeroize::Zeroizing;

use super::UserManager;
use crate::{
    domain::{
        Context, Email, Password, Username,
        size::{self, Size},
    },
    password::{HashParameters, Passwords},
    service::{Error, fields::Fields},
};

/// A user's new credential.
#[derive(Debug, Clone)]
pub enum NewCredential {
    /// A password.
    Password(Zeroizing<String>),
    /// The hash of one, as another system wrote it, and what is not in its text.
    Hash {
        /// The hash.
        text: Zeroizing<String>,
        /// What belongs to it.
        parameters: HashParameters,
    },
}

/// The same, valid.
#[derive(Debug)]
pub(super) enum ValidCredential {
    Password(Password),
    Hash(String),
}

/// What stands for the hash of a password where nothing is kept.
const NOT_KEPT: &str = "-";

impl NewCredential {
    /// The text whose size is to be looked at; one that is not given is not too long.
    pub(super) fn size_of(credential: Option<&Self>) -> (Size, &str) {
        match credential {
            Some(Self::Password(password)) => (size::PASSWORD, password),
            Some(Self::Hash { text, .. }) => (size::PASSWORD_HASH, text),
            None => (size::PASSWORD, ""),
        }
    }
}

impl UserManager {
    /// Parses a credential, among other fields. The rules of passwords are those of Register.
    pub(super) async fn parse_credential(
        &self,
        credential: &NewCredential,
        (username, email): (Option<&Username>, Option<&Email>),
        fields: &mut Fields,
    ) -> Option<ValidCredential> {
        match credential {
            NewCredential::Password(text) => {
                let password = self.new_passwords.parse(text, username, email).await;
                fields.check(password).map(ValidCredential::Password)
            }
            NewCredential::Hash { text, parameters } => {
                fields.check(Passwords::accept(text, parameters)).map(ValidCredential::Hash)
            }
        }
    }

    /// The hash to store. Hashed before and outside any transaction: it is slow.
    pub(super) async fn hash(
        &self,
        context: &Context,
        credential: ValidCredential,
        validate_only: bool,
    ) -> Result<String, Error> {
        match credential {
            ValidCredential::Hash(hash) => Ok(hash),
            ValidCredential::Password(_) if validate_only => Ok(NOT_KEPT.to_owned()),
            ValidCredential::Password(password) => {
                Ok(self.passwords.hash(&password, context).await?)
            }
        }
    }
}
