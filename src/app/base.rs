//! The state that several parts share, and the construction of each part from it and from those that it uses.

use std::{sync::Arc, time::Duration};

use super::environment::Environment;
use crate::{
    domain::{Policy, PrivateNetworks},
    passkey::RelyingParty,
    password::Passwords,
    service::{
        Accounts, Assertions, Ceremonies, Clock, Factors, KnownKeys, Limits, Logins, Mailbox,
        NewPasswords, Operations, Outbox, PasskeyKeeper, Retries, Revocations, ServiceAccounts,
        Sessions, Subscriptions, Transfers, UserManager, Verdicts,
    },
    store::Store,
    token::{AccessTokens, MasterKey},
};

/// The state that several parts share.
pub(super) struct Base {
    pub(super) store: Arc<dyn Store>,
    pub(super) passwords: Passwords,
    pub(super) new_passwords: NewPasswords,
    pub(super) master_key: MasterKey,
    pub(super) policy: Arc<Policy>,
    pub(super) outbox: Outbox,
    pub(super) clock: Clock,
}

impl Base {
    fn retries(&self) -> Retries {
        Retries {
            store: Arc::clone(&self.store),
            master_key: self.master_key.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::new(
            Arc::clone(&self.store),
            self.master_key.clone(),
            self.passwords.clone(),
            Arc::clone(&self.policy),
            self.outbox.clone(),
            self.clock.clone(),
        )
    }

    pub(super) fn subscriptions(&self, networks: PrivateNetworks) -> Subscriptions {
        Subscriptions {
            store: Arc::clone(&self.store),
            master_key: self.master_key.clone(),
            networks,
            clock: self.clock.clone(),
            wake: Arc::default(),
        }
    }

    pub(super) fn sessions(&self, tokens: AccessTokens, limits: &Arc<Limits>) -> Sessions {
        Sessions {
            store: Arc::clone(&self.store),
            tokens,
            master_key: self.master_key.clone(),
            policy: Arc::clone(&self.policy),
            limits: Arc::clone(limits),
            outbox: self.outbox.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn verdicts(
        &self,
        tokens: AccessTokens,
        sessions: &Arc<Sessions>,
        revocations: &Arc<Revocations>,
    ) -> Verdicts {
        let (policy, clock) = (Arc::clone(&self.policy), self.clock.clone());
        Verdicts::new(tokens, policy, Arc::clone(sessions), Arc::clone(revocations), clock)
    }

    pub(super) fn service_accounts(
        &self,
        tokens: AccessTokens,
        assertions: Assertions,
        limits: &Arc<Limits>,
        sessions: &Arc<Sessions>,
    ) -> ServiceAccounts {
        ServiceAccounts {
            store: Arc::clone(&self.store),
            tokens,
            master_key: self.master_key.clone(),
            policy: Arc::clone(&self.policy),
            limits: Arc::clone(limits),
            sessions: Arc::clone(sessions),
            assertions,
            known_keys: KnownKeys::default(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn ceremonies(
        &self,
        relying_party: Option<RelyingParty>,
        limits: &Arc<Limits>,
    ) -> Ceremonies {
        Ceremonies {
            relying_party: relying_party.map(Arc::new),
            store: Arc::clone(&self.store),
            master_key: self.master_key.clone(),
            limits: Arc::clone(limits),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn passkeys(
        &self,
        factors: &Arc<Factors>,
        ceremonies: &Arc<Ceremonies>,
    ) -> PasskeyKeeper {
        PasskeyKeeper {
            store: Arc::clone(&self.store),
            factors: Arc::clone(factors),
            ceremonies: Arc::clone(ceremonies),
            policy: Arc::clone(&self.policy),
            outbox: self.outbox.clone(),
            retries: self.retries(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn factors(
        &self,
        limits: &Arc<Limits>,
        ceremonies: &Arc<Ceremonies>,
        sessions: &Arc<Sessions>,
    ) -> Factors {
        Factors {
            ceremonies: Arc::clone(ceremonies),
            store: Arc::clone(&self.store),
            master_key: self.master_key.clone(),
            policy: Arc::clone(&self.policy),
            limits: Arc::clone(limits),
            sessions: Arc::clone(sessions),
            outbox: self.outbox.clone(),
            retries: self.retries(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn mailbox(&self, limits: &Arc<Limits>, sessions: &Arc<Sessions>) -> Mailbox {
        Mailbox {
            store: Arc::clone(&self.store),
            master_key: self.master_key.clone(),
            policy: Arc::clone(&self.policy),
            limits: Arc::clone(limits),
            sessions: Arc::clone(sessions),
            outbox: self.outbox.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn accounts(
        &self,
        limits: &Arc<Limits>,
        sessions: &Arc<Sessions>,
        factors: &Arc<Factors>,
        mailbox: &Arc<Mailbox>,
    ) -> Accounts {
        Accounts {
            store: Arc::clone(&self.store),
            passwords: self.passwords.clone(),
            new_passwords: self.new_passwords.clone(),
            policy: Arc::clone(&self.policy),
            limits: Arc::clone(limits),
            sessions: Arc::clone(sessions),
            factors: Arc::clone(factors),
            mailbox: Arc::clone(mailbox),
            outbox: self.outbox.clone(),
            retries: self.retries(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn operations(&self, environment: &Environment) -> Operations {
        Operations {
            store: Arc::clone(&self.store),
            log_filter: environment.log_filter.clone(),
            clock: self.clock.clone(),
        }
    }

    pub(super) fn transfers(&self) -> Transfers {
        Transfers {
            store: Arc::clone(&self.store),
            master_key: self.master_key.clone(),
            clock: self.clock.clone(),
        }
    }

    /// `token_ttl` is the longest life of an access token.
    pub(super) fn user_manager(
        &self,
        limits: &Arc<Limits>,
        mailbox: &Arc<Mailbox>,
        token_ttl: Duration,
    ) -> UserManager {
        UserManager {
            store: Arc::clone(&self.store),
            master_key: self.master_key.clone(),
            passwords: self.passwords.clone(),
            new_passwords: self.new_passwords.clone(),
            policy: Arc::clone(&self.policy),
            limits: Arc::clone(limits),
            mailbox: Arc::clone(mailbox),
            outbox: self.outbox.clone(),
            token_ttl,
            clock: self.clock.clone(),
        }
    }

    pub(super) fn logins(
        &self,
        limits: &Arc<Limits>,
        sessions: &Arc<Sessions>,
        ceremonies: &Arc<Ceremonies>,
        factors: &Arc<Factors>,
        mailbox: &Arc<Mailbox>,
    ) -> Logins {
        Logins {
            ceremonies: Arc::clone(ceremonies),
            store: Arc::clone(&self.store),
            passwords: self.passwords.clone(),
            policy: Arc::clone(&self.policy),
            master_key: self.master_key.clone(),
            limits: Arc::clone(limits),
            sessions: Arc::clone(sessions),
            factors: Arc::clone(factors),
            mailbox: Arc::clone(mailbox),
            outbox: self.outbox.clone(),
            retries: self.retries(),
            clock: self.clock.clone(),
        }
    }
}
