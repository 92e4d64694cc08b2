//! Verify2FA: reserve an attempt, compare, consume the challenge together with the proof.

use super::Logins;
use crate::{
    domain::{
        AuthMethod, Challenge, Context, EventKind, Factor, FirstProof, InvalidField, Session,
        Timestamp, size,
    },
    service::{
        Error,
        codes::challenge_id_mac,
        error::reserved,
        factors::{Code, Proof, Reserved},
        fields::check_sizes,
        limits::Attempt,
        sessions::{Destination, Tokens},
    },
    store::{Credentials, ReservedChallenge, Settled, Spending},
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct Verify2faRequest {
    /// The challenge's secret id.
    pub challenge_id: OpaqueToken,
    /// The proof; `None` if it is missing.
    pub proof: Option<Proof>,
    /// Whether the device is to be trusted: its next logins need no second factor for a while.
    pub trust_device: bool,
}

/// A completed login.
#[derive(Debug)]
pub struct Verified {
    /// The tokens.
    pub tokens: Tokens,
    /// Until when the device is trusted; `None` if this login has not made it so.
    pub trusted_until: Option<Timestamp>,
}

/// What a right proof uses up.
struct Proven {
    factor: Factor,
    spending: Spending,
    settled: Settled,
}

impl Logins {
    /// Checks a proof.
    ///
    /// # Errors
    /// A missing proof, or one that can't be a code; too many calls from an address; a challenge or a code that is not
    /// valid; no attempts left; too many failed codes; the store's.
    pub async fn verify_2fa(
        &self,
        context: &Context,
        request: Verify2faRequest,
    ) -> Result<Verified, Error> {
        let problem =
            "one of otp_code, totp_code, recovery_code and passkey_credential_json must be there";
        let proof = request.proof.ok_or_else(|| InvalidField::new("proof", problem))?;
        check_sizes([proof.size()])?;
        request.challenge_id.check_size(size::CHALLENGE_ID).ok_or(Error::ChallengeInvalid)?;
        self.limits.admit(context)?;
        let proof = proof.parse()?;
        let reserved = self.reserve(&request.challenge_id).await?;
        let user_id = reserved.challenge.user_id;
        // The account's limit against brute force, over all challenges; it too is spent before anything is compared.
        let attempt = self.charge_code(context, &reserved.challenge, proof.factor()).await?;
        let (wants_trust, attempt) = (request.trust_device, attempt.as_ref());
        let answered = self.check(context, &proof, reserved, attempt, wants_trust).await;
        if matches!(answered, Err(Error::ChallengeInvalid)) {
            let kind = EventKind::CodeFailed;
            self.limits.record_wrong_code(context, kind, user_id, None, attempt).await?;
        }
        answered
    }

    /// Spends an attempt, committed before anything is compared: concurrent callers can't share one (race), and no
    /// later failure refunds it.
    async fn reserve(&self, challenge_id: &OpaqueToken) -> Result<Reserved, Error> {
        let (id_mac, now) = (challenge_id_mac(&self.master_key, challenge_id), self.clock.now());
        let max_attempts = self.policy.code.max_attempts;
        let reservation = self.store.challenge_reserve(id_mac, max_attempts, now).await?;
        let ReservedChallenge { challenge, code_mac } = reserved(reservation)?;
        Ok(Reserved { challenge, id_mac, code_mac })
    }

    /// Completes the login, if the proof is right.
    async fn check(
        &self,
        context: &Context,
        proof: &Code,
        reserved: Reserved,
        attempt: Option<&Attempt>,
        wants_trust: bool,
    ) -> Result<Verified, Error> {
        let user = self.store.user_by_id(reserved.challenge.user_id).await?;
        let credentials = user.ok_or(Error::ChallengeInvalid)?;
        let spending = self.factors.evaluate(context, proof, &reserved, &credentials.user).await?;
        let settled = self.settled(context, &reserved.challenge, attempt);
        let proven = Proven { factor: proof.factor(), spending, settled };
        let challenge = reserved.challenge.clone();
        let answered = self.answer(context, challenge, &credentials, proven, wants_trust).await;
        if matches!((proof, &answered), (Code::Passkey(_), Err(Error::ChallengeInvalid))) {
            // It was right a moment ago. A second look tells of a copy that was faster (race).
            self.factors.evaluate(context, proof, &reserved, &credentials.user).await?;
        }
        answered
    }

    /// What a right code settles: its own attempt, and, where the password was shown, the failed passwords before it.
    fn settled(
        &self,
        context: &Context,
        challenge: &Challenge,
        attempt: Option<&Attempt>,
    ) -> Settled {
        let Challenge { user_id, credential_version, device_id, .. } = *challenge;
        let passwords =
            self.limits.account_budget(user_id, credential_version, device_id, context.address);
        let forget = match challenge.first {
            FirstProof::Password => self.limits.settled_by(&passwords, 0).forget,
            FirstProof::Mailbox => Vec::new(),
        };
        let give_back = attempt.map(|attempt| attempt.refund().give_back).unwrap_or_default();
        Settled { forget, give_back }
    }

    /// Charges the budgets of a code. A long one is not counted, nor is a passkey: brute force is hopeless, and counting would
    /// let attackers lock others out.
    async fn charge_code(
        &self,
        context: &Context,
        challenge: &Challenge,
        factor: Factor,
    ) -> Result<Option<Attempt>, Error> {
        if factor == Factor::Passkey || (factor == Factor::EmailCode && challenge.is_long_code) {
            return Ok(None);
        }
        let charges = self.limits.challenge_charges(factor, challenge, context.address);
        self.limits.charge(charges).await.map(Some)
    }

    /// Completes the login whose challenge was answered correctly.
    async fn answer(
        &self,
        context: &Context,
        challenge: Challenge,
        credentials: &Credentials,
        Proven { factor, spending, settled }: Proven,
        wants_trust: bool,
    ) -> Result<Verified, Error> {
        let begins = challenge.session_id.is_none();
        let destination = Destination {
            session_id: challenge.session_id,
            device_id: challenge.device_id,
            audience: challenge.audience.clone(),
            device_name: challenge.device_name.clone(),
            address: context.address,
        };
        let methods = challenge.first.methods_with(factor);
        let session = self.session_to_be(credentials, &destination, methods).await?;
        // A race: of several callers with the right code one succeeds; none if the code was used for another challenge,
        // the account was disabled or its password changed since the challenge began.
        let limit = self.sessions.session_limit(session.authenticated_at());
        let user = &credentials.user;
        let device_id = self.sessions.device_to_be(&session, &destination);
        let mut device = self.sessions.device_of_login(context, user, &destination)?;
        if wants_trust {
            device.trust =
                self.sessions.trust_by(context, user, &destination, device_id, factor).await?;
        }
        let trusted_until = device.trust.as_ref().map(|trust| trust.expires_at);
        let completing =
            self.store.challenge_complete(challenge, session, spending, settled, limit, device);
        let session = completing.await?.ok_or(Error::ChallengeInvalid)?;
        if factor == Factor::RecoveryCode || trusted_until.is_some() {
            self.outbox.wake();
        }
        let tokens = if begins {
            self.sessions.issue_at_login(credentials, &session, device_id, false)
        } else {
            self.sessions.issue(user, &session, session.authenticated_at())
        };
        Ok(Verified { tokens: tokens?, trusted_until })
    }

    /// The session that a right answer makes: a new one, or the one that is proved once more.
    async fn session_to_be(
        &self,
        credentials: &Credentials,
        destination: &Destination,
        methods: Vec<AuthMethod>,
    ) -> Result<Session, Error> {
        let Some(id) = destination.session_id else {
            return Ok(self.sessions.new_session(credentials, destination, &methods));
        };
        let now = self.clock.now();
        let live = self.store.session_live(id, now).await?.ok_or(Error::ChallengeInvalid)?;
        let address = destination.address;
        Ok(Session { methods, reauthenticated_at: Some(now), address, ..live.session })
    }
}
