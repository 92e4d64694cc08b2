//! The id by which a call is found: in its answer, in its errors, and in each line of the log.

use std::process::Command;

use countersign::pb::{
    GetJwksRequest, GetMeRequest, LoginRequest, Tokens, VerifyEmailRequest,
    WatchRevocationsRequest, auth_service_client::AuthServiceClient,
};
use rstest::rstest;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Request, Status, metadata::MetadataMap};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::{
    harness::{
        Backend, Database, Server,
        command::Running,
        eventually, logs, reason,
        server::{PASSWORD, alice, bearer},
        soon, unique,
    },
    process::serve,
};

const NAME: &str = "x-request-id";

/// The one id in there.
fn id(metadata: &MetadataMap) -> String {
    let ids: Vec<_> = metadata.get_all(NAME).iter().map(|id| id.to_str().unwrap()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0].to_owned()
}

fn named<T>(id: &str, mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert(NAME, id.parse().unwrap());
    request
}

fn login(name: &str) -> Request<LoginRequest> {
    let (username, password) = (name.to_owned(), PASSWORD.to_owned());
    Request::new(LoginRequest { username, password, ..LoginRequest::default() })
}

/// The spans of the line with that message that was logged during the call with that id.
async fn span_of(id: &str, message: &str) -> Value {
    let find = || {
        let mut lines = logs::events_with(id).into_iter();
        let line = lines
            .find(|line| line["message"] == message && line["spans"][0]["request_id"] == id)?;
        Some(line["spans"].clone())
    };
    eventually(message, async || find().is_some()).await;
    let spans = find().unwrap();
    assert_eq!(spans.as_array().unwrap().len(), 1, "{spans}");
    spans[0].clone()
}

/// What a log line says of a call by a user.
fn is_by(span: &Value, method: &str, tokens: &Tokens, user_id: &str) {
    assert_eq!(span["name"], "rpc");
    assert_eq!(span["method"], method);
    assert_eq!(span["peer"], "127.0.0.1");
    assert_eq!(
        (&span["user_id"], &span["session_id"]),
        (&user_id.into(), &tokens.session_id.as_str().into())
    );
}

#[rstest]
#[tokio::test]
async fn a_sane_id_comes_back_with_answers_and_errors_and_stands_in_the_log(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;

    let given = format!("Root=1-67891233:{}/7f+Ag==", unique("edge"));
    let answer = server.auth.clone().login(named(&given, login(&user.username))).await.unwrap();
    assert_eq!(id(answer.metadata()), given);
    let Some(countersign::pb::login_response::Result::Tokens(tokens)) = answer.into_inner().result
    else {
        panic!("no tokens")
    };
    let span = span_of(&given, "rpc").await;
    assert_eq!(span["service"], "auth.v1.AuthService");
    is_by(&span, "Login", &tokens, &user.id);

    let given = unique("edge");
    let request = named(&given, bearer(&tokens, GetMeRequest {}));
    assert_eq!(id(server.account.clone().get_me(request).await.unwrap().metadata()), given);
    is_by(&span_of(&given, "rpc").await, "GetMe", &tokens, &user.id);

    let given = unique("edge");
    let refused = server.auth.clone().login(named(&given, login("nobody"))).await.unwrap_err();
    assert_eq!(
        (reason(&refused), id(refused.metadata())),
        ("INVALID_CREDENTIALS".into(), given.clone())
    );
    let info = refused.get_details_request_info().unwrap();
    assert_eq!((info.request_id, info.serving_data), (given.clone(), String::new()));
    // Whose account it was about is not said of a call that has not shown to be its owner's.
    assert!(span_of(&given, "rpc").await.get("user_id").is_none());
}

#[rstest]
#[tokio::test]
async fn an_id_that_is_not_sane_is_replaced_and_never_repeated(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mark = unique("insane");
    for given in [
        String::new(),
        format!("{mark} level=ERROR"),
        format!("{mark}\"}}"),
        format!("{mark};drop"),
        format!("{mark}{}", "a".repeat(128)),
    ] {
        let request = named(&given, Request::new(GetJwksRequest {}));
        let answer = server.tokens.clone().get_jwks(request).await.unwrap();
        assert!(Uuid::try_parse(&id(answer.metadata())).is_ok(), "{given:?}");
        let refused = server.auth.clone().login(named(&given, login(""))).await.unwrap_err();
        let made = refused.get_details_request_info().unwrap().request_id;
        assert_eq!(made, id(refused.metadata()));
        assert!(Uuid::try_parse(&made).is_ok(), "{given:?}");
        // All of the call has been logged by then.
        span_of(&made, "rpc").await;
    }
    assert_eq!(logs::events_with(&mark).len(), 0);
}

#[rstest]
#[tokio::test]
async fn calls_without_an_id_get_one_each(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap();
        ids.push(id(answer.metadata()));
        ids.push(id(server.auth.clone().login(login("")).await.unwrap_err().metadata()));
    }
    assert!(ids.iter().all(|id| Uuid::try_parse(id).unwrap().get_version_num() == 7), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[rstest]
#[tokio::test]
async fn a_defect_is_a_line_with_the_rpc_and_the_id_that_its_caller_was_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    server.database.run("UPDATE sessions SET amr = 'nonsense'").await;
    let refused = server.me(&tokens).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    let told = refused.get_details_request_info().unwrap().request_id;
    let span = span_of(&told, "internal error").await;
    let rpc = (&span["service"], &span["method"]);
    assert_eq!(rpc, (&"auth.v1.AccountService".into(), &"GetMe".into()));
}

/// The trailers of a stream are not its headers, and what tonic says itself has no details.
#[rstest]
#[tokio::test]
async fn errors_below_any_handler_and_at_the_end_of_a_stream_have_the_id_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let given = unique("edge");
    let told = |refused: &Status| refused.get_details_request_info().unwrap().request_id;

    let mut request = named(&given, Request::new(WatchRevocationsRequest::default()));
    request.metadata_mut().insert("grpc-timeout", "2S".parse().unwrap());
    let answer = server.tokens.clone().watch_revocations(request).await.unwrap();
    assert_eq!(id(answer.metadata()), given);
    let mut stream = answer.into_inner();
    let refused = loop {
        if let Err(refused) = soon("the end", stream.message()).await {
            break refused;
        }
    };
    assert_eq!((refused.code(), told(&refused)), (Code::DeadlineExceeded, given.clone()));

    let mut client = tonic::client::Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = "/auth.v1.AuthService/Invented".parse().unwrap();
    let refused = client.unary(named(&given, Request::new(())), path, codec).await.unwrap_err();
    assert_eq!((refused.code(), told(&refused)), (Code::Unimplemented, given.clone()));
    assert_eq!(id(refused.metadata()), given);

    // Without a token, before the handler; and with a field that is no text, before it is even a message.
    let refused = server
        .account
        .clone()
        .get_me(named(&given, Request::new(GetMeRequest {})))
        .await
        .unwrap_err();
    assert_eq!((reason(&refused), told(&refused)), ("TOKEN_INVALID".into(), given));
}

/// Not the idempotency key, which is a field of that name.
#[tokio::test]
async fn the_field_request_id_is_something_else() {
    let server = Server::start(Backend::Sqlite).await;
    let (key, given) = (Uuid::now_v7().to_string(), unique("edge"));
    for _ in 0..2 {
        let mut registration = alice(PASSWORD);
        registration.request_id.clone_from(&key);
        let request = named(&given, Request::new(registration));
        assert_eq!(id(server.auth.clone().register(request).await.unwrap().metadata()), given);
    }
    let mut other = alice(PASSWORD);
    other.email = "bob@example.com".into();
    let refused = server.auth.clone().register(named(&key, Request::new(other))).await.unwrap_err();
    assert_eq!((reason(&refused), id(refused.metadata())), ("USERNAME_TAKEN".into(), key));
}

#[tokio::test]
async fn http_answers_have_the_id_too() {
    let server = Server::start(Backend::Sqlite).await;
    let get = async |path: &str, headers: &str| {
        let mut socket = TcpStream::connect(server.http).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let head = answer.split_once("\r\n\r\n").unwrap().0;
        let mut ids = head.lines().filter_map(|line| line.strip_prefix("x-request-id: "));
        let id = ids.next().unwrap_or_else(|| panic!("no id: {head}")).to_owned();
        assert_eq!(ids.next(), None);
        id
    };
    for path in ["/livez", "/readyz", "/metrics", "/.well-known/jwks.json", "/invented"] {
        assert_eq!(get(path, "X-Request-Id: edge-1\r\n").await, "edge-1", "{path}");
        let made = get(path, "").await;
        assert!(Uuid::try_parse(&made).is_ok(), "{path}: {made}");
        let replaced = get(path, "X-Request-Id: two words\r\n").await;
        assert!(Uuid::try_parse(&replaced).is_ok_and(|id| id.to_string() != made), "{replaced}");
    }
}

/// A server that logs in that format what its filter lets through, and the line of a defect, which is another process's.
async fn line_of_a_defect(format: &str, filter: &str) -> (String, String) {
    let database = Database::new(Backend::Sqlite).await;
    let mut command: Command = serve(&database);
    command.env("COUNTERSIGN_LOG_FORMAT", format).env("COUNTERSIGN_LOG", filter);
    let mut running = match format {
        "json" => Running::start_logging_json(command),
        _text => Running::start(command),
    };
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    database.run("ALTER TABLE mailbox_codes RENAME TO lost").await;
    let (id, verification) = (unique("edge"), "A".repeat(43));
    let request = VerifyEmailRequest {
        verification_id: verification,
        code: "0123456789".into(),
        ..Default::default()
    };
    let refused = auth.verify_email(named(&id, Request::new(request))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal, "{refused:?}");
    (running.wait_for_log("internal error"), id)
}

#[rstest]
#[case::by_default("info")]
#[case::errors_alone("error")]
#[case::of_another_module("countersign::edge=warn")]
#[tokio::test]
async fn both_formats_of_the_log_name_the_call_whatever_the_filter(#[case] filter: &str) {
    let (line, id) = line_of_a_defect("text", filter).await;
    for part in [format!("request_id={id}"), "method=\"VerifyEmail\"".into()] {
        assert!(line.contains(&part), "{part} is not in {line}");
    }
    let (line, id) = line_of_a_defect("json", filter).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["spans"][0]["request_id"], id);
    assert_eq!(line["spans"][0]["method"], "VerifyEmail");
}
