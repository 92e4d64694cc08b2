//! The schema's migrations, embedded. Both databases have the same steps; each step is forward only.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

/// Name and text of one database's steps, in order.
pub(super) type Steps = &'static [(&'static str, &'static str)];

/// The steps of `migrations/<folder>`; both databases have the same.
macro_rules! steps {
    ($folder:literal) => {
        steps!($folder:
            "0001_users",
            "0002_sessions",
            "0003_challenges",
            "0004_signing_keys",
            "0005_refresh",
            "0006_revocations",
            "0007_key_rotation",
            "0008_leases",
            "0009_outbox",
            "0010_throttles",
            "0011_events",
            "0012_factors",
            "0013_mailbox",
            "0014_account_versions",
            "0015_outbox_lanes",
            "0016_wrapped_keys",
            "0017_unverified_accounts",
            "0018_long_codes",
            "0019_revoked_keys",
            "0020_mail",
            "0021_event_actors",
            "0022_outbox_since",
            "0023_service_accounts",
            "0024_managed_users",
            "0025_event_numbers",
            "0026_carried_out",
            "0027_email_changes",
            "0028_step_up",
            "0029_passkeys",
            "0030_email_login",
            "0031_pending_users",
            "0032_pending_deletions",
            "0033_new_devices",
            "0034_trusted_devices",
            "0035_distrusted_passwords",
        )
    };
    ($folder:literal: $($stem:literal,)+) => {
        &[$(($stem, include_str!(concat!("../../migrations/", $folder, "/", $stem, ".sql")))),+]
    };
}

pub(super) const POSTGRES: Steps = steps!("postgres");

pub(super) const SQLITE: Steps = steps!("sqlite");

/// The latest version of `steps`.
pub(super) fn latest(steps: Steps) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

/// A migrator for `steps`. Newer steps of a later release are ignored, so that releases can overlap (rolling upgrade).
pub(super) fn migrator(steps: Steps) -> Migrator {
    let migrations = (1..).zip(steps).map(|(version, (stem, text))| {
        Migration::new(version, (*stem).into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_ignore_missing(true);
    migrator
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    fn stems_on_disk(folder: &str) -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let files = std::fs::read_dir(path).unwrap();
        files
            .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn both_databases_run_every_file_in_the_order_of_its_number() {
        for (folder, steps) in [("postgres", POSTGRES), ("sqlite", SQLITE)] {
            let listed: Vec<_> = steps.iter().map(|(stem, _)| (*stem).to_owned()).collect();
            let on_disk: Vec<_> = stems_on_disk(folder).into_iter().collect();
            assert_eq!(listed, on_disk, "{folder}");
            for (number, stem) in (1..).zip(&listed) {
                assert!(stem.starts_with(&format!("{number:04}_")), "{stem}");
            }
        }
        assert_eq!(stems_on_disk("postgres"), stems_on_disk("sqlite"));
    }
}
