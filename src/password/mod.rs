//! Hashing and checking passwords.
//!
//! The only module that may use bcrypt. [`engine`] runs it: a login takes a good part of a second of a core, so work beyond
//! the cores' capacity is refused at once, not queued (load shedding). [`breached`] is the list of passwords that new ones must not
//! be among.

pub mod breached;
pub mod engine;
mod format;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bcrypt_lanes::Cost;
pub use bcrypt_lanes::LaneCount;
use foreign_hashes::ForeignHash;
pub use foreign_hashes::{HashParameters, Refused};
use futures_util::future::{Either, ready};
use rand::RngExt as _;
use zeroize::Zeroizing;

pub use self::engine::{Error, Settings};
use self::{
    engine::{Digest, Engine, Figures, ForeignCheck, Job},
    format::{OurHash, StoredHash, as_hashed},
};
use crate::domain::{Context, InvalidField, Password, size};

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
        self.engine.announce(context, 0)
    }

    /// The same for a caller who waits for `rounds` other hashes first, one after the other.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub fn announce_after(
        &self,
        rounds: u32,
        context: &Context,
    ) -> Result<engine::Announced, Error> {
        self.engine.announce(context, rounds)
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
        StoredHash::parse(stored).is_ok_and(|hash| match &hash {
            StoredHash::Ours(hash) => hash.cost < self.cost,
            StoredHash::Foreign(_) => hash.compares_all_of(password.expose()),
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
        let stored = StoredHash::parse(stored).ok().and_then(|hash| hash.bcrypt());
        let cost = stored.map_or(self.cost, |hash| hash.cost.max(self.cost));
        self.hash_at(cost, password, context).await
    }

    async fn hash_at(
        &self,
        cost: u32,
        password: &Password,
        context: &Context,
    ) -> Result<String, Error> {
        let salt = rand::rng().random();
        let key = OurHash::key(password.expose(), &salt);
        let digest = self.engine.run(job(key, salt, cost, cost)?, context).await?;
        Ok(OurHash { cost, salt, digest: stored_part(&digest) }.to_string())
    }

    /// The text to store for a hash that another system has made, if it can be verified here.
    ///
    /// # Errors
    /// More than 4 KiB; an unknown format, and what is malformed, missing or out of bounds in a known one. The text never repeats the hash.
    pub fn accept(hash: &str, parameters: &HashParameters) -> Result<String, InvalidField> {
        size::PASSWORD_HASH.check(hash)?;
        let accepted = ForeignHash::import(hash, parameters);
        let refused = |refused: Refused| InvalidField::new("password_hash", refused.to_string());
        Ok(accepted.map_err(refused)?.to_string())
    }

    /// Whether `password` matches the stored hash. Without one (no such user, no password) it does not, after the same work: the time
    /// must not tell which users exist (user enumeration by timing attack).
    ///
    /// A password that was typed in another form than NFC is checked in both, against any account: another system has hashed what was
    /// typed.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify<'a>(
        &'a self,
        password: &'a Password,
        stored: Option<&str>,
        context: &'a Context,
    ) -> impl Future<Output = Result<bool, Error>> + use<'a> {
        let hash = stored.filter(|text| !text.is_empty()).and_then(|text| self.parse(text));
        // The job is admitted before this returns.
        let first = self.verify_as(password.expose(), hash.clone(), context);
        async move {
            let right = first.await?;
            match password.typed() {
                // Also where the first was right: a disabled account must not confirm it. On the heap: few need this space.
                Some(typed) => Ok(Box::pin(self.verify_as(typed, hash, context)).await? || right),
                None => Ok(right),
            }
        }
    }

    fn parse(&self, text: &str) -> Option<StoredHash> {
        let unusable = |error| {
            tracing::error!(%error, "a stored password hash cannot be used");
            self.figures().malformed();
        };
        StoredHash::parse(text).map_err(unusable).ok()
    }

    /// The same for one spelling of the password.
    fn verify_as<'a>(
        &'a self,
        password: &str,
        hash: Option<StoredHash>,
        context: &Context,
    ) -> impl Future<Output = Result<bool, Error>> + use<'a> {
        let bcrypt = hash.as_ref().and_then(StoredHash::bcrypt);
        // Constant time over accounts: an old hash of a lower cost answers no sooner than an unknown user. In one job: a
        // second one would wait in the queue once more, and tell even more.
        let cost = bcrypt.as_ref().map_or(0, |hash| hash.cost);
        let highest = self.highest_cost.fetch_max(cost, Ordering::Relaxed).max(cost);
        let (job, digest) = match (&hash, bcrypt) {
            (Some(hash), Some(bcrypt)) => {
                let job = job(hash.key(password), bcrypt.salt, bcrypt.cost, highest);
                (job, Some(bcrypt.digest))
            }
            // A bcrypt that nobody needs costs what any other does.
            (_, None) | (None, _) => {
                (job(OurHash::key(password, &[0; 16]), [0; 16], highest, highest), None)
            }
        };
        let right = move |computed: &Digest| {
            digest.is_some_and(|digest| {
                verify_slices_are_equal(&stored_part(computed), &digest).is_ok()
            })
        };
        match (job, hash) {
            (Err(broken), _) => Either::Right(Either::Right(ready(Err(broken)))),
            (Ok(job), Some(StoredHash::Foreign(hash))) if hash.bcrypt().is_none() => {
                let check = foreign_check(*hash, password);
                Either::Right(Either::Left(Box::pin(self.engine.check(job, check, context))))
            }
            (Ok(job), _) => Either::Left(self.engine.compare(job, right, context)),
        }
    }
}

/// A check of another system's hash.
fn foreign_check(hash: ForeignHash, password: &str) -> ForeignCheck {
    let password = Zeroizing::new(as_hashed(&hash, password).to_vec());
    ForeignCheck { memory: hash.memory(), run: Box::new(move || hash.verify(&password)) }
}

/// The bytes of a digest that are stored.
fn stored_part(digest: &Digest) -> [u8; 23] {
    let mut stored = [0; 23];
    stored.copy_from_slice(&digest[..23]);
    stored
}

/// One bcrypt at the first of two costs, for the work of the second.
///
/// # Errors
/// Unreachable: costs are checked where they are configured or read.
fn job(key: Zeroizing<Vec<u8>>, salt: [u8; 16], cost: u32, padded_to: u32) -> Result<Job, Error> {
    let cost_of = |cost| Cost::try_from(cost).map_err(|_out_of_range| Error::Broken);
    Ok(Job { key, salt, cost: cost_of(cost)?, padded_to: cost_of(padded_to)? })
}

#[cfg(test)]
mod tests;
