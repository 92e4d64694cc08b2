//! `countersign keys`: the keys that sign access tokens, and the master key's replacement.

use std::io::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{date, reencrypt, table::aligned};
use crate::{
    app,
    config::Config,
    domain::KeyTimes,
    service::{Clock, KEYS_RELOAD_EVERY, KeyKeeper, ListedKey},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show all keys, the newest first
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Publish a new key, which signs once every verifier has had the time to fetch it
    Rotate {
        /// Sign with it at once, whether or not verifiers have it
        #[arg(long)]
        now: bool,
        /// Revoke the key that signs now, in the same moment: for a key that has leaked
        #[arg(long, requires = "now")]
        revoke_current: bool,
    },
    /// Put a key out of use at once: its tokens are refused from then on
    Retire {
        /// The key's id, as `keys list` shows it
        kid: String,
    },
    /// Encrypt everything under COUNTERSIGN_MASTER_KEY that COUNTERSIGN_MASTER_KEY_OLD or an earlier release has encrypted
    Reencrypt,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.action {
        Action::List { json } => with_keys(config, async |keys| list(keys, *json).await).await,
        Action::Rotate { revoke_current: true, .. } => {
            with_keys(config, async |keys| replace(keys).await).await
        }
        Action::Rotate { now, .. } => {
            with_keys(config, async |keys| rotate(keys, *now).await).await
        }
        Action::Retire { kid } => with_keys(config, async |keys| retire(keys, kid).await).await,
        Action::Reencrypt => reencrypt::run(config).await,
    }
}

/// Opens the store for an operation on the signing keys, and prints its result.
async fn with_keys(
    config: &Config,
    act: impl AsyncFnOnce(&KeyKeeper) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let keys = app::keys(config, &Clock::system()).await?;
    let keys = keys.context("with HS256 the key is COUNTERSIGN_JWT_SECRET, and none is stored")?;
    std::io::stdout().write_all(act(&keys).await?.as_bytes())?;
    keys.store.close().await;
    Ok(())
}

async fn list(keys: &KeyKeeper, json: bool) -> anyhow::Result<String> {
    let listed = keys.list().await?;
    Ok(if json { format!("{:#}\n", data(&listed)) } else { text(&listed) })
}

async fn rotate(keys: &KeyKeeper, now: bool) -> anyhow::Result<String> {
    let KeyTimes { kid, algorithm, signs_from, .. } = keys.rotate(now).await?;
    if !now {
        let (from, notice) = (date::seconds(signs_from), humantime::format_duration(keys.notice()));
        return Ok(format!(
            "{algorithm} key {kid} is published, and signs from {from} on, in {notice}:\n\
             by then it is known to verifiers that keep a key set no longer than COUNTERSIGN_KEY_LEAD.\n"
        ));
    }
    let seconds = KEYS_RELOAD_EVERY.as_secs();
    Ok(format!(
        "{algorithm} key {kid} signs at once: every replica uses it within {seconds} seconds.\n\
         Verifiers that hold an older key set fetch it again when they see the new key's id.\n\
         The key before it is still accepted until its last token has expired. Had it leaked? Then revoke it:\n\n  \
         countersign keys retire <its kid in `countersign keys list`>\n"
    ))
}

async fn replace(keys: &KeyKeeper) -> anyhow::Result<String> {
    let (KeyTimes { kid, algorithm, .. }, old) = keys.replace().await?;
    Ok(format!(
        "{algorithm} key {kid} signs at once, and key {old} is revoked with all of its tokens: every replica follows within a second.\n\
         Sessions go on: their next refresh gives a token of the new key. Services that follow revocations refuse the old key within\n\
         a second; others keep it for as long as they keep key sets, and some have to be restarted: see docs/verifiers.md\n"
    ))
}

async fn retire(keys: &KeyKeeper, kid: &str) -> anyhow::Result<String> {
    keys.retire(kid).await?;
    Ok(format!(
        "Key {kid} is retired: its tokens are refused from now on, by every replica and by services that follow revocations\n\
         within a second, and by other verifiers once they have dropped it: see docs/verifiers.md\n"
    ))
}

fn text(keys: &[ListedKey]) -> String {
    let heading = ["kid", "algorithm", "state", "created", "signs from", "published until"];
    let row = |key: &ListedKey| {
        [
            key.times.kid.clone(),
            key.times.algorithm.clone(),
            key.state.as_str().to_owned(),
            date::seconds(key.times.created_at),
            date::seconds(key.times.signs_from),
            key.published_until.map_or_else(|| "-".to_owned(), date::seconds),
        ]
    };
    let rows: Vec<_> =
        [heading.map(str::to_owned)].into_iter().chain(keys.iter().map(row)).collect();
    aligned(&rows, &[0, 1, 2, 3, 4, 5])
}

fn data(keys: &[ListedKey]) -> Value {
    let key = |key: &ListedKey| {
        json!({
            "kid": key.times.kid,
            "algorithm": key.times.algorithm,
            "state": key.state.as_str(),
            "created": date::seconds(key.times.created_at),
            "signs_from": date::seconds(key.times.signs_from),
            "published_until": key.published_until.map(date::seconds),
        })
    };
    json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() })
}
