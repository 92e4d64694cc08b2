//! The tower layer, around a service that says whom it sees.

use std::convert::Infallible;

use countersign_verify::{Claims, Verifier, VerifyLayer};
use http::{Request, Response, header::AUTHORIZATION};
use jsonwebtoken::Algorithm;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, Service as _, ServiceExt as _};

use super::{Fake, Issuer, following, pass, settings};

/// What came of a request: the user the service saw, or the status.
async fn call(verifier: &Verifier, path: &str, authorization: &[&str]) -> Result<String, Status> {
    let service = tower::service_fn(async |request: Request<()>| {
        let name = Claims::of(request.extensions()).map(|claims| claims.preferred_username.clone());
        Ok::<_, Infallible>(Response::new(name.unwrap_or_else(|| "nobody".to_owned())))
    });
    let layer = VerifyLayer::new(verifier.clone()).open(|path| path.starts_with("/open."));
    let mut request = Request::get(path);
    for value in authorization {
        request = request.header(AUTHORIZATION, *value);
    }
    let mut service = layer.layer(service);
    let response = service.ready().await.unwrap().call(request.body(()).unwrap()).await.unwrap();
    match Status::from_header_map(response.headers()) {
        Some(status) => Err(status),
        None => Ok(response.into_body()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_token_gets_through_and_its_claims_with_it() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  ", " bearer\t"] {
        let authorization = format!("{scheme} {}", issuer.token());
        assert_eq!(call(&verifier, "/a.B/C", &[&authorization]).await.unwrap(), "alice");
    }
}

#[tokio::test(start_paused = true)]
async fn all_else_is_unauthenticated_and_nothing_says_why() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let jwt = issuer.token();
    let good = format!("Bearer {jwt}");
    let cases: [&[&str]; 7] = [
        &[],
        &[""],
        &[&jwt],
        &[&format!("Basic {jwt}")],
        &["Bearer "],
        &[&good, &good],
        &[&format!("Bearer {}", Issuer::new(Algorithm::ES256).token())],
    ];
    for authorization in cases {
        let status = call(&verifier, "/a.B/C", authorization).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{authorization:?}");
        assert_eq!(status.message(), "the access token is missing or not valid");
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("TOKEN_INVALID", "auth.v1"));
        assert!(info.metadata.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn open_paths_need_no_token_and_look_at_none() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let good = format!("Bearer {}", issuer.token());
    for authorization in [&[][..], &["Bearer bad"], &[good.as_str()]] {
        assert_eq!(call(&verifier, "/open.Health/Check", authorization).await.unwrap(), "nobody");
    }
    assert!(call(&verifier, "/closed.open./Check", &[]).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_request_with_a_new_key_waits_for_the_fetch_and_gets_through() {
    let (old, new) = (Issuer::new(Algorithm::ES256), Issuer::new(Algorithm::ES256));
    let mut fake = Fake::new([old.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    pass(20).await;
    fake.set_keys([new.public()]);
    let [good, bad] = [&new, &old].map(|issuer| format!("Bearer {}", issuer.token()));
    assert_eq!(call(&verifier, "/a.B/C", &[&good]).await.unwrap(), "alice");
    pass(20).await;
    let status = call(&verifier, "/a.B/C", &[&bad]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn while_nothing_can_be_verified_callers_are_told_to_come_back() {
    let fake = Fake::new([]);
    fake.set_away(true);
    let verifier = Verifier::start(fake.channel(), settings());
    let jwt = format!("Bearer {}", Issuer::new(Algorithm::ES256).token());
    let status = call(&verifier, "/a.B/C", &[&jwt]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "VERIFICATION_UNAVAILABLE");
}
