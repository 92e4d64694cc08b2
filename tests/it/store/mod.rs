//! The store's contract: every method, on both databases.

mod asking;
mod at_once;
mod challenges;
mod claims;
mod completion;
mod database;
mod deletions;
mod email_changes;
mod email_keys;
mod email_login;
mod event_log;
mod events;
mod factors;
mod housekeeping;
mod mailbox;
mod managed_users;
mod new_device;
mod operations;
mod outbox;
mod outbox_order;
mod outbox_plans;
mod passkeys;
mod passwords;
mod pending_users;
mod personal_data;
mod reauthentication;
mod refresh;
mod restored;
mod retries;
mod revocations;
mod sealed;
mod service_accounts;
mod service_keys;
mod session_limit;
mod sessions;
mod signing_keys;
mod subscriptions;
mod throttles;
mod trusted_devices;
mod users;
mod void_codes;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use countersign::{
    domain::{
        Actor, AuthMethod, Challenge, Factor, FirstProof, ServiceAccountId, Session, Timestamp,
        User,
    },
    store::{
        Credentials, LoginDevice, NewChallenge, NewUser, Priority, Revoking, SealedMessage,
        SessionLimit, Settled, Store,
    },
};
use uuid::Uuid;

use crate::harness::unique;

/// Who asks for what these tests ask for.
const ACTOR: Actor = Actor::Service(ServiceAccountId(Uuid::from_u128(7)));

/// Where requests come from.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// No attempt to settle.
const NO_FAILURES: Settled = Settled { forget: Vec::new(), give_back: Vec::new() };

/// A login of which nothing is told.
const KNOWN_DEVICE: LoginDevice = LoginDevice::KNOWN;

/// More sessions than any test begins.
const NO_LIMIT: SessionLimit =
    SessionLimit { most: 100_000, tokens_expire_at: Timestamp::from_unix_micros(0) };

/// Now, or later.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_123_456).plus(Duration::from_secs(seconds))
}

pub fn new_user() -> NewUser {
    let username = unique("User");
    let email = format!("{username}@Example.com");
    NewUser {
        username_key: username.to_lowercase(),
        email_key: email.to_lowercase(),
        user: User {
            is_2fa_enabled: true,
            roles: vec!["staff".into(), "auditor".into()],
            ..User::new(Uuid::now_v7(), username, email, at(0))
        },
        claim_key: None,
        verify_by: None,
        password_hash: "hash".into(),
        request_id: Some(Uuid::now_v7()),
        verification: None,
        actor: ACTOR,
        address: Some(ADDRESS),
    }
}

async fn stored_user(store: &dyn Store) -> Credentials {
    let new = new_user();
    assert!(store.user_create(new.clone()).await.unwrap());
    store.user_by_id(new.user.id).await.unwrap().unwrap()
}

/// A session of that user: begun at 0, idle until 500, over at 1,000.
fn session_of(user_id: Uuid) -> Session {
    Session {
        id: Uuid::now_v7(),
        user_id,
        audience: "countersign".into(),
        device_name: "phone".into(),
        methods: vec![AuthMethod::Password, AuthMethod::OneTimeCode, AuthMethod::MultiFactor],
        created_at: at(0),
        reauthenticated_at: None,
        expires_at: at(1000),
        last_used_at: at(0),
        address: Some(ADDRESS),
        idle_expires_at: at(500),
        token_number: 0,
        refresh_salt: *Uuid::now_v7().as_bytes(),
        epoch: 0,
    }
}

fn new_challenge(user: &Credentials) -> NewChallenge {
    NewChallenge {
        challenge: Challenge {
            id: Uuid::now_v7(),
            user_id: user.user.id,
            credential_version: user.credential_version,
            first: FirstProof::Password,
            factors: vec![Factor::EmailCode, Factor::RecoveryCode],
            is_long_code: false,
            attempts: 0,
            session_id: None,
            audience: "countersign".into(),
            device_name: "phone".into(),
            device_id: Some(Uuid::now_v7()),
            created_at: at(0),
            resend_at: at(30),
            expires_at: at(300),
            consumed_at: None,
        },
        id_mac: *Uuid::now_v7().as_bytes().repeat(2).first_chunk().unwrap(),
        code_mac: [1; 32],
        actor: ACTOR,
        address: Some(ADDRESS),
        settled: NO_FAILURES,
        mail: None,
        code_id: None,
    }
}

/// A request that ends something, whose tokens live for 900 seconds.
fn revoking(seconds: u64) -> Revoking {
    let (now, tokens_expire_at) = (at(seconds), at(seconds + 900));
    Revoking { now, tokens_expire_at, actor: ACTOR, address: Some(ADDRESS), carried_out: None }
}

/// A login code that is of use until 300. Nobody else's message has its source or its account.
fn new_message() -> SealedMessage {
    let id = Uuid::now_v7();
    let digest = *id.as_bytes().repeat(2).first_chunk().unwrap();
    SealedMessage {
        id,
        sealed: id.into_bytes().to_vec(),
        created_at: at(0),
        expires_at: at(300),
        priority: Priority::LoginCode,
        source: digest,
        account: digest,
        code: None,
    }
}
