//! Client authentication, as libraries do it (RFC 6749, section 2.3; RFC 7523).

use rstest::rstest;
use serde_json::{Value, json};

use super::{BASIC, TOKEN};
use crate::harness::{
    Backend, Server,
    oauth::{Machine, basic, bearer_header, keeper, machine, machine_with, operator, post, token},
    signer::Signer,
};

/// Every byte percent-encoded.
fn encoded(text: &str, lower: bool) -> String {
    let digits = |byte| if lower { format!("%{byte:02x}") } else { format!("%{byte:02X}") };
    text.bytes().map(digits).collect()
}

/// Go, Spring and Nimbus form-encode, Authlib and requests-oauthlib do not, oauth4webapi encodes all but letters and digits.
#[tokio::test]
async fn basic_is_taken_encoded_and_as_it_stands() {
    let server = Server::start(Backend::Sqlite).await;
    let Machine { id, key, .. } = machine(&server, "a").await;
    for lower in [false, true] {
        let header = basic(&encoded(&id, lower), &encoded(&key, lower));
        token(&server, &header, &[]).await.token();
    }
    let plain = basic(&id, &key);
    for header in [
        plain.clone(),
        plain.replace("Basic", "basic"),
        plain.replace("Basic", "BASIC"),
        plain.replace("Basic ", "Basic   "),
        plain.replace("Authorization", "authorization"),
    ] {
        token(&server, &header, &[]).await.token();
        // Beside its id in the body, which says the same.
        token(&server, &header, &[("client_id", &id)]).await.token();
    }
    token(&server, "", &[("client_id", &id), ("client_secret", &key)]).await.token();
}

#[rstest]
#[tokio::test]
async fn what_proves_no_client_is_refused_with_a_challenge_where_a_header_was_used(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (cart, other) = (machine(&server, "a").await, machine(&server, "a").await);
    let (id, key) = (&*cart.id, &*cart.key);
    let mistyped =
        format!("{}{}", &key[..key.len() - 1], if key.ends_with('a') { 'b' } else { 'a' });
    for header in [
        basic(id, &mistyped),
        basic(id, ""),
        basic("", key).replace("Basic ", "Basic x"),
        basic(&other.id, key),
        basic(&id.to_uppercase(), key),
        basic(&cart.name, key),
        basic(id, &format!("{key} ")),
        basic(id, &format!("%{key}")),
        basic(id, &format!("{key}%4")),
        basic(id, &format!("{key}%FF")),
        basic(id, &format!("{key}%00")),
        "Authorization: Basic\r\n".to_owned(),
        "Authorization: Basic ?\r\n".to_owned(),
        "Authorization: Basic bm8gY29sb24=\r\n".to_owned(),
        "Authorization: Basic \u{e9}\r\n".to_owned(),
        "Authorization: Digest username=\"x\"\r\n".to_owned(),
        "Authorization:\r\n".to_owned().replace(":\r", ": \r"),
        bearer_header(key),
    ] {
        let answer = token(&server, &header, &[]).await;
        assert_eq!(answer.refused(), (401, "invalid_client".to_owned()), "{header}");
        assert_eq!(answer.header("www-authenticate"), BASIC, "{header}");
    }
    for (user, secret) in [(id, &*mistyped), (&*other.id, key), (id, "x"), ("x", key)] {
        let form = [("client_id", user), ("client_secret", secret)];
        let answer = token(&server, "", &form).await;
        assert_eq!(answer.refused(), (400, "invalid_client".to_owned()), "{form:?}");
        assert_eq!(answer.header("www-authenticate"), "");
    }
    for form in [&[][..], &[("client_id", id)], &[("client_id", id), ("client_secret", "")]] {
        let answer = token(&server, "", form).await;
        assert_eq!(answer.refused(), (401, "invalid_client".to_owned()), "{form:?}");
        assert_eq!(answer.header("www-authenticate"), BASIC);
    }
}

/// One client each: a second one must not come in by the body, or by a second header.
#[tokio::test]
async fn two_proofs_or_two_clients_are_refused_though_each_is_valid() {
    let server = Server::start(Backend::Sqlite).await;
    let (cart, other) = (machine(&server, "a").await, machine(&server, "a").await);
    let header = basic(&cart.id, &cart.key);
    let assertion = [
        ("client_assertion", "a.b.c"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    ];
    for (headers, form) in [
        (header.clone(), &[("client_secret", &*cart.key)][..]),
        (header.clone(), &[("client_id", &*other.id), ("client_secret", &*other.key)]),
        (header.clone(), &[("client_id", &*other.id)]),
        (header.clone(), &assertion),
        (
            String::new(),
            &[&assertion[..], &[("client_id", &*cart.id), ("client_secret", &*cart.key)]].concat(),
        ),
        (format!("{header}{header}"), &[]),
        (format!("{header}{}", basic(&other.id, &other.key)), &[]),
        (format!("{header}{}", bearer_header("x")), &[]),
        (String::new(), &[("client_secret", &*cart.key)]),
        (String::new(), &[("client_assertion", "a.b.c")]),
        (String::new(), &[("client_assertion", "a.b.c"), ("client_assertion_type", "x")]),
    ] {
        let answer = token(&server, &headers, form).await;
        assert_eq!(answer.refused(), (400, "invalid_request".to_owned()), "{headers}{form:?}");
    }
}

/// What stands in the query or in other headers proves nothing.
#[tokio::test]
async fn a_client_in_the_query_or_in_headers_of_proxies_is_none() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "a introspect").await;
    let path = format!(
        "{TOKEN}?grant_type=client_credentials&client_id={}&client_secret={}",
        cart.id, cart.key
    );
    let answer = post(&server, &path, "", &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.refused(), (401, "invalid_client".to_owned()));
    for header in [
        format!("X-Auth-Subject: {}\r\nX-Auth-Token: {}\r\n", cart.id, cart.key),
        "X-Forwarded-Client-Cert: By=x;URI=spiffe://example.org/cart\r\n".to_owned(),
        "X-Spiffe-Id: spiffe://example.org/cart\r\n".to_owned(),
        format!("Proxy-{}", basic(&cart.id, &cart.key)),
        format!("Cookie: access_token={}\r\n", cart.key),
    ] {
        for path in [TOKEN, super::INTROSPECT] {
            let form = [("grant_type", "client_credentials"), ("token", "x")];
            let answer = post(&server, path, &header, &form).await;
            assert_eq!(answer.refused(), (401, "invalid_client".to_owned()), "{header}");
        }
    }
}

/// golang.org/x/oauth2 tries the header, and after any refusal the body. It costs no budget, so neither attempt locks the
/// other out, however often.
#[tokio::test]
async fn a_second_attempt_in_the_body_is_not_held_up_by_the_first() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "a").await;
    for _ in 0..30 {
        let (id, key) = (&*cart.id, "cskeywrong");
        token(&server, &basic(id, key), &[]).await.refused();
        token(&server, "", &[("client_id", id), ("client_secret", key)]).await.refused();
    }
    token(&server, "", &[("client_id", &cart.id), ("client_secret", &cart.key)]).await.token();
}

#[rstest]
#[tokio::test]
async fn an_assertion_proves_a_client_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let signer = Signer::new("a");
    let cart = machine_with(&server, "a", |request| {
        request.assertion_keys.jwks = Some(signer.jwks().to_string());
    })
    .await;
    let now = server.clock.now().unix_seconds();
    let claims = |jti: &str, aud: Value| json!({ "iss": cart.id, "sub": cart.id, "aud": aud, "exp": now + 60, "jti": jti });
    let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let with = |jwt| [("client_assertion", jwt), ("client_assertion_type", jwt_bearer)];
    let first = signer.sign(&claims("1", json!("http://localhost:8080")));
    token(&server, "", &with(&first)).await.token();
    let again = token(&server, "", &with(&first)).await;
    assert_eq!(again.refused(), (400, "invalid_client".to_owned()));
    // The endpoint as audience, alone or in a list; with client_id, and with another's.
    let second = signer.sign(&claims("2", json!(["http://localhost:8080/oauth2/token"])));
    let form = [&with(&second)[..], &[("client_id", &*cart.id)]].concat();
    token(&server, "", &form).await.token();
    let third = signer.sign(&claims("3", json!("http://localhost:8080")));
    let other = machine(&server, "").await;
    let form = [&with(&third)[..], &[("client_id", &*other.id)]].concat();
    assert_eq!(token(&server, "", &form).await.refused(), (400, "invalid_client".to_owned()));
    let elsewhere = signer.sign(&claims("4", json!("https://elsewhere.example")));
    let refused = token(&server, "", &with(&elsewhere)).await;
    assert_eq!(refused.refused(), (400, "invalid_client".to_owned()));
    assert!(refused.json()["error_description"].as_str().unwrap().contains("aud"), "{refused:?}");
}

#[rstest]
#[tokio::test]
async fn a_disabled_account_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let cart = machine(&server, "a").await;
    let header = basic(&cart.id, &cart.key);
    let (keeper, context) = (keeper(&server).await, operator());
    keeper.disable(&context, &cart.name).await.unwrap();
    let refused = token(&server, &header, &[]).await;
    assert_eq!(refused.refused(), (401, "invalid_client".to_owned()));
    assert!(refused.json()["error_description"].as_str().unwrap().contains("disabled"));
}
