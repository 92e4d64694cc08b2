//! `countersign service-account`: machines that call.

mod text;

use std::{ffi::OsString, io::Write as _, time::Duration};

use anyhow::Context as _;
use uuid::Uuid;

use super::context;
use crate::{
    app,
    config::Config,
    domain::{FetchUrl, Scope, Workload},
    service::{AccountRequest, Clock, KeyRequest, ServiceAccountKeeper},
    token::KeySet,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make an account, and its first key, which is shown once
    Create {
        /// 1 to 64 lower-case letters, digits, and any of . _ -
        name: String,
        #[command(flatten)]
        wanted: Wanted,
        /// Make no key: for an account that assertions prove
        #[arg(long)]
        no_key: bool,
        /// The key's lifetime, such as 90d; without one it has no end
        #[arg(long, value_parser = lifetime, conflicts_with = "no_key")]
        expires_in: Option<Duration>,
    },
    /// List all accounts
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show an account with its workloads and keys
    Show {
        /// Its name
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Change what the options say, and nothing else. Tokens that say more than is granted from now on end at once
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Refuse an account's keys and assertions, and end its tokens
    Disable {
        /// Its name
        name: String,
    },
    /// Accept an account's keys and assertions again
    Enable {
        /// Its name
        name: String,
    },
    /// End all tokens of an account, on every replica within a second; it may ask for new ones
    EndTokens {
        /// Its name
        name: String,
    },
    /// Delete an account, and end its tokens
    Delete {
        /// Its name
        name: String,
    },
    /// Make, list and revoke the keys of an account
    Key {
        #[command(subcommand)]
        action: KeyAction,
    },
}

#[derive(Debug, clap::Subcommand)]
enum KeyAction {
    /// Make a key beside those that there are; it is shown once
    Create {
        /// The account's name
        name: String,
        /// Its lifetime, such as 90d; without one it has no end
        #[arg(long, value_parser = lifetime)]
        expires_in: Option<Duration>,
    },
    /// List the keys, with their last use
    List {
        /// The account's name
        name: String,
    },
    /// Revoke a key: every replica refuses it within a second. Had it leaked? Then end the account's tokens as well
    Revoke {
        /// The account's name
        name: String,
        /// The key's id, as `service-account key list` shows it
        key_id: Uuid,
    },
}

/// What an account is to have. What is not given stays as it is.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
struct Wanted {
    /// A scope that it may ask for; give it several times for several, or once empty for none
    #[arg(long)]
    grant_scope: Option<Vec<String>>,
    /// An audience that it may ask for, of those in COUNTERSIGN_AUDIENCE; the first one given is the default
    #[arg(long)]
    grant_audience: Option<Vec<String>>,
    /// Whether it may act for users (token exchange)
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    may_exchange: Option<bool>,
    /// File with its public keys as a JWK set; an empty name is none
    #[arg(long, conflicts_with = "jwks_url")]
    jwks: Option<OsString>,
    /// Where its JWK set is: https://…; empty is nowhere
    #[arg(long)]
    jwks_url: Option<String>,
    /// A workload that it is: ISSUER,SUBJECT; give it several times for several, or once empty for none
    #[arg(long)]
    workload: Option<Vec<String>>,
}

impl Wanted {
    /// Puts what is given into a request.
    fn put_into(&self, request: &mut AccountRequest) -> Result<(), String> {
        let given = |values: &[String]| -> Vec<String> {
            values.iter().filter(|value| !value.is_empty()).cloned().collect()
        };
        if let Some(scopes) = &self.grant_scope {
            let scope = Scope::parse(&given(scopes).join(" "));
            request.grants.scope = scope.map_err(|why| format!("--grant-scope {why}"))?;
        }
        if let Some(audiences) = &self.grant_audience {
            request.grants.audiences = given(audiences);
        }
        if let Some(may_exchange) = self.may_exchange {
            request.grants.may_exchange = may_exchange;
        }
        if let Some(workloads) = &self.workload {
            let parsed = given(workloads).iter().map(|text| Workload::parse(text)).collect();
            let parsed: Result<Vec<_>, _> = parsed;
            request.workloads = parsed.map_err(|why| format!("--workload {why}"))?;
        }
        self.put_keys_into(request)
    }

    fn put_keys_into(&self, request: &mut AccountRequest) -> Result<(), String> {
        let keys = &mut request.assertion_keys;
        if let Some(file) = &self.jwks {
            let read = || std::fs::read_to_string(file);
            let named = !file.is_empty();
            let text = named.then(read).transpose();
            keys.jwks = text.map_err(|error| format!("--jwks can't be read: {error}"))?;
            if let Some(text) = &keys.jwks {
                KeySet::parse_own(text.as_bytes()).map_err(|why| format!("--jwks {why}"))?;
            }
            keys.jwks_url = None;
        }
        if let Some(url) = &self.jwks_url {
            if !url.is_empty() {
                FetchUrl::parse(url).map_err(|why| format!("--jwks-url {why}"))?;
            }
            keys.jwks_url = (!url.is_empty()).then(|| url.clone());
            keys.jwks = None;
        }
        Ok(())
    }
}

/// The lifetimes of keys.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

/// Parses a lifetime.
fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (SHORTEST..=LONGEST).contains(&lifetime) {
        Ok(lifetime)
    } else {
        Err("must be a second at least and 36,500 days at the most".to_owned())
    }
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let keeper = app::service_account_keeper(config, &Clock::system()).await?;
    let said = act(&keeper, &arguments.action).await;
    keeper.store.close().await;
    std::io::stdout().write_all(said?.as_bytes()).context(
        "it is done, and what it printed was lost; a key in it is of no use: revoke it (service-account key list)",
    )
}

async fn act(keeper: &ServiceAccountKeeper, action: &Action) -> anyhow::Result<String> {
    let context = context::of_operator();
    Ok(match action {
        Action::Create { name, wanted, no_key, expires_in } => {
            let mut request = AccountRequest { name: name.clone(), ..Default::default() };
            wanted.put_into(&mut request).map_err(anyhow::Error::msg)?;
            let key = (!no_key).then_some(KeyRequest { expires_in: *expires_in });
            let (account, key) = keeper.create(&context, request, key).await?;
            text::created(&account, key.as_ref())
        }
        Action::List { json } => text::accounts(&keeper.list().await?, *json),
        Action::Show { name, json } => text::account(&keeper.show(name).await?, *json),
        Action::Set { name, wanted } => {
            let is_empty = *wanted == Wanted::default();
            anyhow::ensure!(!is_empty, "nothing to change: give an option, such as --grant-scope");
            let change = |request: &mut AccountRequest| wanted.put_into(request);
            text::changed(&keeper.change(&context, name, change).await?)
        }
        Action::Disable { name } => text::disabled(&keeper.disable(&context, name).await?),
        Action::Enable { name } => text::enabled(&keeper.enable(&context, name).await?),
        Action::EndTokens { name } => text::ended(&keeper.end_tokens(&context, name).await?),
        Action::Delete { name } => text::deleted(&keeper.delete(&context, name).await?),
        Action::Key { action } => act_on_key(keeper, action).await?,
    })
}

async fn act_on_key(keeper: &ServiceAccountKeeper, action: &KeyAction) -> anyhow::Result<String> {
    let context = context::of_operator();
    Ok(match action {
        KeyAction::Create { name, expires_in } => {
            text::new_key(&keeper.create_key(&context, name, *expires_in).await?)
        }
        KeyAction::List { name } => text::keys(&keeper.show(name).await?.keys),
        KeyAction::Revoke { name, key_id } => {
            keeper.revoke_key(&context, name, *key_id).await?;
            text::key_revoked(name)
        }
    })
}
