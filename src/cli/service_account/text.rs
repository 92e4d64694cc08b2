//! What the commands about service accounts print.

use serde_json::{Value, json};

use crate::{
    cli::{date, table::aligned},
    domain::{ServiceAccount, Workload},
    service::{NewKey, ShownAccount},
    store::ServiceKey,
};

pub(super) fn created(account: &ServiceAccount, key: Option<&NewKey>) -> String {
    let key = key.map_or_else(
        || "It has no key: assertions prove it.\n".to_owned(),
        |key| {
            format!("Its key, which is not shown again:\n\n  {}\n\n", key.text.expose())
                + "Its holder is this service. Keep it where other secrets are, and not in a repository.\n"
        },
    );
    format!("Service account {} (client_id {}) is created.\n{key}", account.name, account.id)
}

pub(super) fn changed(account: &ServiceAccount) -> String {
    format!(
        "Service account {} is changed. Where it is granted less than before, its tokens have ended, on every\n\
         replica within a second.\n",
        account.name
    )
}

pub(super) fn disabled(account: &ServiceAccount) -> String {
    format!(
        "Service account {} is disabled: its keys and assertions are refused, and its tokens have ended, on every\n\
         replica within a second. To let it in again:\n\n  countersign service-account enable {}\n",
        account.name, account.name
    )
}

pub(super) fn enabled(account: &ServiceAccount) -> String {
    format!("Service account {} is enabled. Tokens from before stay ended.\n", account.name)
}

pub(super) fn ended(account: &ServiceAccount) -> String {
    format!(
        "All tokens of service account {} have ended, on every replica within a second. Its keys stay.\n",
        account.name
    )
}

pub(super) fn deleted(account: &ServiceAccount) -> String {
    format!("Service account {} is deleted, and its tokens have ended.\n", account.name)
}

pub(super) fn new_key(key: &NewKey) -> String {
    format!("Key {}, which is not shown again:\n\n  {}\n", key.id, key.text.expose())
}

pub(super) fn key_revoked(name: &str) -> String {
    format!(
        "The key is revoked: every replica refuses it within a second. Had it leaked? Then end the tokens that were\n\
         issued by it:\n\n  countersign service-account end-tokens {name}\n"
    )
}

pub(super) fn accounts(accounts: &[ServiceAccount], as_json: bool) -> String {
    if as_json {
        let accounts: Vec<_> = accounts.iter().map(data).collect();
        return format!("{:#}\n", json!({ "service_accounts": accounts }));
    }
    let heading = ["name", "client_id", "state", "scopes", "audiences", "acts for users"];
    let row = |account: &ServiceAccount| {
        [
            account.name.clone(),
            account.id.to_string(),
            state(account).to_owned(),
            or_dash(account.grants.scope.to_string()),
            audiences(account),
            if account.grants.may_exchange { "yes" } else { "no" }.to_owned(),
        ]
    };
    let rows = [heading.map(str::to_owned)].into_iter().chain(accounts.iter().map(row));
    aligned(&rows.collect::<Vec<_>>(), &[0, 1, 2, 3, 4, 5])
}

pub(super) fn account(shown: &ShownAccount, as_json: bool) -> String {
    let ShownAccount { account, workloads, keys } = shown;
    if as_json {
        let mut data = data(account);
        data["workloads"] = workloads.iter().map(workload).collect();
        data["keys"] = keys.iter().map(key_data).collect();
        return format!("{data:#}\n");
    }
    let jwks = account.assertion_keys.jwks.as_ref().map(|_| "a JWK set of its own".to_owned());
    let public = jwks.or_else(|| account.assertion_keys.jwks_url.clone());
    let lines = workloads.iter().map(|is| format!("{} of {}", is.subject, is.issuer));
    let rows = [
        ("name", account.name.clone()),
        ("client_id", account.id.to_string()),
        ("state", state(account).to_owned()),
        ("scopes", or_dash(account.grants.scope.to_string())),
        ("audiences", audiences(account)),
        ("acts for users", if account.grants.may_exchange { "yes" } else { "no" }.to_owned()),
        ("public keys", public.unwrap_or_else(dash)),
        ("workloads", or_dash(lines.collect::<Vec<_>>().join(", "))),
        ("created", date::seconds(account.created_at)),
    ];
    let rows = rows.map(|(name, value)| [name.to_owned(), value]);
    format!("{}\n{}", aligned(&rows, &[0, 1]), self::keys(keys))
}

pub(super) fn keys(keys: &[ServiceKey]) -> String {
    let heading = ["key", "created", "expires", "last used"].map(str::to_owned);
    let row = |key: &ServiceKey| {
        [
            key.id.to_string(),
            date::seconds(key.created_at),
            key.expires_at.map_or_else(|| "never".to_owned(), date::seconds),
            key.last_used_at.map_or_else(|| "never".to_owned(), date::seconds),
        ]
    };
    let rows: Vec<_> = [heading].into_iter().chain(keys.iter().map(row)).collect();
    aligned(&rows, &[0, 1, 2, 3])
}

fn data(account: &ServiceAccount) -> Value {
    json!({
        "name": account.name,
        "client_id": account.id.to_string(),
        "state": state(account),
        "scope": account.grants.scope.to_string(),
        "audiences": account.grants.audiences,
        "may_exchange": account.grants.may_exchange,
        "jwks": account.assertion_keys.jwks.as_deref().map(serde_json::from_str::<Value>).and_then(Result::ok),
        "jwks_url": account.assertion_keys.jwks_url,
        "created": date::seconds(account.created_at),
    })
}

fn workload(is: &Workload) -> Value {
    json!({ "issuer": is.issuer, "subject": is.subject })
}

fn key_data(key: &ServiceKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "created": date::seconds(key.created_at),
        "expires": key.expires_at.map(date::seconds),
        "last_used": key.last_used_at.map(date::seconds),
    })
}

fn state(account: &ServiceAccount) -> &'static str {
    if account.disabled_at.is_some() { "disabled" } else { "enabled" }
}

fn audiences(account: &ServiceAccount) -> String {
    let audiences = &account.grants.audiences;
    if audiences.is_empty() { "the server's first".to_owned() } else { audiences.join(", ") }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { dash() } else { text }
}

fn dash() -> String {
    "-".to_owned()
}
