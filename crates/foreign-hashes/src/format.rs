//! The names of the formats.

use std::fmt;

/// A format, by how it is verified: a pbkdf2 of Django and one of Keycloak are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `$2a$`, `$2b$`, `$2y$`: reads 72 bytes of a password.
    Bcrypt,
    /// passlib's `bcrypt_sha256`, versions 1 and 2.
    PasslibBcryptSha256,
    /// Django's `bcrypt_sha256`.
    DjangoBcryptSha256,
    /// WordPress' `$wp$`, since 6.8.
    WordPress,
    /// argon2id.
    Argon2id,
    /// argon2i.
    Argon2i,
    /// scrypt.
    Scrypt,
    /// Firebase's scrypt, which encrypts the project's signer key.
    FirebaseScrypt,
    /// PBKDF2 with HMAC-SHA-1.
    Pbkdf2Sha1,
    /// PBKDF2 with HMAC-SHA-256.
    Pbkdf2Sha256,
    /// PBKDF2 with HMAC-SHA-512.
    Pbkdf2Sha512,
    /// `$5$`.
    Sha256Crypt,
    /// `$6$`.
    Sha512Crypt,
    /// `$1$`.
    Md5Crypt,
    /// `$P$` and `$H$`.
    Phpass,
    /// Drupal 7's `$S$`.
    Drupal7,
    /// `{SSHA}`.
    Ssha,
    /// `{SSHA256}`.
    Ssha256,
    /// `{SSHA512}`.
    Ssha512,
}

impl Format {
    /// The name for tables and errors. It stays the same between releases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bcrypt => "bcrypt",
            Self::PasslibBcryptSha256 => "bcrypt-sha256",
            Self::DjangoBcryptSha256 => "django-bcrypt-sha256",
            Self::WordPress => "wordpress",
            Self::Argon2id => "argon2id",
            Self::Argon2i => "argon2i",
            Self::Scrypt => "scrypt",
            Self::FirebaseScrypt => "firebase-scrypt",
            Self::Pbkdf2Sha1 => "pbkdf2-sha1",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
            Self::Sha256Crypt => "sha256-crypt",
            Self::Sha512Crypt => "sha512-crypt",
            Self::Md5Crypt => "md5-crypt",
            Self::Phpass => "phpass",
            Self::Drupal7 => "drupal7",
            Self::Ssha => "ldap-ssha",
            Self::Ssha256 => "ldap-ssha256",
            Self::Ssha512 => "ldap-ssha512",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
