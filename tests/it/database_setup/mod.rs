//! What the service needs of a Postgres, and what it does about one that is otherwise: roles, settings, strings, poolers.

mod errors;
mod migrations;
mod pooler;
mod rights;
mod session;

use crate::harness::{Database, unique};

/// A role of the test's own, which may log in.
struct Role {
    name: String,
}

impl Role {
    /// Makes it, with what `CREATE ROLE` takes behind LOGIN.
    async fn new(database: &Database, with: &str) -> Self {
        let name = unique(&format!("role_{}", std::process::id()));
        database.run(&format!(r#"CREATE ROLE "{name}" LOGIN PASSWORD 'secret' {with}"#)).await;
        Self { name }
    }

    /// A setting of all its sessions.
    async fn set(&self, database: &Database, setting: &str) {
        database.run(&format!(r#"ALTER ROLE "{}" SET {setting}"#, self.name)).await;
    }

    /// The URL of `database` for it.
    fn url(&self, database: &Database) -> String {
        let (scheme, rest) = database.url.split_once("://").unwrap();
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        format!("{scheme}://{}:secret@{place}", self.name)
    }

    /// Roles are the whole cluster's, and outlive the database.
    async fn drop(self, database: &Database) {
        let name = self.name;
        database.run(&format!(r#"DROP OWNED BY "{name}" CASCADE; DROP ROLE "{name}""#)).await;
    }
}
