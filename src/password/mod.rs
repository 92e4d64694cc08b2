//! Hashing and checking passwords.
//!
//! The only module that may use bcrypt. [`engine`] runs it: a login takes a good part of a second of a core, so work beyond
//! the cores' capacity is refused at once, not queued (load shedding).

pub mod engine;
mod format;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bcrypt_lanes::Cost;
pub use bcrypt_lanes::LaneCount;
use futures_util::{
    TryFutureExt as _,
    future::{Either, ready},
};
use rand::RngExt as _;

pub use self::engine::{Error, Settings};
use self::{
    engine::{Engine, Figures, Job},
    format::{Scheme, StoredHash},
};
use crate::domain::{Context, ForeignHash, InvalidField, Password, size};

/// Hashes passwords and checks them.
#[derive(Debug, Clone)]
pub struct Passwords {
    cost: u32,
    /// The highest cost that this process has seen, of new and of checked hashes. Every check costs as much
    /// (timing attack).
    highest_cost: Arc<AtomicU32>,
    engine: Arc<Engine>,
}

impl Passwords {
    /// Starts the hashing threads.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let (cost, highest_cost) = (settings.cost, Arc::new(AtomicU32::new(settings.cost)));
        Ok(Self { cost, highest_cost, engine: Arc::new(Engine::start(settings)?) })
    }

    /// Yields to threads that wait for this machine's disk, while `disk_is_busy` is true.
    pub fn rest_while(&self, disk_is_busy: Arc<AtomicBool>) {
        self.engine.rest_while(disk_is_busy);
    }

    /// The engine's figures.
    pub fn figures(&self) -> &Figures {
        self.engine.figures()
    }

    /// Refuses a caller whose hash could not be done in time, before any other work. Room is reserved for one who passes,
    /// until the returned value is dropped.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub fn announce(&self, context: &Context) -> Result<engine::Announced, Error> {
        self.engine.announce(context)
    }

    /// Hashes a new password into the format that is stored.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn hash(&self, password: &Password, context: &Context) -> Result<String, Error> {
        self.hash_at(self.cost, password, context).await
    }

    /// Whether to replace a stored hash, with which `password` has just been verified: it has another format than new ones,
    /// or a lower cost. Never where only the beginning was compared: a typing error after it would become the password.
    pub fn is_replaced_by(&self, password: &Password, stored: &str) -> bool {
        StoredHash::parse(stored).is_ok_and(|hash| {
            let is_outdated = hash.scheme != Scheme::BcryptSha256 || hash.cost < self.cost;
            is_outdated && hash.scheme.compares_all_of(password.expose())
        })
    }

    /// Hashes a password again that was stored as `stored`: never at a lower cost.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rehash(
        &self,
        password: &Password,
        stored: &str,
        context: &Context,
    ) -> Result<String, Error> {
        let cost = StoredHash::parse(stored).map_or(self.cost, |hash| hash.cost.max(self.cost));
        self.hash_at(cost, password, context).await
    }

    async fn hash_at(
        &self,
        cost: u32,
        password: &Password,
        context: &Context,
    ) -> Result<String, Error> {
        let (scheme, salt) = (Scheme::BcryptSha256, rand::rng().random());
        let digest = self.digest(scheme, password, salt, (cost, cost), context).await?;
        Ok(StoredHash { scheme, cost, salt, digest }.to_string())
    }

    /// A hash of another system in the form that is stored, if it can be verified here.
    ///
    /// # Errors
    /// More than 4 KiB; an unknown format, one that lacks something, and a cost out of bounds.
    pub fn accept(hash: &ForeignHash) -> Result<String, InvalidField> {
        size::PASSWORD_HASH.check(&hash.text)?;
        if !hash.is_complete() {
            let problem = "must be empty: the format of this hash has no parameters";
            return Err(InvalidField::new("hash_parameters", problem));
        }
        let unusable = |error: format::Malformed| {
            InvalidField::new("password_hash", format!("can't be used: {error}"))
        };
        StoredHash::parse(&hash.text).map_err(unusable)?;
        Ok(hash.text.to_string())
    }

    /// Whether `password` matches the stored hash. Without one (no such user, or one without a password) it does not, after the same work: the time
    /// must not tell which users exist (user enumeration by timing attack).
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify<'a>(
        &'a self,
        password: &Password,
        stored: Option<&str>,
        context: &Context,
    ) -> impl Future<Output = Result<bool, Error>> + use<'a> {
        let hash = stored.filter(|text| !text.is_empty()).and_then(|text| {
            let unusable = |error| {
                tracing::error!(%error, "a stored password hash cannot be used");
                self.figures().malformed();
            };
            StoredHash::parse(text).map_err(unusable).ok()
        });
        // Constant time over accounts: an old hash of a lower cost answers no sooner than an unknown user. In one job: a
        // second one would wait in the queue once more, and tell even more.
        let cost = hash.as_ref().map_or(0, |hash| hash.cost);
        let highest_cost = self.highest_cost.fetch_max(cost, Ordering::Relaxed).max(cost);
        let digest = match &hash {
            Some(StoredHash { scheme, cost, salt, .. }) => {
                self.digest(*scheme, password, *salt, (*cost, highest_cost), context)
            }
            None => {
                let costs = (highest_cost, highest_cost);
                self.digest(Scheme::BcryptSha256, password, [0; 16], costs, context)
            }
        };
        digest.map_ok(move |digest| {
            hash.is_some_and(|hash| verify_slices_are_equal(&digest, &hash.digest).is_ok())
        })
    }

    /// The digest at the first of two costs, for the work of the second. The job is admitted before this returns.
    fn digest<'a>(
        &'a self,
        scheme: Scheme,
        password: &Password,
        salt: [u8; 16],
        (cost, padded_to): (u32, u32),
        context: &Context,
    ) -> impl Future<Output = Result<[u8; 23], Error>> + use<'a> {
        let key = scheme.key(password.expose(), &salt);
        // Unreachable: costs are checked where they are configured or read.
        let cost_of = |cost| Cost::try_from(cost).map_err(|_out_of_range| Error::Broken);
        let job = cost_of(cost)
            .and_then(|cost| Ok(Job { key, salt, cost, padded_to: cost_of(padded_to)? }));
        let digest = match job {
            Ok(job) => Either::Left(self.engine.run(job, context)),
            Err(broken) => Either::Right(ready(Err(broken))),
        };
        digest.map_ok(|digest| {
            let mut stored = [0; 23];
            stored.copy_from_slice(&digest[..23]);
            stored
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{engine::KernelChoice, *};

    fn passwords() -> Passwords {
        Passwords::start(Settings {
            cost: 4,
            threads: 1,
            queue: 8,
            kernel: KernelChoice::Auto,
            lanes: None,
        })
        .unwrap()
    }

    fn caller() -> Context {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        Context::of_operator(deadline, uuid::Uuid::nil().into())
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn what_was_hashed_verifies_and_nothing_else_does() {
        let passwords = passwords();
        let hash = passwords.hash(&password("correct horse"), &caller()).await.unwrap();
        assert!(hash.starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "{hash}");
        assert!(
            passwords.verify(&password("correct horse"), Some(&hash), &caller()).await.unwrap()
        );
        assert!(
            !passwords.verify(&password("correct horsf"), Some(&hash), &caller()).await.unwrap()
        );
        assert!(!passwords.verify(&password("correct horse"), None, &caller()).await.unwrap());
    }

    #[tokio::test]
    async fn nothing_is_truncated_around_72_bytes() {
        let passwords = passwords();
        let hash = passwords.hash(&password(&"a".repeat(72)), &caller()).await.unwrap();
        for length in [71, 73, 144] {
            let other = password(&"a".repeat(length));
            assert!(!passwords.verify(&other, Some(&hash), &caller()).await.unwrap(), "{length}");
        }
    }

    /// From passlib's documentation of `bcrypt_sha256`.
    #[tokio::test]
    async fn a_hash_that_passlib_made_verifies() {
        let hash =
            "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
        assert!(passwords().verify(&password("password"), Some(hash), &caller()).await.unwrap());
        assert!(!passwords().verify(&password("passwore"), Some(hash), &caller()).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_password_is_never_hashed_the_same_way_twice() {
        let (passwords, password) = (passwords(), password("correct horse"));
        let hashes = (
            passwords.hash(&password, &caller()).await,
            passwords.hash(&password, &caller()).await,
        );
        assert_ne!(hashes.0.unwrap(), hashes.1.unwrap());
    }

    #[tokio::test]
    async fn an_account_from_cheaper_days_costs_as_much_as_any_other() {
        let hash = passwords().hash(&password("correct horse"), &caller()).await.unwrap();
        let dearer = Passwords::start(Settings {
            cost: 7,
            threads: 1,
            queue: 8,
            kernel: KernelChoice::Auto,
            lanes: None,
        });
        let dearer = dearer.unwrap();
        assert!(dearer.verify(&password("correct horse"), Some(&hash), &caller()).await.unwrap());
        // One job, which waits once.
        assert_eq!(dearer.figures().done_and_late(), (1, 0));
    }

    /// After the cost was lowered, or with dear hashes of another system.
    #[tokio::test]
    async fn once_a_dearer_hash_was_seen_every_check_costs_as_much() {
        let (passwords, dear) = (passwords(), bcrypt::hash("correct horse", 6).unwrap());
        let cheap = passwords.hash(&password("correct horse"), &caller()).await.unwrap();
        let done = |expected: u64| {
            assert_eq!(passwords.figures().done_and_late(), (expected, 0));
        };
        let typed = password("correct horse");
        let verify = |stored| passwords.verify(&typed, stored, &caller());
        assert!(verify(Some(&cheap)).await.unwrap());
        done(2);
        assert!(verify(Some(&dear)).await.unwrap());
        done(3);
        assert!(verify(Some(&cheap)).await.unwrap());
        done(4);
        assert!(!verify(None).await.unwrap());
        done(5);
        assert_eq!(passwords.highest_cost.load(Ordering::Relaxed), 6);
    }

    #[tokio::test]
    async fn a_cheap_hash_is_refused_for_a_deadline_that_the_dearest_cannot_meet() {
        let (passwords, typed) = (passwords(), password("correct horse"));
        let cheap = passwords.hash(&typed, &caller()).await.unwrap();
        // Each takes seconds.
        passwords.highest_cost.store(16, Ordering::Relaxed);
        for stored in [Some(cheap.as_str()), None] {
            let deadline = std::time::Instant::now() + Duration::from_millis(50);
            let verified =
                passwords.verify(&typed, stored, &Context { deadline, ..caller() }).await;
            assert!(matches!(verified, Err(Error::Overloaded { .. })), "{verified:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_is_outdated_by_its_format_or_by_a_lower_cost_and_never_gets_cheaper() {
        let (passwords, dear) = (passwords(), bcrypt::hash("correct horse", 5).unwrap());
        let current = passwords.rehash(&password("correct horse"), &dear, &caller()).await.unwrap();
        assert!(current.starts_with("$bcrypt-sha256$v=2,t=2b,r=5$"), "{current}");
        let typed = password("correct horse");
        assert!(passwords.is_replaced_by(&typed, &dear));
        assert!(!passwords.is_replaced_by(&typed, &current));
        let dearer = Passwords { cost: 6, ..passwords };
        assert!(dearer.is_replaced_by(&typed, &current));
        assert!(!dearer.is_replaced_by(&typed, "what is no hash"));
    }

    /// bcrypt compares 72 bytes: bytes, of which a letter may have several.
    #[tokio::test]
    async fn a_hash_of_the_beginning_is_not_replaced_by_one_of_all_that_was_typed() {
        let passwords = Passwords { cost: 6, ..passwords() };
        let imported = bcrypt::hash("any", 4).unwrap();
        let ours =
            "$bcrypt-sha256$v=2,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
        for (typed, is_replaced) in
            [("a".repeat(71), true), ("a".repeat(72), false), ("é".repeat(36), false)]
        {
            let typed = password(&typed);
            assert_eq!(passwords.is_replaced_by(&typed, &imported), is_replaced, "{typed:?}");
            assert!(passwords.is_replaced_by(&typed, ours), "every byte of it counts");
        }
    }

    #[tokio::test]
    async fn hashes_of_other_systems_verify_or_fail_cleanly() {
        let passwords = passwords();
        let imported = bcrypt::hash("correct horse", 4).unwrap();
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let hash = imported.replacen("$2b$", prefix, 1);
            assert!(
                passwords.verify(&password("correct horse"), Some(&hash), &caller()).await.unwrap()
            );
        }
        for poison in
            ["", "$2x$04$", "$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "é"]
        {
            assert!(
                !passwords
                    .verify(&password("correct horse"), Some(poison), &caller())
                    .await
                    .unwrap()
            );
        }
    }
}
