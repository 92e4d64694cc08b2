//! Nothing of what clients send to these endpoints is logged, at any level.

use countersign::token::MasterKey;

use super::{INTROSPECT, REVOKE, TOKEN};
use crate::{
    harness::{
        Backend, Database,
        command::{Running, output},
        oauth::{FORM, ask_at, basic, bearer_header},
    },
    process::{on, serve},
};

#[tokio::test]
async fn neither_log_nor_metrics_have_keys_tokens_queries_or_headers() {
    let (database, master_key) = (Database::new(Backend::Sqlite).await, MasterKey::generate_text());
    let mut command = serve(&database);
    command.env("COUNTERSIGN_MASTER_KEY", master_key.as_str()).env("COUNTERSIGN_LOG", "trace");
    let mut running = Running::start(command);
    let arguments = ["service-account", "create", "cart", "--grant-scope", "introspect"];
    let mut command = on(&database, &arguments);
    command.env("COUNTERSIGN_MASTER_KEY", master_key.as_str());
    let (said, _) = output(command);
    let said = String::from_utf8(said.stdout).unwrap();
    let word = |start: &str| said.split_whitespace().find(|word| word.starts_with(start)).unwrap();
    let key = word("cskey").to_owned();
    let id = said.split("client_id ").nth(1).unwrap()[..32].to_owned();

    let post = async |path: &str, headers: String, body: String| {
        ask_at(running.http, "POST", path, &format!("{FORM}{headers}"), &body).await
    };
    let grant = "grant_type=client_credentials";
    let answer = post(TOKEN, basic(&id, &key), grant.to_owned()).await;
    let token = answer.token();
    let query = format!("?client_secret={key}&canary=in-the-query");
    for path in [TOKEN, INTROSPECT, REVOKE] {
        for headers in
            [basic(&id, &key), bearer_header(&token), bearer_header("canary-header"), String::new()]
        {
            let body = format!("{grant}&token={token}&canary=in-the-body");
            post(&format!("{path}{query}"), headers, body).await;
        }
        let body = format!("{grant}&client_id={id}&client_secret={key}&token=canary-token");
        post(path, String::new(), body).await;
        post(path, basic("canary-user", "canary-password"), grant.to_owned()).await;
        let assertion = "client_assertion=canary-jwt&client_assertion_type=canary-type";
        post(path, String::new(), format!("{grant}&{assertion}")).await;
    }
    ask_at(running.http, "GET", "/canary-path", "", "").await;
    let metrics = ask_at(running.http, "GET", "/metrics", "", "").await.body;
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
    assert!(running.logged.contains(TOKEN), "the paths are logged: {}", running.logged);
    let signature = token.rsplit('.').next().unwrap();
    let secret = basic(&id, &key).split(' ').nth(2).unwrap().trim().to_owned();
    for canary in ["canary", &key[5..], signature, &secret, "Bearer ey"] {
        for text in [&running.logged, &metrics] {
            let line = text.lines().find(|line| line.contains(canary));
            assert!(line.is_none(), "{canary}: {line:?}");
        }
    }
}
