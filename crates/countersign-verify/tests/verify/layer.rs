//! The tower layer, around a service that says whom it sees.

use std::{convert::Infallible, time::Duration};

use countersign_verify::{Accept, Acr, Claims, User, Verifier, VerifyLayer};
use http::{Request, Response, header::AUTHORIZATION};
use jsonwebtoken::Algorithm;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, Service as _, ServiceExt as _};

use super::{
    Fake, Issuer, following,
    issuer::{account, claims, exchanged_claims, service_claims},
    pass, settings,
};

/// The layer of a service that has methods for users, for services and for both.
fn layer(verifier: &Verifier) -> VerifyLayer {
    VerifyLayer::new(verifier.clone())
        .open(|path| path.starts_with("/open."))
        .accept_on("/a.B/Read", Accept::users_and_services().require_scope("read"))
        .accept_on("/a.B/Import", Accept::services().require_scope("write").require_scope("read"))
}

/// What came of a request: the caller that the service saw, or the status.
async fn call(verifier: &Verifier, path: &str, authorization: &[&str]) -> Result<String, Status> {
    call_behind(layer(verifier), path, authorization).await
}

async fn call_behind(
    layer: VerifyLayer,
    path: &str,
    authorization: &[&str],
) -> Result<String, Status> {
    let service = tower::service_fn(async |request: Request<()>| {
        let user = User::of(request.extensions()).map(|user| user.preferred_username.clone());
        let claims = Claims::of(request.extensions());
        let service = claims.and_then(Claims::service).map(|service| service.id.to_string());
        let caller = user.or(service).unwrap_or_else(|| "nobody".to_owned());
        Ok::<_, Infallible>(Response::new(caller))
    });
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
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("TOKEN_INVALID", "countersign.dev")
        );
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

/// The reason that a status has, and the scope that it names.
fn reason(status: &Status) -> (Code, String, Option<String>) {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "countersign.dev");
    (status.code(), info.reason, info.metadata.get("scope").cloned())
}

/// Each method by each kind of caller: who gets through, or the reason why not.
#[tokio::test(start_paused = true)]
async fn each_method_accepts_its_callers_and_says_which_scope_others_lack() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let account = account();
    let callers = [
        claims(),
        exchanged_claims(&claims(), &account, "read"),
        service_claims(&account, "write"),
        service_claims(&account, "read write"),
    ];
    let service = Ok(account.as_str());
    let (kind, user) = (Err(("CALLER_NOT_ACCEPTED", None)), Ok("alice"));
    let lacks = |scope| Err(("INSUFFICIENT_SCOPE", Some(scope)));
    for (path, expected) in [
        ("/a.B/Write", [user, kind, kind, kind]),
        ("/a.B/Read", [user, user, lacks("read"), service]),
        ("/a.B/Import", [kind, kind, lacks("write read"), service]),
        ("/a.B/read", [user, kind, kind, kind]),
    ] {
        for (claims, expected) in callers.iter().zip(expected) {
            let bearer = format!("Bearer {}", issuer.token_of(claims));
            let result = call(&verifier, path, &[&bearer]).await;
            let result = result.map_err(|status| reason(&status));
            let expected = expected.map(str::to_owned).map_err(|(reason, scope)| {
                (Code::PermissionDenied, reason.to_owned(), scope.map(str::to_owned))
            });
            assert_eq!(result, expected, "{path} {claims}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_layer_accepts_counts_where_no_path_says_otherwise() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let service = issuer.token_of(&service_claims(&account(), "read write"));
    let [user, service] = [issuer.token(), service].map(|jwt| format!("Bearer {jwt}"));
    let layer = layer(&verifier)
        .accept(Accept::services().require_scope("read"))
        .accept_on("/a.B/Me", Accept::users());
    for (path, bearer, passes) in [
        ("/a.B/Any", &service, true),
        ("/a.B/Any", &user, false),
        ("/a.B/Me", &user, true),
        ("/a.B/Me", &service, false),
    ] {
        let result = call_behind(layer.clone(), path, &[bearer]).await;
        assert_eq!(result.is_ok(), passes, "{path}");
    }
}

/// Only the holder of a good token learns what the method would take.
#[tokio::test(start_paused = true)]
async fn a_bad_token_is_unauthenticated_whoever_it_says_it_is_and_wherever() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let mut expired = service_claims(&account(), "read");
    expired["exp"] = 1.into();
    let bearer = format!("Bearer {}", issuer.token_of(&expired));
    for path in ["/a.B/Write", "/a.B/Read", "/a.B/Import"] {
        let status = call(&verifier, path, &[&bearer]).await.unwrap_err();
        assert_eq!(reason(&status), (Code::Unauthenticated, "TOKEN_INVALID".to_owned(), None));
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_wait_for_a_new_key_the_method_accepts_whom_it_did_before() {
    for (path, expected) in [("/a.B/Write", "CALLER_NOT_ACCEPTED"), ("/a.B/Read", "")] {
        let (old, new) = (Issuer::new(Algorithm::ES256), Issuer::new(Algorithm::ES256));
        let mut fake = Fake::new([old.public()]);
        let (verifier, _stream) = following(&mut fake, settings()).await;
        pass(20).await;
        fake.set_keys([new.public()]);
        let bearer = format!("Bearer {}", new.token_of(&service_claims(&account(), "read")));
        let result = call(&verifier, path, &[&bearer]).await;
        let refused = result.map_or_else(|status| reason(&status).1, |_passed| String::new());
        assert_eq!(refused, expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_insufficient_login_is_told_what_is_enough() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let accept = Accept::users().require_acr(Acr::TwoFactors);
    let layer = VerifyLayer::new(verifier)
        .accept(accept.clone())
        .accept_on("/a.B/Pay", accept.require_login_within(Duration::from_secs(300)));
    let authorization = format!("Bearer {}", issuer.token());
    let refused = async |path| {
        let status = call_behind(layer.clone(), path, &[&authorization]).await.unwrap_err();
        let info = status.get_error_details().error_info().unwrap().clone();
        let header = status.metadata().get("www-authenticate").unwrap().to_str().unwrap();
        let mut metadata: Vec<_> = info.metadata.into_iter().collect();
        metadata.sort();
        (status.code(), info.reason, metadata, header.to_owned())
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let (code, reason, metadata, header) = refused("/a.B/C").await;
    assert_eq!((code, &*reason), (Code::Unauthenticated, "INSUFFICIENT_USER_AUTHENTICATION"));
    assert_eq!(metadata, [pair("acr_values", "2fa")]);
    assert!(header.starts_with("Bearer error=\"insufficient_user_authentication\", "), "{header}");
    assert!(header.ends_with(", acr_values=\"2fa\""), "{header}");
    let (.., metadata, header) = refused("/a.B/Pay").await;
    assert_eq!(metadata, [pair("acr_values", "2fa"), pair("max_age", "300")]);
    assert!(header.ends_with(", acr_values=\"2fa\", max_age=\"300\""), "{header}");
}
