//! Tokens of services and of users are never taken for one another, whatever claim is changed.

use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{Session, User},
    token::{Claims, KeyRing, Settings, SigningKey},
};

const AUDIENCE: &str = "countersign";

/// The claims that every token has, of its type.
const COMMON: [&str; 6] = ["iss", "sub", "aud", "exp", "iat", "jti"];

/// Those of users alone.
const OF_USERS: [&str; 4] = ["sid", "amr", "auth_time", "preferred_username"];

fn tokens(ttl: u64) -> AccessTokens {
    let ring = KeyRing::of_one(SigningKey::from_secret(&[7; 32]));
    let settings = Settings { issuer: "https://a.example".into(), ttl: Duration::from_secs(ttl) };
    AccessTokens::new(ring, settings)
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000)
}

fn account(epoch: i64) -> ServiceAccount {
    let id = crate::domain::ServiceAccountId(Uuid::from_u128(0x7e1d));
    ServiceAccount { epoch, ..ServiceAccount::sample(id) }
}

fn granted<'a>(account: &'a ServiceAccount, scope: &str) -> Granted<'a> {
    Granted { account, audience: AUDIENCE.into(), scope: Scope::parse(scope).unwrap() }
}

fn users(tokens: &AccessTokens, seconds: u64) -> UserClaims {
    let user = User { roles: vec!["admin".into()], ..User::sample(now()) };
    let end = now().plus(Duration::from_secs(seconds));
    let session = Session { audience: AUDIENCE.into(), ..Session::sample(user.id, now(), end) };
    let issued = tokens.issue(&user, &session, now()).unwrap();
    match read(tokens, &issued.jwt) {
        Some(Claims::User(claims)) => *claims,
        other => panic!("{other:?}"),
    }
}

fn read(tokens: &AccessTokens, jwt: &str) -> Option<Claims> {
    tokens.verify(jwt, &[AUDIENCE.into()], now()).ok().map(|token| token.claims)
}

/// Reads a token with these claims, rightly signed.
fn signed(tokens: &AccessTokens, claims: &Value) -> Option<Claims> {
    let ring = tokens.ring();
    read(tokens, &encode(ring.signer(now()).unwrap(), claims).unwrap())
}

fn is_users(claims: Option<&Claims>) -> bool {
    matches!(claims, Some(Claims::User(_)))
}

fn is_services(claims: Option<&Claims>) -> bool {
    matches!(claims, Some(Claims::Service(_)))
}

fn json_of(claims: &impl Serialize) -> Value {
    serde_json::to_value(claims).unwrap()
}

fn services(tokens: &AccessTokens, epoch: i64, scope: &str) -> ServiceClaims {
    let account = account(epoch);
    let issued = tokens.issue_to_service(&granted(&account, scope), now()).unwrap();
    match read(tokens, &issued.jwt) {
        Some(Claims::Service(claims)) => claims,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_services_token_has_the_claims_of_services_and_lives_an_hour_at_the_most() {
    for (ttl, lives) in [(900, 900), (3600, 3600), (86_400, 3600)] {
        let claims = services(&tokens(ttl), 0, "a b");
        assert_eq!(claims.exp, now().unix_seconds() + lives);
    }
    let tokens = tokens(900);
    let plain = json_of(&services(&tokens, 0, ""));
    let mut names: Vec<_> = plain.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "client_id", "exp", "iat", "iss", "jti", "sub"]);
    let full = json_of(&services(&tokens, 3, "a b"));
    assert_eq!((&full["scope"], &full["service_epoch"]), (&json!("a b"), &json!(3)));
    assert_eq!(full["sub"], "00000000000000000000000000007e1d");
}

#[test]
fn an_exchanged_token_is_the_users_and_ends_with_theirs_or_within_an_hour() {
    for (ttl, session, lives) in [(900, 9999, 900), (900, 100, 100), (86_400, 99_999, 3600)] {
        let tokens = tokens(ttl);
        let (subject, account) = (users(&tokens, session), account(2));
        let issued = tokens.issue_for_user(&granted(&account, "a"), &subject, now()).unwrap();
        assert_eq!(issued.expires_in, Duration::from_secs(lives));
        let Some(Claims::User(claims)) = read(&tokens, &issued.jwt) else { panic!("refused") };
        let (id, expected) = (account.id, subject.clone());
        let expected = UserClaims {
            exp: claims.exp,
            jti: claims.jti,
            client_id: id.to_string(),
            scope: "a".into(),
            act: Some(ActingParty { sub: id }),
            service_epoch: 2,
            ..expected
        };
        assert_eq!(*claims, expected);
        assert!(claims.exp <= subject.exp && claims.jti != subject.jti);
    }
}

#[test]
fn a_users_token_is_never_read_as_a_services() {
    let tokens = tokens(900);
    let (subject, account) = (users(&tokens, 900), account(1));
    let issued = tokens.issue_for_user(&granted(&account, "a"), &subject, now()).unwrap();
    let Some(Claims::User(exchanged)) = read(&tokens, &issued.jwt) else { panic!("refused") };
    for good in [json_of(&subject), json_of(&exchanged)] {
        assert!(is_users(signed(&tokens, &good).as_ref()));
        for name in COMMON.iter().chain(&OF_USERS).chain(&["client_id"]) {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(*name);
            assert_eq!(signed(&tokens, &without), None, "without {name}");
            for wrong in [Value::Null, json!(true), json!({}), json!([[]]), json!(1.5)] {
                let mut changed = good.clone();
                changed[*name] = wrong.clone();
                assert_eq!(signed(&tokens, &changed), None, "{name}: {wrong}");
            }
        }
        let mut stripped = good.clone();
        for name in OF_USERS {
            stripped.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(signed(&tokens, &stripped), None, "its sub is a user's");
    }
    for (name, wrong) in
        [("act", json!({})), ("act", json!({"sub": subject.sub})), ("scope", json!(7))]
    {
        let mut changed = json_of(&exchanged);
        changed[name] = wrong.clone();
        assert_eq!(signed(&tokens, &changed), None, "{name}: {wrong}");
    }
}

#[test]
fn a_services_token_is_never_read_as_a_users() {
    let tokens = tokens(900);
    let (good, of_user) = (json_of(&services(&tokens, 1, "a")), json_of(&users(&tokens, 900)));
    assert!(is_services(signed(&tokens, &good).as_ref()));
    for name in COMMON.iter().chain(&["client_id"]) {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(*name);
        assert_eq!(signed(&tokens, &without), None, "without {name}");
    }
    let mut with_all = good.clone();
    for name in OF_USERS {
        with_all[name] = of_user[name].clone();
    }
    // Not even with every claim of a user: its sub is a service's.
    assert!(!is_users(signed(&tokens, &with_all).as_ref()));
    for sub in [of_user["sub"].clone(), json!(good["sub"].as_str().unwrap().to_uppercase())] {
        let mut changed = good.clone();
        changed["sub"] = sub.clone();
        assert_eq!(signed(&tokens, &changed), None, "{sub}");
    }
}
