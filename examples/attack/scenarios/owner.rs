//! What owners do while somebody attacks.

use std::time::{Duration, Instant};

use anyhow::bail;
use countersign::pb::{
    Challenge, Tokens, login_response::Result as Outcome, verify2_fa_request::Proof,
};

use super::Stage;
use crate::{
    caller::{Caller, PASSWORD, Person, reason},
    inbox::Mail,
};

/// More codes are not worth a try: no challenge takes them.
const MOST_CODES: usize = 5;

/// A login that is complete.
#[derive(Debug)]
pub(super) struct LoggedIn {
    pub(super) tokens: Tokens,
    /// What was typed; nothing where the password was enough.
    pub(super) code: Option<Mail>,
}

/// The tokens of an outcome that must be them.
pub(super) fn tokens(outcome: Outcome) -> anyhow::Result<Tokens> {
    match outcome {
        Outcome::Tokens(tokens) => Ok(tokens),
        Outcome::Challenge(_) => bail!("a challenge instead of tokens"),
    }
}

/// The challenge of an outcome that must be one.
pub(super) fn challenge(outcome: Outcome) -> anyhow::Result<Challenge> {
    match outcome {
        Outcome::Challenge(challenge) => Ok(challenge),
        Outcome::Tokens(_) => bail!("tokens instead of a challenge"),
    }
}

impl Stage {
    /// Logs in as somebody does who reads their mailbox.
    pub(super) async fn log_in(
        &self,
        owner: &Caller,
        person: &Person,
        device: &str,
    ) -> anyhow::Result<LoggedIn> {
        let inbox = &self.server.inbox;
        let before = inbox.of(&person.email, "login").len();
        let challenge = match owner.login(&person.username, PASSWORD, device).await.map_err(why)? {
            Outcome::Tokens(tokens) => return Ok(LoggedIn { tokens, code: None }),
            Outcome::Challenge(challenge) => challenge,
        };
        // An attacker who has the password causes codes, too: an owner can't tell them from their own but by trying.
        for number in before..before + MOST_CODES {
            let mail = inbox.wait(&person.email, "login", number).await?;
            let proof = Proof::OtpCode(mail.code.clone());
            match owner.verify(&challenge.challenge_id, proof).await {
                Ok(tokens) => return Ok(LoggedIn { tokens, code: Some(mail) }),
                Err(status) if reason(&status) == "CHALLENGE_INVALID" => {}
                Err(status) => return Err(why(status)),
            }
        }
        bail!("none of the codes was right")
    }

    /// Sets a new password by mail.
    pub(super) async fn reset(
        &self,
        owner: &Caller,
        person: &Person,
        device: &str,
    ) -> anyhow::Result<Duration> {
        let (inbox, begun) = (&self.server.inbox, Instant::now());
        let before = inbox.of(&person.email, "reset_password").len();
        let id = owner.ask_reset(&person.email, device).await.map_err(why)?;
        // Of the codes that strangers asked for the same applies.
        for number in before..before + MOST_CODES {
            let mail = inbox.wait(&person.email, "reset_password", number).await?;
            match owner.reset(&id, &mail.code, "another long passphrase").await {
                Ok(()) => return Ok(begun.elapsed()),
                Err(status) if reason(&status) == "CHALLENGE_INVALID" => {}
                Err(status) => return Err(why(status)),
            }
        }
        bail!("none of the codes was right")
    }
}

/// Why a call was refused, the reason first.
pub(super) fn why(status: tonic::Status) -> anyhow::Error {
    let reason = reason(&status);
    anyhow::Error::new(status).context(reason)
}
