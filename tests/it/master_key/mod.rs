//! The master key, and another one in its place (ADR 20).

mod digest_key;
mod reencrypt;
mod replaced;

use std::{sync::Arc, time::Duration};

use countersign::{
    app::Environment,
    config::{Config, MasterKeySource},
    delivery::{Delivery, Trust},
    token::MasterKey,
};

use crate::{
    delivery::webhook_to,
    harness::{Database, Server, clock::TestClock, command::output, server::config},
    process::on,
};

/// Master keys as they are configured: the current one, and perhaps an old one.
#[derive(Debug, Clone, Copy)]
struct Keys<'a>(&'a str, Option<&'a str>);

impl Keys<'_> {
    fn put_into(self, config: &mut Config) {
        let parse = |text: &str| MasterKey::parse(text).unwrap();
        config.master_key = MasterKeySource::Given(Box::new(parse(self.0)));
        config.old_master_key = self.1.map(parse);
    }
}

/// A database, whose servers come and go.
struct Service {
    database: Arc<Database>,
    clock: TestClock,
}

impl Service {
    fn config(&self, keys: Keys<'_>) -> Config {
        let mut config = config(&self.database);
        keys.put_into(&mut config);
        config
    }

    async fn start(&self, keys: Keys<'_>) -> Server {
        self.start_on(&self.config(keys)).await
    }

    /// A server whose messages get nowhere.
    async fn start_without_mail(&self, keys: Keys<'_>) -> Server {
        let mut config = self.config(keys);
        config.delivery = nowhere();
        self.start_on(&config).await
    }

    async fn start_on(&self, config: &Config) -> Server {
        let environment = Environment {
            clock: self.clock.clock(),
            deliver_every: Duration::from_millis(20),
            ..Environment::default()
        };
        Server::start_on(Arc::clone(&self.database), config, environment, self.clock.clone()).await
    }

    /// What `countersign keys reencrypt` prints, and what it says where it fails.
    fn reencrypt(&self, keys: Keys<'_>) -> (String, Result<(), String>) {
        let mut command = on(&self.database, &["keys", "reencrypt"]);
        command.env("COUNTERSIGN_MASTER_KEY", keys.0);
        if let Some(old) = keys.1 {
            command.env("COUNTERSIGN_MASTER_KEY_OLD", old);
        }
        let (result, said) = output(command);
        let printed = String::from_utf8(result.stdout).unwrap();
        (printed, if result.status.success() { Ok(()) } else { Err(said) })
    }

    async fn count(&self, table: &str) -> i64 {
        self.database.number(&format!("SELECT COUNT(*) FROM {table}")).await
    }
}

fn nowhere() -> Delivery {
    webhook_to("http://127.0.0.1:1/", &Trust::default())
}

/// The numbers that a table of `keys reencrypt` has for a column: moved, current before, not opened.
fn numbers(printed: &str, column: &str) -> [u64; 3] {
    let line = printed.lines().find(|line| line.starts_with(column));
    let line = line.unwrap_or_else(|| panic!("no {column} in {printed}"));
    let numbers: Vec<_> =
        line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}
