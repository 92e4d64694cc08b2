//! The verifier: checks tokens against keys and revocations that two tasks keep fresh.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{task::JoinSet, time::timeout};
use tonic::transport::Channel;

use crate::{
    Accept, Claims, ConnectError, Settings, VerifyError,
    feed::Feed,
    keys::Keys,
    pb::token_service_client::TokenServiceClient,
    token::{self, Refused},
    unix_seconds,
};

/// Verifies access tokens. Clones share one key set and one stream of revocations, which end with the last clone.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    settings: Arc<Settings>,
    keys: Arc<Keys>,
    feed: Arc<Feed>,
    /// Its drop aborts the tasks.
    _tasks: JoinSet<()>,
}

/// Metrics of a verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Number of verification keys; 0 means that all tokens are refused.
    pub keys: usize,
    /// The time since the server last returned them, if it ever did.
    pub key_age: Option<Duration>,
    /// Whether the stream of revocations is live and its replay complete.
    pub is_following: bool,
    /// The time since the last message about revocations, if there was one: up to five seconds where all is well.
    pub heard_ago: Option<Duration>,
    /// Number of revoked sessions with unexpired tokens.
    pub revoked_sessions: usize,
    /// Number of users with revoked, unexpired tokens.
    pub revoked_users: usize,
    /// Number of service accounts with revoked, unexpired tokens.
    pub revoked_services: usize,
    /// Number of tokens that were revoked by themselves and have not expired.
    pub revoked_tokens: usize,
    /// Number of revocations, since the start, of what this release does not know: update it.
    pub unknown_revocations: u64,
}

impl Verifier {
    /// Starts a verifier and waits, at most `patience`, until it has the server's keys and revocations. It starts without
    /// revocations, too, if the settings accept tokens then.
    ///
    /// # Errors
    /// They have not come: the service should not start, or should be restarted.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn connect(
        channel: Channel,
        settings: Settings,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let this = Self::start(channel, settings);
        let Inner { settings, keys, feed, .. } = &*this.0;
        let both = async { tokio::join!(keys.ready(), feed.ready(settings.when_blind)) };
        if timeout(patience, both).await.is_ok() {
            return Ok(this);
        }
        if keys.age().is_none() {
            return Err(ConnectError::NoKeys(patience));
        }
        if feed.is_too_blind(settings.when_blind) {
            return Err(ConnectError::NoRevocations(patience));
        }
        Ok(this)
    }

    /// Starts a verifier without waiting: for services that must come up without the server. Until that has answered, every
    /// token is [`VerifyError::Unavailable`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(channel: Channel, settings: Settings) -> Self {
        let client = TokenServiceClient::new(channel);
        let settings = Arc::new(settings);
        let keys = Arc::new(Keys::new(Arc::clone(&settings)));
        let feed = Arc::new(Feed::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&keys).keep_fresh(client.clone()));
        tasks.spawn(Arc::clone(&feed).follow(client, Arc::clone(&settings), Arc::clone(&keys)));
        Self(Arc::new(Inner { settings, keys, feed, _tasks: tasks }))
    }

    /// The claims of a user's own token, if it is valid for this service now: [`Caller::User`](crate::Caller::User).
    /// Tokens of services and exchanged ones are refused. Waits for the server only where the token names an unknown key,
    /// and then only outside the cool-down.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub async fn verify(&self, jwt: &str) -> Result<Arc<Claims>, VerifyError> {
        self.verify_from(&Accept::users(), jwt).await
    }

    /// Like [`verify`](Self::verify), but from the callers that `accept` says.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub async fn verify_from(
        &self,
        accept: &Accept,
        jwt: &str,
    ) -> Result<Arc<Claims>, VerifyError> {
        self.verify_at(accept, jwt, SystemTime::now()).await
    }

    /// Like [`verify_from`](Self::verify_from), at another time: for tests.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub async fn verify_at(
        &self,
        accept: &Accept,
        jwt: &str,
        now: SystemTime,
    ) -> Result<Arc<Claims>, VerifyError> {
        let mut result = self.check(accept, jwt, now);
        if result == Err(Refused::UnknownKey) && self.0.keys.refetch().await {
            result = self.check(accept, jwt, now);
        }
        if result == Err(Refused::UnknownKey) && self.0.keys.is_settling() {
            // The key may be the successor of the withdrawn one.
            result = Err(Refused::Unavailable("a key was withdrawn, and the next one is not here"));
        }
        result.map_err(logged)
    }

    /// Like [`verify_from`](Self::verify_from), but `None` where that would have to wait.
    pub(crate) fn verify_now(
        &self,
        accept: &Accept,
        jwt: &str,
    ) -> Option<Result<Arc<Claims>, VerifyError>> {
        match self.check(accept, jwt, SystemTime::now()) {
            Err(Refused::UnknownKey) => None,
            result => Some(result.map_err(logged)),
        }
    }

    fn check(&self, accept: &Accept, jwt: &str, now: SystemTime) -> Result<Arc<Claims>, Refused> {
        let Inner { settings, keys, feed, .. } = &*self.0;
        if feed.is_too_blind(settings.when_blind) {
            return Err(Refused::Unavailable("revocations are not followed"));
        }
        let keys = keys.current().ok_or(Refused::Unavailable("there are no keys"))?;
        let claims = keys.remembered.or_else(jwt, || token::open(jwt, &keys))?;
        token::check(&claims, settings, unix_seconds(now))?;
        if feed.void(&claims, settings.when_blind) {
            return Err(Refused::Because("revoked"));
        }
        // Last: only the holder of a valid token learns that it is not enough.
        accept.check(&claims, unix_seconds(now))?;
        Ok(claims)
    }

    /// The current metrics.
    pub fn status(&self) -> Status {
        let Inner { keys, feed, .. } = &*self.0;
        let revoked = feed.counts();
        Status {
            keys: keys.current().map_or(0, |set| set.len()),
            key_age: keys.age(),
            is_following: feed.is_live(),
            heard_ago: feed.heard(),
            revoked_sessions: revoked.sessions,
            revoked_users: revoked.users,
            revoked_services: revoked.services,
            revoked_tokens: revoked.tokens,
            unknown_revocations: revoked.unknown,
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Logs the reason and hides it from the caller. At debug level: an attacker can send any number of bad tokens.
fn logged(refused: Refused) -> VerifyError {
    match refused {
        Refused::Because(reason) => {
            tracing::debug!(reason, "access token refused");
            VerifyError::Invalid
        }
        Refused::UnknownKey => {
            tracing::debug!(reason = "signed by an unknown key", "access token refused");
            VerifyError::Invalid
        }
        Refused::Caller(reason) => {
            tracing::debug!(reason, "access token of a caller that is not accepted");
            VerifyError::CallerNotAccepted
        }
        Refused::Scope => {
            tracing::debug!(reason = "insufficient scope", "access token refused");
            VerifyError::InsufficientScope
        }
        Refused::Login => {
            tracing::debug!(reason = "insufficient user authentication", "access token refused");
            VerifyError::InsufficientUserAuthentication
        }
        Refused::Unavailable(reason) => {
            tracing::debug!(reason, "access token neither good nor bad");
            VerifyError::Unavailable
        }
    }
}
