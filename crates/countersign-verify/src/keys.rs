//! Fetches the key set and keeps it fresh, in a task of its own: only a request with an unknown key waits for that.

use std::{collections::HashSet, future, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tonic::{Status, transport::Channel};

use crate::{
    Settings,
    backoff::{Backoff, jitter},
    key_set::KeySet,
    pb::{GetJwksRequest, Jwk, token_service_client::TokenServiceClient},
};

/// Timeout of a fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Cool-down between fetches for an unknown key: tokens with made-up keys must not become the server's load
/// (amplification).
const COOL_DOWN: Duration = Duration::from_secs(10);

/// The time after a key's withdrawal until all replicas of the server publish its successor: a second, and one for the
/// network.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);

/// The cool-down in that time: until the new key is here, valid tokens can't be verified.
const SETTLING_COOL_DOWN: Duration = Duration::from_millis(100);

pub(crate) struct Keys {
    settings: Arc<Settings>,
    state: watch::Sender<State>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    set: Option<Arc<KeySet>>,
    fetched_at: Option<Instant>,
    /// The end of the last attempt, successful or not.
    tried_at: Option<Instant>,
    attempts: u64,
    /// Never forgotten: a thief of such a key can sign tokens with any expiry, and a replica of the server that has not
    /// heard of its withdrawal still publishes it. There are as many as operators have withdrawn.
    withdrawn: HashSet<String>,
    withdrawn_at: Option<Instant>,
}

impl State {
    fn is_cooling_down(&self) -> bool {
        let pause = if self.is_settling() { SETTLING_COOL_DOWN } else { COOL_DOWN };
        self.tried_at.is_some_and(|tried| tried.elapsed() < pause)
    }

    fn is_settling(&self) -> bool {
        self.withdrawn_at.is_some_and(|at| at.elapsed() < SETTLES_WITHIN)
    }
}

impl Keys {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, state: watch::Sender::default(), wanted: Notify::new() }
    }

    /// The keys, unless they are too old.
    pub(crate) fn current(&self) -> Option<Arc<KeySet>> {
        self.age().filter(|age| *age <= self.settings.max_key_age)?;
        self.state.borrow().set.clone()
    }

    /// The time since the server last returned them.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.state.borrow().fetched_at.map(|at| at.elapsed())
    }

    /// Refuses a key for good, and fetches its successor.
    pub(crate) fn withdraw(&self, kid: &str) {
        let is_new = self.state.send_if_modified(|state| {
            if !state.withdrawn.insert(kid.to_owned()) {
                return false;
            }
            (state.withdrawn_at, state.tried_at) = (Some(Instant::now()), None);
            if let Some(set) = state.set.take() {
                let set = KeySet::new(set.published().to_vec(), &state.withdrawn, &self.settings);
                state.set = Some(Arc::new(set));
            }
            true
        });
        if is_new {
            tracing::info!(kid, "a signing key was withdrawn: its tokens are refused");
            self.wanted.notify_one();
        }
    }

    /// Whether a key was withdrawn so recently that some of the server's replicas may not publish its successor yet.
    pub(crate) fn is_settling(&self) -> bool {
        self.state.borrow().is_settling()
    }

    /// Waits for the first keys.
    pub(crate) async fn ready(&self) {
        if self.state.subscribe().wait_for(|state| state.set.is_some()).await.is_err() {
            future::pending().await
        }
    }

    /// Waits for one fetch, which all callers share. False, at once, within the cool-down.
    pub(crate) async fn refetch(&self) -> bool {
        let mut state = self.state.subscribe();
        let before = {
            let state = state.borrow();
            if state.is_cooling_down() {
                return false;
            }
            state.attempts
        };
        self.wanted.notify_one();
        state.wait_for(|state| state.attempts > before).await.is_ok()
    }

    /// Fetches the keys on request and before they are too old. Never returns.
    pub(crate) async fn keep_fresh(self: Arc<Self>, mut client: TokenServiceClient<Channel>) {
        let mut backoff = Backoff::new();
        loop {
            let pause = match fetch(&mut client).await {
                Ok(published) => {
                    self.store(Some(published));
                    backoff.reset();
                    jitter(self.settings.key_cache)
                }
                Err(status) => {
                    self.store(None);
                    tracing::warn!(code = ?status.code(), error = status.message(), "no key set: the last one stays in use");
                    backoff.next()
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.wanted() => {}
            }
        }
    }

    async fn wanted(&self) {
        loop {
            self.wanted.notified().await;
            // Requested during the last attempt.
            if !self.state.borrow().is_cooling_down() {
                return;
            }
        }
    }

    fn store(&self, published: Option<Vec<Jwk>>) {
        self.state.send_modify(|state| {
            let now = Instant::now();
            (state.tried_at, state.attempts) = (Some(now), state.attempts + 1);
            let Some(published) = published else { return };
            state.fetched_at = Some(now);
            if !state.set.as_ref().is_some_and(|set| set.is_of(&published)) {
                let set = KeySet::new(published, &state.withdrawn, &self.settings);
                tracing::info!(keys = set.len(), "key set");
                state.set = Some(Arc::new(set));
            }
        });
    }
}

async fn fetch(client: &mut TokenServiceClient<Channel>) -> Result<Vec<Jwk>, Status> {
    let answer = timeout(FETCH_TIMEOUT, client.get_jwks(GetJwksRequest {})).await;
    let answer = answer.map_err(|_elapsed| Status::deadline_exceeded("no answer in time"))??;
    Ok(answer.into_inner().keys)
}
