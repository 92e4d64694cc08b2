//! Follows the server's stream of revocations, in a task of its own, and tracks whether it is live.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tonic::{Code, Status, transport::Channel};

use crate::{
    Claims, Settings, WhenBlind,
    backoff::Backoff,
    keys::Keys,
    pb::{
        WatchRevocationsRequest, WatchRevocationsResponse, revocation::Subject,
        token_service_client::TokenServiceClient,
    },
    revocations::{Counts, Revocations},
    unix_seconds,
};

/// The server sends a heartbeat every five seconds: after three missed ones the stream is dead, even if TCP has not
/// noticed.
const SILENCE: Duration = Duration::from_secs(15);

#[derive(Default)]
pub(crate) struct Feed {
    revocations: RwLock<Revocations>,
    link: watch::Sender<Link>,
}

/// The state of the stream.
#[derive(Default, Clone, Copy)]
struct Link {
    /// The replay is over and the stream is connected.
    is_live: bool,
    /// The last message of a stream that was live.
    heard_at: Option<Instant>,
    /// The first attempt has ended, well or not.
    was_tried: bool,
}

impl Feed {
    /// Whether a token is known to be revoked, or may be and the policy is to refuse it then.
    pub(crate) fn void(&self, claims: &Claims, policy: WhenBlind) -> bool {
        let revocations = self.revocations.read().unwrap_or_else(PoisonError::into_inner);
        let refuses = matches!(policy, WhenBlind::RefuseAfter(_));
        revocations.void(claims) || refuses && revocations.may_void(claims)
    }

    /// Whether to refuse all tokens for lack of news.
    pub(crate) fn is_too_blind(&self, policy: WhenBlind) -> bool {
        let WhenBlind::RefuseAfter(patience) = policy else { return false };
        let link = *self.link.borrow();
        !link.is_live && link.heard_at.is_none_or(|at| at.elapsed() > patience)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.link.borrow().is_live
    }

    /// The time since the last message, if there was one.
    pub(crate) fn heard(&self) -> Option<Duration> {
        self.link.borrow().heard_at.map(|at| at.elapsed())
    }

    /// How much is revoked.
    pub(crate) fn counts(&self) -> Counts {
        self.revocations.read().unwrap_or_else(PoisonError::into_inner).counts()
    }

    /// Waits for the replay, or, if the policy allows, for its first failure.
    pub(crate) async fn ready(&self, policy: WhenBlind) {
        let is_ready = |link: &Link| match policy {
            WhenBlind::Accept => link.was_tried,
            WhenBlind::RefuseAfter(_) => link.is_live,
        };
        if self.link.subscribe().wait_for(is_ready).await.is_err() {
            std::future::pending().await
        }
    }

    /// Follows the stream and reconnects with backoff. Never returns.
    pub(crate) async fn follow(
        self: Arc<Self>,
        mut client: TokenServiceClient<Channel>,
        settings: Arc<Settings>,
        keys: Arc<Keys>,
    ) {
        let (mut cursor, mut backoff) = (String::new(), Backoff::new());
        loop {
            let heard = self.link.borrow().heard_at;
            let ended = self.listen(&mut client, &mut cursor, &mut backoff, &settings, &keys).await;
            // The server ends streams that are old or when it shuts down: another one resumes from here. The link is no
            // longer live only if that one ends without a message.
            let link = *self.link.borrow();
            if ended.code() == Code::Ok && link.is_live && link.heard_at > heard {
                tracing::debug!(
                    "the server has ended the stream of revocations, and is asked for the next one"
                );
            } else {
                self.link.send_modify(|link| (link.is_live, link.was_tried) = (false, true));
                tracing::warn!(code = ?ended.code(), error = ended.message(), "revocations are not followed");
            }
            // A server that was set up anew does not know the cursor.
            if ended.code() == Code::InvalidArgument {
                cursor.clear();
            }
            sleep(backoff.next()).await;
        }
    }

    /// Follows one stream; returns the reason for its end.
    async fn listen(
        &self,
        client: &mut TokenServiceClient<Channel>,
        cursor: &mut String,
        backoff: &mut Backoff,
        settings: &Settings,
        keys: &Keys,
    ) -> Status {
        let silent = |_elapsed| Status::deadline_exceeded("the server is silent");
        let request = WatchRevocationsRequest { cursor: cursor.clone() };
        let stream = timeout(SILENCE, client.watch_revocations(request)).await;
        let mut stream = match stream.map_err(silent).flatten() {
            Ok(response) => response.into_inner(),
            Err(status) => return status,
        };
        loop {
            match timeout(SILENCE, stream.message()).await.map_err(silent).flatten() {
                Ok(Some(message)) => {
                    let is_heartbeat = message.revocation.is_none();
                    cursor.clone_from(&message.cursor);
                    self.take(message, settings, keys);
                    if is_heartbeat {
                        backoff.reset();
                    }
                }
                Ok(None) => return Status::ok("the server has ended the stream"),
                Err(status) => return status,
            }
        }
    }

    fn take(&self, message: WatchRevocationsResponse, settings: &Settings, keys: &Keys) {
        let subject =
            message.revocation.as_ref().and_then(|revocation| revocation.subject.as_ref());
        if let Some(Subject::KeyId(kid)) = subject {
            keys.withdraw(kid);
        }
        let mut revocations = self.revocations.write().unwrap_or_else(PoisonError::into_inner);
        let is_heartbeat = message.revocation.is_none();
        if let Some(revocation) = message.revocation
            && !revocations.add(&revocation)
        {
            tracing::warn!("a revocation of something unknown: is the server newer than this?");
        }
        if is_heartbeat {
            // Within the leeway, expired tokens are still accepted.
            let now = SystemTime::now().checked_sub(settings.leeway).map_or(0, unix_seconds);
            revocations.forget(now);
        }
        drop(revocations);
        self.link.send_modify(|link| {
            link.is_live |= is_heartbeat;
            link.was_tried |= is_heartbeat;
            if link.is_live {
                link.heard_at = Some(Instant::now());
            }
        });
    }
}
