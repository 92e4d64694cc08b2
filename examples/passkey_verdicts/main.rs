//! Judges passkey ceremonies that others made: `tests/real/test_passkeys.py` compares the verdicts with those of other verifiers.
//!
//! Each line of standard input is JSON: `ceremony` (`registration` or `assertion`), `rp_id`, `origin`, `challenge`,
//! `user_verification`, the browser's answer as a text (`response`), and for an assertion `stored` (`id`, `user_handle`,
//! `public_key`, `sign_count`, `backup_eligible`) and whether it is a `login`. Bytes are in base64url. Each line of the output is
//! a verdict: `accepted`, or the rule that is broken.

#![expect(clippy::print_stdout, reason = "printing verdicts is what this is for")]

use std::{
    io::{self, BufRead as _},
    time::Duration,
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign::passkey::{
    Assertion, Challenge, Demand, Registration, RelyingParty, Settings, StoredCredential,
    UserHandle, UserVerification,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    ceremony: String,
    rp_id: String,
    origin: String,
    challenge: String,
    user_verification: String,
    response: String,
    #[serde(default)]
    login: bool,
    stored: Option<Stored>,
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    user_handle: String,
    public_key: String,
    sign_count: u32,
    backup_eligible: bool,
}

impl Case {
    fn relying_party(&self) -> anyhow::Result<RelyingParty> {
        let settings = Settings {
            id: self.rp_id.clone(),
            name: "Example".to_owned(),
            origins: vec![self.origin.clone()],
            related_origins: Vec::new(),
            user_verification: self.verification()?,
            timeout: Duration::from_secs(300),
        };
        RelyingParty::new(settings).map_err(|problems| anyhow::anyhow!("{problems:?}"))
    }

    fn verification(&self) -> anyhow::Result<UserVerification> {
        [UserVerification::Required, UserVerification::Preferred, UserVerification::Discouraged]
            .into_iter()
            .find(|verification| verification.as_str() == self.user_verification)
            .context("user_verification")
    }

    fn challenge(&self) -> anyhow::Result<Challenge> {
        Ok(Challenge::from_bytes(array(&self.challenge)?))
    }

    fn verdict(&self) -> anyhow::Result<String> {
        let verdict = match self.ceremony.as_str() {
            "registration" => self.register()?,
            "assertion" => self.assert()?,
            other => anyhow::bail!("no ceremony: {other}"),
        };
        Ok(verdict.err().unwrap_or_else(|| "accepted".to_owned()))
    }

    fn register(&self) -> anyhow::Result<Result<(), String>> {
        let (party, challenge) = (self.relying_party()?, self.challenge()?);
        let verification = self.verification()?;
        let read = Registration::read(&self.response).map_err(|malformed| malformed.to_string());
        Ok(read.and_then(|registration| {
            let verdict = registration.verify(&party, &challenge, verification);
            verdict.map(|_| ()).map_err(|refused| refused.to_string())
        }))
    }

    fn assert(&self) -> anyhow::Result<Result<(), String>> {
        let (party, challenge) = (self.relying_party()?, self.challenge()?);
        let demand = match self.login {
            true => Demand::discoverable_login(self.verification()?),
            false => Demand::second_factor(self.verification()?),
        };
        let stored = self.stored.as_ref().context("stored")?;
        let (id, public_key) = (bytes(&stored.id)?, bytes(&stored.public_key)?);
        let user_handle = UserHandle::from_bytes(array(&stored.user_handle)?);
        let stored = StoredCredential {
            id: &id,
            user_handle: &user_handle,
            public_key: &public_key,
            sign_count: stored.sign_count,
            backup_eligible: stored.backup_eligible,
        };
        let read = Assertion::read(&self.response).map_err(|malformed| malformed.to_string());
        Ok(read.and_then(|assertion| {
            let verdict = assertion.verify(&party, &challenge, &stored, demand);
            verdict.map(|_| ()).map_err(|refused| refused.to_string())
        }))
    }
}

fn bytes(text: &str) -> anyhow::Result<Vec<u8>> {
    Ok(URL_SAFE_NO_PAD.decode(text)?)
}

fn array<const LENGTH: usize>(text: &str) -> anyhow::Result<[u8; LENGTH]> {
    bytes(text)?.try_into().map_err(|_other| anyhow::anyhow!("must have {LENGTH} bytes"))
}

fn main() -> anyhow::Result<()> {
    for line in io::stdin().lock().lines() {
        let case: Case = serde_json::from_str(&line?)?;
        println!("{}", case.verdict()?);
    }
    Ok(())
}
