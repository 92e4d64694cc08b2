//! [`Challenges`](crate::store::Challenges). The statements are in `statements/challenges.rs` and `completion.rs`.

use async_trait::async_trait;

use super::{
    Backend, at_once,
    statements::{challenges, completion},
};
use crate::{
    domain::{Challenge, Session, Timestamp, User},
    store::{
        Challenges, CodeRules, LoginDevice, NewChallenge, Renewal, Reservation, ReservedChallenge,
        Result, SealedMessage, SessionLimit, Settled, Spending,
    },
};

impl Backend {
    async fn challenge_exists(&self, id_mac: [u8; 32]) -> Result<bool> {
        self.read("challenge_exists", id_mac, |connection, id_mac| {
            Box::pin(challenges::exists(connection, id_mac))
        })
        .await
    }
}

#[async_trait]
impl Challenges for Backend {
    async fn challenge_create(
        &self,
        new: NewChallenge,
        message: Option<SealedMessage>,
    ) -> Result<bool> {
        self.write("challenge_create", (new, message), |connection, (new, message)| {
            Box::pin(challenges::insert(connection, new, message.as_ref()))
        })
        .await
    }

    async fn challenge_find(&self, id_mac: [u8; 32]) -> Result<Option<(Challenge, User)>> {
        self.read("challenge_find", id_mac, |connection, id_mac| {
            Box::pin(challenges::find_with_user(connection, id_mac))
        })
        .await
    }

    async fn challenge_reserve(
        &self,
        id_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<ReservedChallenge>> {
        // A flood of random ids is refused by a read, without queueing for SQLite's single writer.
        if Backend::HAS_ONE_WRITER && !self.challenge_exists(id_mac).await? {
            return Ok(Reservation::Invalid);
        }
        self.write_at_once(
            "challenge_reserve",
            (id_mac, max_attempts, now),
            at_once::RESERVE_ATTEMPT,
            |connection, (id_mac, max_attempts, now)| {
                Box::pin(challenges::reserve(connection, id_mac, *max_attempts, *now))
            },
        )
        .await
    }

    async fn challenge_complete(
        &self,
        challenge: Challenge,
        session: Session,
        spending: Spending,
        settled: Settled,
        limit: SessionLimit,
        device: LoginDevice,
    ) -> Result<Option<Session>> {
        // On the heap: its arguments are large.
        Box::pin(self.write(
            "challenge_complete",
            (challenge, session, spending, settled, limit, device),
            |connection, (challenge, session, spending, settled, limit, device)| {
                let complete = completion::complete(
                    connection,
                    challenge,
                    session,
                    (spending, settled),
                    *limit,
                    device,
                );
                Box::pin(complete)
            },
        ))
        .await
    }

    async fn challenge_renew(
        &self,
        id_mac: [u8; 32],
        code_mac: [u8; 32],
        rules: CodeRules,
        message: SealedMessage,
    ) -> Result<Renewal> {
        self.write(
            "challenge_renew",
            (id_mac, code_mac, rules, message),
            |connection, (token, code, rules, message)| {
                Box::pin(challenges::renew(connection, token, code, rules, message))
            },
        )
        .await
    }
}
