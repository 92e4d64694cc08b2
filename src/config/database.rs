//! The database, and the profile that follows from it. Defaults are in `settings`.

use std::{path::PathBuf, sync::Arc};

use super::{Problem, Profile, reader::Reader, setting::Setting, settings, token_settings};
use crate::store::{self, Kind, Migrate, Preparation, Store, postgres::url::ConnectionString};

/// The database.
#[derive(Clone)]
pub struct Database {
    /// `postgres://…` or `sqlite://…`. It may hold a password.
    pub url: String,
    /// The most connections.
    pub max_connections: u32,
    /// How a start handles migrations.
    pub migrate: Migrate,
    /// The URL for migrations, if it is another one: it may hold a password.
    pub migrate_url: Option<String>,
    /// Hosts whose storage is durable although `fsync` is off.
    pub fsync_off_at: Vec<String>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url", &self.place()).finish_non_exhaustive()
    }
}

impl Database {
    /// The place of the data, without user, password and options.
    pub fn place(&self) -> String {
        if self.kind() == Some(Kind::Sqlite) {
            return self.url.split('?').next().unwrap_or_default().to_owned();
        }
        ConnectionString::parse(&self.url).map_or_else(|_| "postgres".to_owned(), |url| url.place())
    }

    /// The kind of database; `None` if the URL has another scheme.
    pub fn kind(&self) -> Option<Kind> {
        Kind::of(&self.url)
    }

    /// The file of SQLite, if it is not there yet.
    pub fn missing_file(&self) -> Option<PathBuf> {
        let file = (self.kind() == Some(Kind::Sqlite)).then(|| store::sqlite::file(&self.url));
        file?.ok().filter(|file| !file.exists())
    }

    /// Connects to the database.
    ///
    /// # Errors
    /// Those of [`store::connect`].
    pub async fn connect(&self) -> store::Result<Arc<dyn Store>> {
        store::connect_accepting(&self.url, self.max_connections, &self.fsync_off_at).await
    }

    /// Connects to an existing database: a command that reads or changes data must not create one.
    ///
    /// # Errors
    /// Those of [`store::connect_existing`].
    pub async fn connect_existing(&self) -> store::Result<Arc<dyn Store>> {
        store::connect_existing(&self.url, self.max_connections, &self.fsync_off_at).await
    }

    /// Connects to the URL for migrations.
    ///
    /// # Errors
    /// Those of [`store::connect`].
    pub async fn connect_to_migrate(&self) -> store::Result<Arc<dyn Store>> {
        let url = self.migrate_url.as_ref().unwrap_or(&self.url);
        store::connect_accepting(url, self.max_connections, &self.fsync_off_at).await
    }

    /// How the schema is brought up to date.
    pub fn preparation(&self) -> Preparation<'_> {
        let (migrate, url) = (self.migrate, self.migrate_url.as_deref());
        Preparation { migrate, url, fsync_off_at: &self.fsync_off_at }
    }
}

impl Reader<'_> {
    /// The configured URL; SQLite in a file by default (`settings::DATABASE_URL`).
    pub(super) fn database_url(&mut self) -> String {
        self.read(settings::DATABASE_URL, |url| Ok(url.to_owned()))
    }

    pub(super) fn database(&mut self, url: &str) -> Database {
        self.no_production_without_database();
        let problem = problem_of(url)
            .map(|problem| self.problems.add_of_value(settings::DATABASE_URL, problem));
        let max_connections = self.number(settings::DATABASE_CONNECTIONS, 1..=1000);
        let migrate = self.read(settings::MIGRATE, str::parse);
        let migrate_url = self.given(settings::MIGRATE_URL, |text| {
            problem_of(text).map_or_else(|| Ok(text.to_owned()), Err)
        });
        let fsync_off_at = self.given(settings::FSYNC_OFF_AT, hosts).unwrap_or_default();
        if problem.is_none() && Profile::of(url) == Profile::Development {
            self.only_with_postgres();
        }
        Database { url: url.to_owned(), max_connections, migrate, migrate_url, fsync_off_at }
    }

    /// Settings for production without a database show that the database was forgotten: the accounts would be in a file
    /// that the next container does not have.
    fn no_production_without_database(&mut self) {
        let forgotten = format!(
            "is set, and {} is not: set it to postgres://…, or to sqlite://… if that is meant",
            settings::DATABASE_URL.name
        );
        let is_given = self.settings.get(settings::DATABASE_URL).is_some();
        let about_it = |problem: &Problem| problem.setting.starts_with(settings::DATABASE_URL.name);
        if is_given || self.problems.0.iter().any(about_it) {
            return;
        }
        for setting in [
            settings::MASTER_KEY,
            settings::MASTER_KEY_OLD,
            settings::MIGRATE_URL,
            settings::FSYNC_OFF_AT,
        ] {
            if self.settings.get(setting).is_some() {
                self.problems.add(setting, forgotten.as_str());
            }
        }
        let is = |setting: Setting, production: fn(&str) -> bool| {
            self.settings.get(setting).is_some_and(production)
        };
        if is(settings::DELIVERY, |kind| matches!(kind, "smtp" | "webhook")) {
            self.problems.add(settings::DELIVERY, forgotten.as_str());
        }
        if is(token_settings::ISSUER, |issuer| issuer.starts_with("https://")) {
            self.problems.add(token_settings::ISSUER, forgotten.as_str());
        }
    }

    fn only_with_postgres(&mut self) {
        for setting in [settings::MIGRATE_URL, settings::FSYNC_OFF_AT] {
            if self.settings.get(setting).is_some()
                && self.settings.get(settings::DATABASE_URL).is_some()
            {
                self.problems.add(setting, "is of use with Postgres only");
            }
        }
    }
}

/// The problem of a URL, without any value of it.
fn problem_of(url: &str) -> Option<String> {
    match Kind::of(url) {
        Some(Kind::Sqlite) => return None,
        Some(Kind::Postgres) => {}
        None => return Some("must begin with postgres:// or sqlite://".into()),
    }
    match ConnectionString::parse(url) {
        Ok(_) => None,
        Err(store::Error::Url(problem)) => Some(format!("can't be used: {problem}")),
        Err(error) => Some(error.to_string()),
    }
}

/// Host names, separated by commas.
fn hosts(text: &str) -> Result<Vec<String>, String> {
    let hosts: Vec<_> = text.split(',').map(|host| host.trim().to_owned()).collect();
    let plain = |host: &String| {
        !host.is_empty() && !host.contains([':', '@', '*'])
            || host.parse::<std::net::IpAddr>().is_ok()
    };
    if hosts.iter().all(plain) {
        Ok(hosts)
    } else {
        Err("must be names of hosts as they stand in the URL, with commas between, without ports"
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_data_is_told_without_secrets() {
        for (url, place) in [
            ("postgres://user:p@ss@db:5432/auth?sslmode=require", "postgres://db:5432/auth"),
            ("postgres://user:p?ss@db/auth", "postgres://db:5432/auth"),
            ("postgres://user:p/ss@db,db2:6000/auth", "postgres://db:5432,db2:6000/auth"),
            ("postgres://user:p%ss@db/auth", "postgres"),
            ("sqlite://data/countersign.db", "sqlite://data/countersign.db"),
            ("sqlite://data/countersign.db?x=y", "sqlite://data/countersign.db"),
        ] {
            let database = Database {
                url: url.to_owned(),
                max_connections: 1,
                migrate: Migrate::On,
                migrate_url: Some("postgres://user:p@ss@db/auth".to_owned()),
                fsync_off_at: Vec::new(),
            };
            assert_eq!(database.place(), place);
            assert!(!format!("{database:?}").contains("ss@"), "{database:?}");
        }
    }
}
