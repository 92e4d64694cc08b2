//! The list of what is exported knows every table, and of those with something about users every column. A migration that adds one fails
//! here: decide whether the user gets it, in `docs/your-data.md` and ExportMe.

use std::collections::BTreeSet;

use rstest::rstest;
use rstest_reuse::apply;

use crate::harness::{Backend, Database, on_both};

/// What is told of each table.
const LIST: &str = include_str!("../../../docs/your-data.md");

/// The columns of tables with something about users: those that the user gets, and after them those that the list says are left out.
const COLUMNS: [(&str, &str, &str); 12] = [
    (
        "users",
        "id username email email_verified is_2fa_enabled roles disabled_at created_at verify_by metadata claims last_login_at",
        "username_key email_key claimed_email_key password_hash credential_version session_epoch factor_version request_id deleted_at \
         deletion_due_at deletion_code_mac passkey_handle new_devices new_devices_since \
         password_distrusted_at",
    ),
    (
        "trusted_devices",
        "id device_name address created_at expires_at",
        "user_id device_id credential_version factor_version session_epoch",
    ),
    (
        "passkeys",
        "id backup_eligible backed_up transports aaguid name created_at last_used_at",
        "user_id credential_id public_key sign_count",
    ),
    (
        "sessions",
        "id audience device_name amr created_at expires_at last_used_at address idle_expires_at revoked_at reauthenticated_at",
        "user_id credential_version epoch refresh_salt generation refresh_request_id trusted_device_id",
    ),
    (
        "challenges",
        "audience device_name device_id created_at expires_at consumed_at factors attempts session_id first_proof",
        "id user_id token_mac credential_version factor_version code_mac is_long_code resend_at",
    ),
    (
        "mailbox_codes",
        "created_at expires_at consumed_at attempts new_email audience device_name device_id",
        "id id_mac user_id credential_version budget code_mac pending_user_id",
    ),
    (
        "email_changes",
        "former_email was_verified created_at expires_at",
        "id user_id number code_mac former_email_key",
    ),
    (
        "totp_factors",
        "created_at expires_at confirmed_at",
        "id user_id credential_version sealed_secret last_step attempts",
    ),
    ("recovery_codes", "created_at", "user_id code_mac"),
    ("user_roles", "role", "created_at user_id"),
    (
        "outbox",
        "created_at expires_at",
        "id sealed_message next_try_at tries priority source account turn ready code_id user_id purpose in_flight \
         withdrawn unsure waits_since subscription_id",
    ),
    (
        "events",
        "id kind user_id session_id address at actor service_account_id subscription_id",
        "seq",
    ),
];

/// How many tables of that name, or columns of that table, there are.
async fn count(database: &Database, table: &str, column: Option<&str>) -> i64 {
    let column = column.map(|name| format!(" AND {name}"));
    let sql = match (database.backend, &column) {
        (Backend::Sqlite, None) => {
            format!("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND {table}")
        }
        (Backend::Sqlite, Some(column)) => format!(
            "SELECT COUNT(*) FROM pragma_table_info('{table}') WHERE TRUE{}",
            column.replace("column_name", "name")
        ),
        (Backend::Postgres, None) => format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND {}",
            table.replace("name", "table_name")
        ),
        (Backend::Postgres, Some(column)) => format!(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = current_schema() \
             AND table_name = '{table}'{column}"
        ),
    };
    database.number(&sql).await
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

fn listed() -> BTreeSet<&'static str> {
    let rows = LIST.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

#[apply(on_both)]
#[tokio::test]
async fn the_list_has_every_table_of_the_schema_and_no_other(backend: Backend) {
    let database = Database::new(backend).await;
    database.store().await.close().await;
    let tables = listed();
    let names = quoted(tables.iter().copied());
    let known = count(&database, &format!("name IN ({names})"), None).await;
    assert_eq!(known, i64::try_from(tables.len()).unwrap(), "one of {tables:?} is no table");
    let own = "name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%'";
    let unknown = format!("{own} AND name NOT IN ({names})");
    assert_eq!(
        count(&database, &unknown, None).await,
        0,
        "a table is not in docs/your-data.md: say whether ExportMe has it, and why not"
    );
}

#[apply(on_both)]
#[tokio::test]
async fn it_is_decided_of_every_column_about_users(backend: Backend) {
    let database = Database::new(backend).await;
    database.store().await.close().await;
    for (table, exported, left_out) in COLUMNS {
        assert!(listed().contains(table));
        let names: Vec<_> =
            exported.split_whitespace().chain(left_out.split_whitespace()).collect();
        let list = quoted(names.iter().copied());
        let known = count(&database, table, Some(&format!("column_name IN ({list})"))).await;
        assert_eq!(known, i64::try_from(names.len()).unwrap(), "{table}: one of {names:?} is gone");
        let unknown = count(&database, table, Some(&format!("column_name NOT IN ({list})"))).await;
        assert_eq!(unknown, 0, "{table} has a column of which nothing is decided");
    }
}

#[rstest]
fn every_table_with_a_user_is_decided_column_by_column() {
    let migrations = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite"));
    let mut with_users = BTreeSet::new();
    for file in migrations.unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for table in text.split("CREATE TABLE ").skip(1) {
            let body = table.split(';').next().unwrap();
            if body.contains("REFERENCES users") {
                with_users.insert(body.split([' ', '(']).next().unwrap().to_owned());
            }
        }
    }
    assert!(with_users.contains("sessions"));
    for table in with_users {
        assert!(COLUMNS.iter().any(|(known, ..)| *known == table), "{table}");
    }
}
