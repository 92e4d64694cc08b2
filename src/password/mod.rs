//! Hashing and checking passwords.
//!
//! The only module that may use bcrypt. Hashes run on threads of their own ([`engine`]), behind a bounded queue: a
//! login costs a quarter of a core's second, so more work than the cores can do is refused at once, not queued.

mod engine;
mod format;

use std::{sync::Arc, time::Duration};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use rand::RngExt as _;

use self::{
    engine::{Engine, Job},
    format::{Scheme, StoredHash},
};
use crate::domain::Password;

/// How passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// bcrypt's cost: 2 to the power of this many rounds.
    pub cost: u32,
    /// Threads that hash.
    pub threads: usize,
    /// Hashes that may wait for a thread.
    pub queue: usize,
}

/// The queue is full; nothing was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct Overloaded {
    /// When it is worth trying again.
    pub retry_after: Duration,
}

/// Hashes passwords and checks them.
#[derive(Debug, Clone)]
pub struct Passwords {
    cost: u32,
    engine: Arc<Engine>,
}

impl Passwords {
    /// Starts the threads that hash.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let engine = Arc::new(Engine::start(settings.threads, settings.queue)?);
        Ok(Self { cost: settings.cost, engine })
    }

    /// Hashes a new password into the format that is stored.
    ///
    /// # Errors
    /// [`Overloaded`].
    pub async fn hash(&self, password: &Password) -> Result<String, Overloaded> {
        let (scheme, salt) = (Scheme::BcryptSha256, rand::rng().random());
        let digest = self.digest(scheme, password, salt, self.cost).await?;
        Ok(StoredHash { scheme, cost: self.cost, salt, digest }.to_string())
    }

    /// Whether `password` is the one that was stored. Without a stored hash (no such user) it is not, after the same
    /// work, so that the time does not tell which users exist.
    ///
    /// # Errors
    /// [`Overloaded`].
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<bool, Overloaded> {
        let hash = stored.and_then(|text| {
            let log = |error| tracing::error!(%error, "a stored password hash cannot be used");
            StoredHash::parse(text).map_err(log).ok()
        });
        let Some(hash) = hash else {
            self.digest(Scheme::BcryptSha256, password, [0; 16], self.cost).await?;
            return Ok(false);
        };
        let digest = self.digest(hash.scheme, password, hash.salt, hash.cost).await?;
        Ok(verify_slices_are_equal(&digest, &hash.digest).is_ok())
    }

    async fn digest(
        &self,
        scheme: Scheme,
        password: &Password,
        salt: [u8; 16],
        cost: u32,
    ) -> Result<[u8; 23], Overloaded> {
        let key = scheme.key(password.expose(), &salt);
        self.engine.run(Job { key, salt, cost }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::start(Settings { cost: 4, threads: 1, queue: 8 }).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn what_was_hashed_verifies_and_nothing_else_does() {
        let passwords = passwords();
        let hash = passwords.hash(&password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "{hash}");
        assert!(passwords.verify(&password("correct horse"), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&password("correct horsf"), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&password("correct horse"), None).await.unwrap());
    }

    #[tokio::test]
    async fn nothing_is_truncated_around_72_bytes() {
        let passwords = passwords();
        let hash = passwords.hash(&password(&"a".repeat(72))).await.unwrap();
        for length in [71, 73, 144] {
            let other = password(&"a".repeat(length));
            assert!(!passwords.verify(&other, Some(&hash)).await.unwrap(), "{length}");
        }
    }

    /// From passlib's documentation of `bcrypt_sha256`.
    #[tokio::test]
    async fn a_hash_that_passlib_made_verifies() {
        let hash =
            "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
        assert!(passwords().verify(&password("password"), Some(hash)).await.unwrap());
        assert!(!passwords().verify(&password("passwore"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_password_is_never_hashed_the_same_way_twice() {
        let (passwords, password) = (passwords(), password("correct horse"));
        let hashes = (passwords.hash(&password).await, passwords.hash(&password).await);
        assert_ne!(hashes.0.unwrap(), hashes.1.unwrap());
    }

    #[tokio::test]
    async fn hashes_of_other_systems_verify_or_fail_cleanly() {
        let passwords = passwords();
        let imported = bcrypt::hash("correct horse", 4).unwrap();
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let hash = imported.replacen("$2b$", prefix, 1);
            assert!(passwords.verify(&password("correct horse"), Some(&hash)).await.unwrap());
        }
        for poison in
            ["", "$2x$04$", "$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "é"]
        {
            assert!(!passwords.verify(&password("correct horse"), Some(poison)).await.unwrap());
        }
    }
}
