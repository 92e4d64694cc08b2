//! Random histories on three replicas whose logs are read late or never: no session that has ended is active beyond the
//! bound, and every one that lives is.

use std::{sync::Arc, time::Duration};

use countersign::{
    app::{self, Environment, Parts},
    domain::{Context, Timestamp},
    service::{
        Account, Caller, ChangePasswordRequest, Confirmation, LoginOutcome, LoginRequest,
        RefreshTokenRequest, RegisterRequest, Tokens,
    },
    store::Revoking,
    token::OpaqueToken,
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use crate::{
    harness::{
        Backend, Database,
        clock::TestClock,
        on_both,
        server::{PASSWORD, config},
        unique,
    },
    service_accounts::operator,
};

/// What another replica ends may be told as active for less than this, and on the replica that ends it for no time.
const BOUND: Duration = Duration::from_millis(300);

const STEPS: usize = 120;

/// Pseudorandom numbers: a seed tells a history.
struct Chance(u64);

impl Chance {
    /// A number below `end` (splitmix64).
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// A session as it should be.
struct Held {
    user: usize,
    tokens: Tokens,
    /// All its access tokens.
    issued: Vec<String>,
    /// When it ended, and on which replica.
    ended: Option<(Timestamp, usize)>,
}

struct User {
    id: Uuid,
    name: String,
    password: String,
    is_disabled: bool,
}

struct World {
    replicas: Vec<Parts>,
    clock: TestClock,
    chance: Chance,
    users: Vec<User>,
    sessions: Vec<Held>,
    /// How often another replica did not know yet.
    late: u32,
}

impl World {
    async fn new(database: &Database, seed: u64) -> Self {
        let clock = TestClock::default();
        clock.stop();
        let mut config = config(database);
        config.policy.address_rate = 0;
        let mut replicas = Vec::new();
        for _ in 0..3 {
            let environment = Environment { clock: clock.clock(), ..Environment::default() };
            replicas.push(app::parts(&config, &environment).await.unwrap());
        }
        let (chance, users, sessions, late) = (Chance(seed), Vec::new(), Vec::new(), 0);
        Self { replicas, clock, chance, users, sessions, late }
    }

    async fn register(&mut self) {
        let name = unique("model");
        let request = RegisterRequest {
            email: format!("{name}@example.com"),
            username: name.clone(),
            password: PASSWORD.to_owned().into(),
            is_2fa_enabled: false,
            request_id: String::new(),
        };
        let registered = self.replicas[0].accounts.register(&operator(), request).await.unwrap();
        let (id, password) = (registered.user.id, PASSWORD.to_owned());
        self.users.push(User { id, name, password, is_disabled: false });
    }

    /// One thing happens, on some replica.
    async fn step(&mut self) {
        let replica = self.chance.below(3);
        match self.chance.below(20) {
            0..5 => self.log_in(replica).await,
            5..10 => self.replicas[replica].revocations.read().await.unwrap(),
            10..12 => {
                let by = self.chance.below(200);
                self.clock.advance(Duration::from_millis(by.try_into().unwrap()));
            }
            12 => self.refresh(replica).await,
            13 => self.refresh_again(replica).await,
            14 => self.log_out(replica).await,
            15 => self.revoke_one(replica).await,
            16 => self.revoke_others(replica).await,
            17 => self.change_password(replica).await,
            18 => self.switch(replica).await,
            _ => self.delete(replica).await,
        }
    }

    async fn log_in(&mut self, replica: usize) {
        if self.users.iter().filter(|user| !user.is_disabled).count() < 3 {
            self.register().await;
        }
        let user = self.chance.below(self.users.len());
        let User { name, password, is_disabled, .. } = &self.users[user];
        if *is_disabled {
            return;
        }
        let request = LoginRequest {
            username: name.clone(),
            password: password.clone().into(),
            audience: String::new(),
            device_name: String::new(),
            device_token: OpaqueToken::from_text(String::new()),
        };
        let outcome = self.replicas[replica].logins.login(&nobody(), request).await;
        let LoginOutcome::Tokens(tokens) = outcome.unwrap() else { panic!("a second factor") };
        let issued = vec![tokens.access.jwt.clone()];
        self.sessions.push(Held { user, tokens, issued, ended: None });
    }

    /// A session that lives.
    fn any(&mut self) -> Option<usize> {
        let living = |(place, held): (usize, &Held)| held.ended.is_none().then_some(place);
        let living: Vec<_> = self.sessions.iter().enumerate().filter_map(living).collect();
        (!living.is_empty()).then(|| living[self.chance.below(living.len())])
    }

    async fn account(&self, session: usize, replica: usize) -> Account {
        let jwt = self.sessions[session].issued.last().unwrap();
        self.replicas[replica].sessions.authenticate(jwt).await.unwrap()
    }

    async fn refresh(&mut self, replica: usize) {
        let Some(session) = self.any() else { return };
        let request = refresh_of(&self.sessions[session].tokens);
        let held = &mut self.sessions[session];
        held.tokens =
            self.replicas[replica].sessions.refresh_token(&nobody(), request).await.unwrap();
        held.issued.push(held.tokens.access.jwt.clone());
    }

    /// Reuse: the session ends.
    async fn refresh_again(&mut self, replica: usize) {
        let Some(session) = self.any() else { return };
        let again = refresh_of(&self.sessions[session].tokens);
        let first = refresh_of(&self.sessions[session].tokens);
        let sessions = &self.replicas[replica].sessions;
        let next = sessions.refresh_token(&nobody(), first).await.unwrap();
        sessions.refresh_token(&nobody(), again).await.unwrap_err();
        self.sessions[session].issued.push(next.access.jwt);
        self.end(replica, |place, _| place == session);
    }

    async fn log_out(&mut self, replica: usize) {
        let Some(session) = self.any() else { return };
        let token = text_of(&self.sessions[session].tokens);
        self.replicas[replica].sessions.logout(&nobody(), token).await.unwrap();
        self.end(replica, |place, _| place == session);
    }

    async fn revoke_one(&mut self, replica: usize) {
        let (Some(asking), Some(other)) = (self.any(), self.any()) else { return };
        let account = self.account(asking, replica).await;
        let id = self.sessions[other].tokens.session_id.to_string();
        self.replicas[replica].sessions.revoke_session(&nobody(), &account, &id).await.unwrap();
        let user = self.sessions[asking].user;
        self.end(replica, |place, held| place == other && held.user == user);
    }

    async fn revoke_others(&mut self, replica: usize) {
        let Some(asking) = self.any() else { return };
        let account = self.account(asking, replica).await;
        let sessions = &self.replicas[replica].sessions;
        sessions.revoke_other_sessions(&nobody(), &account).await.unwrap();
        let user = self.sessions[asking].user;
        self.end(replica, |place, held| place != asking && held.user == user);
    }

    async fn change_password(&mut self, replica: usize) {
        let Some(asking) = self.any() else { return };
        let account = self.account(asking, replica).await;
        let user = self.sessions[asking].user;
        let new = format!("another passphrase {}", Uuid::now_v7());
        let current = std::mem::replace(&mut self.users[user].password, new.clone());
        let request = ChangePasswordRequest {
            current_password: current.into(),
            new_password: new.into(),
            second_factor: None,
            request_id: String::new(),
        };
        let accounts = &self.replicas[replica].accounts;
        accounts.change_password(&nobody(), &account, request).await.unwrap();
        self.end(replica, |place, held| place != asking && held.user == user);
    }

    /// Disables an account, or enables it again.
    async fn switch(&mut self, replica: usize) {
        if self.users.is_empty() {
            return;
        }
        let user = self.chance.below(self.users.len());
        let User { id, is_disabled, .. } = self.users[user];
        let (now, actor) = (self.clock.now(), operator().actor);
        let tokens_expire_at = now.plus(Duration::from_secs(900));
        let at = Revoking { now, tokens_expire_at, actor, address: None, carried_out: None };
        let store = &self.replicas[replica].store;
        let done = if is_disabled { store.user_enable(id, at) } else { store.user_disable(id, at) };
        // The deleted are not there.
        if done.await.unwrap() {
            self.users[user].is_disabled = !is_disabled;
            self.end(replica, |_, held| held.user == user);
        }
    }

    async fn delete(&mut self, replica: usize) {
        let Some(asking) = self.any() else { return };
        let account = self.account(asking, replica).await;
        let user = self.sessions[asking].user;
        let password = self.users[user].password.clone();
        let (password, request_id) = (password.into(), String::new());
        let sure = Confirmation { password, second_factor: None, request_id };
        let caller = Caller::Live(Box::new(account));
        self.replicas[replica].accounts.delete_me(&nobody(), &caller, sure).await.unwrap();
        self.users[user].is_disabled = true;
        self.end(replica, |_, held| held.user == user);
    }

    fn end(&mut self, replica: usize, ends: impl Fn(usize, &Held) -> bool) {
        let now = self.clock.now();
        for (place, held) in self.sessions.iter_mut().enumerate() {
            if held.ended.is_none() && ends(place, held) {
                held.ended = Some((now, replica));
            }
        }
    }

    /// All tokens, on all replicas.
    async fn check(&mut self) {
        let now = self.clock.now();
        for (number, replica) in self.replicas.iter().enumerate() {
            for held in &self.sessions {
                let token = &held.issued[held.issued.len() / 2];
                let active = replica.verdicts.introspect_token(token).await.unwrap().is_some();
                match held.ended {
                    None => assert!(active, "it lives"),
                    Some((at, by)) if active => {
                        assert!(by != number, "on the replica that ended it");
                        assert!(now.since(at) < BOUND, "after {:?}", now.since(at));
                        self.late += 1;
                    }
                    Some(_) => {}
                }
            }
        }
        // What ended long ago stays so.
        self.sessions.retain(|held| held.ended.is_none_or(|(at, _)| now.since(at) < 4 * BOUND));
    }
}

fn nobody() -> Context {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    Context::of_nobody(None, deadline, Uuid::now_v7().into())
}

fn text_of(tokens: &Tokens) -> OpaqueToken {
    OpaqueToken::from_text(tokens.refresh.expose().to_owned())
}

fn refresh_of(tokens: &Tokens) -> RefreshTokenRequest {
    RefreshTokenRequest { refresh_token: text_of(tokens), request_id: String::new() }
}

#[apply(on_both)]
#[tokio::test]
async fn no_history_makes_an_ended_session_active_beyond_the_bound(backend: Backend) {
    let mut late = 0;
    for seed in 0..4 {
        let database = Arc::new(Database::new(backend).await);
        let mut world = World::new(&database, seed).await;
        for step in 0..STEPS {
            world.step().await;
            eprintln!("{backend:?}, seed {seed}, step {step}");
            world.check().await;
        }
        late += world.late;
        for replica in &world.replicas {
            replica.store.close().await;
        }
    }
    assert!(late > 0, "memory was never asked");
}
