//! The parts of the service, built once and passed to those that use them.

use std::sync::Arc;

use super::{
    base::Base,
    commands::{key_keeper, master_key},
    environment::Environment,
    error::Error,
    rules_file::RulesFile,
};
use crate::{
    config::{self, Config, Signing},
    domain::TokenIssuer,
    fetch::Fetcher,
    passkey::RelyingParty,
    password::{Passwords, breached::Breached},
    service::{
        self, Accounts, Assertions, AuditLog, AuthorizationFigures, Ceremonies, Clock,
        DeliveryFigures, Factors, Janitor, KeyKeeper, Keys, Logins, Mailbox, NewPasswords,
        Operations, Outbox, PasskeyKeeper, Readiness, Revocations, ServiceAccounts, Sessions,
        Subscriptions, Transfers, UserManager, Verdicts,
    },
    store::{self, Store},
    token::{self, AccessTokens, KeyRing},
};

/// All parts of one replica.
#[derive(Debug)]
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The hashing engine.
    pub passwords: Passwords,
    /// What new passwords must be.
    pub new_passwords: NewPasswords,
    /// Messages to users.
    pub outbox: Outbox,
    /// The signing keys.
    pub keys: Arc<Keys>,
    /// The revocation log.
    pub revocations: Arc<Revocations>,
    /// The audit log.
    pub audit: Arc<AuditLog>,
    /// Subscriptions to events.
    pub subscriptions: Arc<Subscriptions>,
    /// Posts to their receivers.
    pub fetcher: Fetcher,
    /// Metrics of their deliveries.
    pub deliveries: DeliveryFigures,
    /// Creates, shows and ends sessions.
    pub sessions: Arc<Sessions>,
    /// Says whether tokens are good now.
    pub verdicts: Arc<Verdicts>,
    /// The rules by which requests to other services are decided, if they are.
    pub(super) rules: Option<Arc<RulesFile>>,
    /// Metrics of that.
    pub(super) authorization: AuthorizationFigures,
    /// Proves service accounts, and issues their tokens.
    pub service_accounts: Arc<ServiceAccounts>,
    /// Checks second factors, and changes them.
    pub factors: Arc<Factors>,
    /// Asks browsers for passkeys.
    pub ceremonies: Arc<Ceremonies>,
    /// Manages the passkeys of users.
    pub passkeys: Arc<PasskeyKeeper>,
    /// Sends codes to mailboxes, and checks the answers.
    pub mailbox: Arc<Mailbox>,
    /// Creates, changes and deletes accounts.
    pub accounts: Arc<Accounts>,
    /// Logs users in.
    pub logins: Arc<Logins>,
    /// Finds and changes users, for administrators.
    pub users: Arc<UserManager>,
    /// Imports and exports users.
    pub transfers: Arc<Transfers>,
    /// Changes this replica, for administrators.
    pub operations: Arc<Operations>,
    /// Deletes expired rows.
    pub janitor: Janitor,
    /// Checks whether the replica can do its work.
    pub readiness: Readiness,
}

impl Parts {
    /// Ends all streams: an open one would block a graceful shutdown.
    pub fn end_streams(&self) {
        self.revocations.end_streams();
        self.audit.end_streams();
    }
}

/// Builds all parts and their base: an up-to-date database, keys, hashing threads. For commands: without passkeys, which are for pages.
///
/// # Errors
/// A part that is not available.
pub async fn parts(config: &Config, environment: &Environment) -> Result<Parts, Error> {
    parts_of(config, None, environment).await
}

/// The same, for browsers to whom we are that.
pub(super) async fn parts_of(
    config: &Config,
    relying_party: Option<RelyingParty>,
    environment: &Environment,
) -> Result<Parts, Error> {
    // In the background: only the first signature needs it, and would otherwise pay for it.
    drop(tokio::task::spawn_blocking(token::seed_randomness));
    // First: its threads check and measure the kernels meanwhile, at a low priority.
    let passwords = Passwords::start(config.password).map_err(Error::Threads)?;
    // Before the master key: this creates the folder where the development profile keeps it.
    let store = config.database.connect().await?;
    store::prepare(store.as_ref(), config.database.preparation()).await?;
    let master_key = master_key(config).await?;
    // Before the signing keys: a wrong master key is noticed here, before it encrypts one.
    let master_key =
        service::with_digest_key(master_key, store.as_ref(), &environment.clock).await?;
    let (keeper, ring) = match &config.signing {
        Signing::Stored(algorithm) => {
            let keeper = key_keeper(config, *algorithm, &store, &master_key, &environment.clock);
            let ring = keeper.load().await?;
            (Some(keeper), ring)
        }
        Signing::Secret(key) => (None, KeyRing::of_one(key.clone())),
    };
    passwords.rest_while(store.writing());
    let (policy, clock) = (Arc::new(config.policy.clone()), environment.clock.clone());
    let outbox = Outbox::new(master_key.clone(), clock.clone());
    let new_passwords = new_passwords(config)?;
    let base = Base { store, passwords, new_passwords, master_key, policy, outbox, clock };
    let config::Assertions { issuers, networks, trust } = config.assertions.clone();
    let fetcher = Fetcher::new(&trust, networks).map_err(Error::Fetcher)?;
    let assertions = assertions(config, fetcher.clone(), issuers, &base.clock);
    let parts = wire(config, environment, base, (relying_party, fetcher, assertions), keeper, ring);
    let Some(file) = config.authorization.clone() else { return Ok(parts) };
    let (verdicts, figures) = (Arc::clone(&parts.verdicts), parts.authorization.clone());
    let rules = RulesFile::load(file, verdicts, environment.clock.clone(), figures)?;
    Ok(Parts { rules: Some(Arc::new(rules)), ..parts })
}

/// What new passwords must be. The list stays open: a start takes another one.
fn new_passwords(config: &Config) -> Result<NewPasswords, Error> {
    let list = config.breached_passwords.as_deref().map(Breached::open);
    let list = list.transpose().map_err(Error::Breached)?;
    if let Some(facts) = list.as_ref().map(Breached::facts) {
        // As a line of the passwords': commands leave those out.
        tracing::info!(
            target: "countersign::password",
            entries = facts.entries,
            at_least = facts.at_least,
            "new passwords are compared with breached ones"
        );
    }
    Ok(NewPasswords::new(config.policy.password, list))
}

/// What verifies the assertions of services. They are for the issuer, or for the endpoint that takes them: libraries
/// differ in which one they name.
fn assertions(
    config: &Config,
    fetcher: Fetcher,
    issuers: Vec<TokenIssuer>,
    clock: &Clock,
) -> Assertions {
    let issuer = &config.access_tokens.issuer;
    let endpoint = format!("{}/oauth2/token", issuer.trim_end_matches('/'));
    Assertions::new(fetcher, issuers, vec![issuer.clone(), endpoint], clock.clone())
}

/// Passes to each part those that it uses.
fn wire(
    config: &Config,
    environment: &Environment,
    base: Base,
    (relying_party, fetcher, assertions): (Option<RelyingParty>, Fetcher, Assertions),
    keeper: Option<KeyKeeper>,
    ring: KeyRing,
) -> Parts {
    let (store, clock) = (Arc::clone(&base.store), base.clock.clone());
    let tokens = AccessTokens::new(ring, config.access_tokens.clone());
    let keys = Arc::new(Keys::new(keeper, tokens.clone(), clock.clone()));
    let (pace, stream_age) = (environment.revocations, config.listen.stream_age);
    let revocations = Revocations::new(Arc::clone(&store), clock.clone(), pace, stream_age);
    let revocations = Arc::new(revocations);
    let subscriptions = base.subscriptions(config.assertions.networks.clone());
    let audit = AuditLog::new(
        Arc::clone(&store),
        base.master_key.clone(),
        clock.clone(),
        Arc::clone(&revocations),
        pace,
        stream_age,
    );
    let limits = Arc::new(base.limits());
    let sessions = Arc::new(base.sessions(tokens.clone(), &limits));
    let verdicts = base.verdicts(tokens.clone(), &sessions, &revocations);
    let service_accounts = Arc::new(base.service_accounts(tokens, assertions, &limits, &sessions));
    let ceremonies = Arc::new(base.ceremonies(relying_party, &limits));
    let factors = Arc::new(base.factors(&limits, &ceremonies, &sessions));
    let passkeys = Arc::new(base.passkeys(&factors, &ceremonies));
    let mailbox = Arc::new(base.mailbox(&limits, &sessions));
    let logins = Arc::new(base.logins(&limits, &sessions, &ceremonies, &factors, &mailbox));
    let accounts = Arc::new(base.accounts(&limits, &sessions, &factors, &mailbox));
    let users = Arc::new(base.user_manager(&limits, &mailbox, config.access_tokens.ttl));
    let transfers = Arc::new(base.transfers());
    let operations = Arc::new(base.operations(environment));
    let janitor = Janitor::new(Arc::clone(&store), Arc::clone(&keys), &base.policy, clock);
    let readiness = Readiness::new(Arc::clone(&store), Arc::clone(&keys));
    Parts {
        store,
        passwords: base.passwords,
        new_passwords: base.new_passwords,
        outbox: base.outbox,
        keys,
        revocations,
        audit: Arc::new(audit),
        subscriptions: Arc::new(subscriptions),
        fetcher,
        deliveries: DeliveryFigures::default(),
        sessions,
        verdicts: Arc::new(verdicts),
        rules: None,
        authorization: AuthorizationFigures::default(),
        service_accounts,
        factors,
        ceremonies,
        passkeys,
        mailbox,
        accounts,
        logins,
        users,
        transfers,
        operations,
        janitor,
        readiness,
    }
}
