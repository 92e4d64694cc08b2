//! Files that must be their owner's alone.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use countersign::token::MasterKey;

use crate::{
    harness::{
        Backend, Database,
        command::{Running, output},
    },
    process::{on, serve},
};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Whoever reads the one has everybody's tokens, whoever reads the other their hashes.
#[tokio::test]
async fn nothing_starts_while_others_can_read_or_change_the_key_or_the_database() {
    let database = Database::empty(Backend::Sqlite).await;
    let mut running = Running::start(serve(&database));
    // Killed, so that the write-ahead log stays.
    running.signal("KILL");
    running.wait().await;
    for file in ["countersign.db", "countersign.db-wal", "countersign.db-shm", "master.key"] {
        let path = database.folder().join(file);
        for mode in [0o644, 0o660] {
            set_mode(&path, mode);
            let (result, said) = output(serve(&database));
            assert!(!result.status.success(), "{file} with {mode:04o}");
            let advice = format!("(mode {mode:04o}): run `chmod 600 {}`", path.display());
            assert!(said.contains(&advice), "{said}");
        }
        set_mode(&path, 0o600);
    }
    let (result, said) = output(on(&database, &["keys", "list"]));
    assert!(result.status.success(), "{said}");
}

/// So Kubernetes mounts a secret: readable by all in a pod, where nobody else is.
#[tokio::test]
async fn a_key_file_that_is_configured_may_have_any_mode() {
    let database = Database::empty(Backend::Sqlite).await;
    database.store().await;
    let path = database.folder().join("mounted.key");
    fs::write(&path, MasterKey::generate_text().as_str()).unwrap();
    set_mode(&path, 0o644);
    let mut seed = on(&database, &["seed", "--users", "1"]);
    seed.env("COUNTERSIGN_MASTER_KEY_FILE", &path);
    let (result, said) = output(seed);
    assert!(result.status.success(), "{said}");
}
