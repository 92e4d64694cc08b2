//! What is tried, one file each.

mod codes;
mod flood;
mod lock_out;
mod owner;
mod pile_up;
mod resets;
mod spraying;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    caller::{Caller, Person},
    report::Row,
    server::Server,
    siege::Plan,
};

/// How many attempts are under way at a time.
const AT_ONCE: usize = 16;

/// A password that is nobody's.
const WRONG: &str = "not the password";

/// A scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scenario {
    /// One password over many accounts
    Spraying,
    /// Codes of resets over many accounts
    Resets,
    /// Codes of a second factor, by somebody who has the password
    Codes,
    /// As many mails as can be had
    Flood,
    /// Wrong passwords of one account
    LockOut,
    /// Logins of one account
    PileUp,
}

pub(crate) const EACH: [Scenario; 6] = [
    Scenario::Spraying,
    Scenario::Resets,
    Scenario::Codes,
    Scenario::Flood,
    Scenario::LockOut,
    Scenario::PileUp,
];

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spraying => "password spraying",
            Self::Resets => "codes of resets",
            Self::Codes => "codes of logins",
            Self::Flood => "mails",
            Self::LockOut => "lock-out",
            Self::PileUp => "a pile of sessions",
        }
    }

    pub(crate) async fn run(self, stage: &Stage) -> anyhow::Result<Vec<Row>> {
        match self {
            Self::Spraying => spraying::run(stage).await,
            Self::Resets => resets::run(stage).await,
            Self::Codes => codes::run(stage).await,
            Self::Flood => flood::run(stage).await,
            Self::LockOut => lock_out::run(stage).await,
            Self::PileUp => pile_up::run(stage).await,
        }
    }
}

/// How much is tried. The short ones still pass each bound that they are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Accounts over which a password is sprayed.
    sprayed: usize,
    /// Accounts whose resets are guessed at.
    targets: usize,
    /// Logins after which a code of an app is guessed at.
    apps: usize,
    /// Addresses for which mails are asked.
    flooded: usize,
    /// Wrong passwords of one account.
    polls: usize,
    /// Sessions of one account.
    sessions: usize,
    /// How often an owner tries.
    tries: usize,
}

impl Sizes {
    pub(crate) const FULL: Self = Self {
        sprayed: 400,
        targets: 60,
        apps: 30,
        flooded: 300,
        polls: 600,
        sessions: 300,
        tries: 20,
    };

    pub(crate) const SHORT: Self = Self {
        sprayed: 120,
        targets: 8,
        apps: 6,
        flooded: 120,
        polls: 200,
        sessions: 120,
        tries: 5,
    };
}

/// The server, and addresses that no row before has used.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) server: Server,
    sizes: Sizes,
    rows: AtomicU8,
}

/// The addresses and the names of one row.
#[derive(Debug, Clone, Copy)]
struct Site(u8);

impl Site {
    fn name(self, number: usize) -> String {
        format!("user-{}-{number}", self.0)
    }
}

impl Stage {
    pub(crate) fn new(server: Server, sizes: Sizes) -> Self {
        Self { server, sizes, rows: AtomicU8::new(0) }
    }

    fn site(&self) -> Site {
        Site(self.rows.fetch_add(1, Ordering::Relaxed))
    }

    fn caller(&self, address: impl Into<IpAddr>) -> Caller {
        Caller::new(&self.server.channel, address.into())
    }

    /// An attacker at one of so many addresses, in turns (RFC 2544's network for measurements).
    fn attacker(&self, site: Site, number: usize, addresses: usize) -> Caller {
        let last = u8::try_from(number % addresses).unwrap_or(u8::MAX);
        self.caller([198, 18, site.0, last])
    }

    /// So many attempts, while an owner tries as often as the sizes say.
    fn plan(&self, attempts: usize) -> Plan {
        Plan { attempts, at_once: AT_ONCE, tries: self.sizes.tries, between: Duration::ZERO }
    }

    /// An owner at an address of their own.
    fn owner(&self, site: Site) -> Caller {
        self.caller([198, 19, site.0, 1])
    }

    /// Registers users, from this machine: that is limited for nobody.
    async fn people(&self, site: Site, count: usize, mailed: bool) -> anyhow::Result<Vec<Person>> {
        let person = |number: usize| {
            let username = site.name(number);
            Person { email: format!("{username}@example.com"), username }
        };
        let people: Vec<_> = (0..count).map(person).collect();
        self.register(&people, mailed).await?;
        Ok(people)
    }

    async fn person(&self, site: Site, mailed: bool) -> anyhow::Result<Person> {
        Ok(self.people(site, 1, mailed).await?.remove(0))
    }

    async fn register(&self, people: &[Person], mailed: bool) -> anyhow::Result<()> {
        let here = self.caller(Ipv4Addr::LOCALHOST);
        let registered = stream::iter(people.iter().map(|person| here.register(person, mailed)));
        registered.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(())
    }
}

/// How many addresses, in words.
fn addresses(count: usize) -> String {
    if count == 1 { "1 address".to_owned() } else { format!("{count} addresses") }
}
