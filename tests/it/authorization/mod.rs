//! Envoy's `ext_authz`: what it is told of requests to other services.

mod behind;
mod closed;
mod decisions;
mod rules_file;
mod upstream;

use std::{collections::HashMap, fs, path::PathBuf, time::Duration};

use countersign::{
    app::Environment,
    config::{Authorization, Config},
    pb::{
        IssueServiceTokenRequest,
        ext_authz::envoy::service::auth::v3::{
            AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
            attribute_context::{self, HttpRequest},
            authorization_client::AuthorizationClient,
            check_response::HttpResponse,
        },
        issue_service_token_request::Proof,
    },
};
use tonic::transport::Channel;

use crate::harness::{
    Backend, Server,
    oauth::{Machine, machine},
    soon,
};

/// A server with rules, and what asks it as Envoy does.
pub struct Scene {
    pub server: Server,
    rules: PathBuf,
    client: AuthorizationClient<Channel>,
}

impl Scene {
    /// With these rules, the members of the list.
    async fn start(backend: Backend, rules: &str) -> Self {
        Self::start_with(backend, rules, |_config, _environment| {}).await
    }

    pub async fn start_with(
        backend: Backend,
        rules: &str,
        change: impl FnOnce(&mut Config, &mut Environment),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let rules_file = folder.join("rules.json");
        fs::write(&rules_file, format!(r#"{{"rules": [{rules}]}}"#)).unwrap();
        let server = Server::start_with(backend, |config, environment| {
            config.authorization = Some(authorization(rules_file.clone()));
            environment.look_at_files_every = Duration::from_millis(20);
            change(config, environment);
        });
        let server = server.await;
        let client = AuthorizationClient::new(server.channel.clone());
        Self { server, rules: rules_file, client }
    }

    async fn check(&self, request: HttpRequest) -> CheckResponse {
        let request = Some(attribute_context::Request { http: Some(request), time: None });
        let attributes = Some(AttributeContext { request });
        let mut client = self.client.clone();
        // On the heap: the message has everything that Envoy may tell, and is large.
        let answer = Box::pin(client.check(CheckRequest { attributes }));
        soon("Check", answer).await.unwrap().into_inner()
    }

    /// The status that a GET of that path gets, with that token if there is one: 200 where it may pass.
    pub async fn status(&self, path: &str, token: &str) -> i32 {
        status(&self.check(get(path, token)).await)
    }

    /// A token of a new service account with these scopes.
    async fn service_token(&self, scope: &str) -> String {
        let Machine { key, .. } = machine(&self.server, scope).await;
        let proof = Some(Proof::Key(key));
        let request = IssueServiceTokenRequest { proof, ..IssueServiceTokenRequest::default() };
        let issued = self.server.tokens.clone().issue_service_token(request).await;
        issued.unwrap().into_inner().access_token
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What is left in the folder for temporary files harms nobody.
        let _removed = fs::remove_dir_all(self.rules.parent().unwrap());
    }
}

fn authorization(rules: PathBuf) -> Authorization {
    let (max_age, cookie) = (Duration::from_secs(5), Some("session".to_owned()));
    Authorization { rules, cookie, max_age, allows_behind: false }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> HttpRequest {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    HttpRequest {
        method: method.into(),
        path: path.into(),
        host: "shop.example.org".into(),
        headers: headers.collect(),
        ..HttpRequest::default()
    }
}

fn get(path: &str, token: &str) -> HttpRequest {
    match token {
        "" => request("GET", path, &[]),
        token => request("GET", path, &[("authorization", &format!("Bearer {token}"))]),
    }
}

/// The HTTP status of the answer, which must agree with its gRPC code.
fn status(answer: &CheckResponse) -> i32 {
    let code = answer.status.as_ref().unwrap().code;
    match &answer.http_response {
        Some(HttpResponse::OkResponse(_)) => {
            assert_eq!(code, 0, "{answer:?}");
            200
        }
        Some(HttpResponse::DeniedResponse(denied)) => {
            assert_ne!(code, 0, "an allowed request with a denial: {answer:?}");
            denied.status.as_ref().unwrap().code
        }
        Some(HttpResponse::ErrorResponse(_)) | None => panic!("neither yes nor no: {answer:?}"),
    }
}

fn allowed(answer: CheckResponse) -> OkHttpResponse {
    match answer.http_response {
        Some(HttpResponse::OkResponse(allowed)) => allowed,
        other => panic!("not allowed: {other:?}"),
    }
}

fn denied(answer: CheckResponse) -> DeniedHttpResponse {
    match answer.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => denied,
        other => panic!("not denied: {other:?}"),
    }
}

/// The headers of an answer, each of which must come once, and replace what is there.
#[expect(deprecated, reason = "`append` is what must not be set")]
fn headers<'a>(
    options: impl IntoIterator<
        Item = &'a countersign::pb::ext_authz::envoy::config::core::v3::HeaderValueOption,
    >,
) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    for option in options {
        assert!(option.append.is_none() && option.append_action == 0, "{option:?}");
        let header = option.header.clone().unwrap();
        assert!(headers.insert(header.key.clone(), header.value).is_none(), "{}", header.key);
    }
    headers
}
