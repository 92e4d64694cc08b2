//! The kinds of tokens (a user's, an exchanged one, a service's) by what a method accepts.

use countersign_verify::{Accept, Caller, Claims, VerifyError};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::{
    Fake, Issuer, following,
    issuer::{account, claims, exchanged_claims, service_claims},
    settings,
};

/// The columns of the table below.
fn kinds() -> [Value; 7] {
    let exchanged = |scope| exchanged_claims(&claims(), &account(), scope);
    let service = |scope| service_claims(&account(), scope);
    [
        claims(),
        exchanged(""),
        exchanged("a"),
        exchanged("b a"),
        service(""),
        service("a"),
        service("b a"),
    ]
}

/// `+` passes, `k` is of a kind that is not accepted, `s` lacks a scope, `l` is of an insufficient login.
fn letter(result: &Result<impl Sized, VerifyError>) -> char {
    match result {
        Ok(_) => '+',
        Err(VerifyError::CallerNotAccepted) => 'k',
        Err(VerifyError::InsufficientScope) => 's',
        Err(VerifyError::InsufficientUserAuthentication) => 'l',
        Err(VerifyError::Invalid | VerifyError::Unavailable) => '!',
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_passes_where_it_is_accepted_with_the_scope_that_is_required() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let (users, services) = (Accept::users, Accept::services);
    let both = Accept::users_and_services;
    // user | exchanged: none, a, b a | service: none, a, b a
    for (accept, expected) in [
        (users(), "+kkkkkk"),
        (users().require_scope("a"), "+s++kkk"),
        (users().any_scope(), "++++kkk"),
        (users().require_scope("a").refuse_exchanged(), "+kkkkkk"),
        (services(), "kkkkkkk"),
        (services().require_scope("a"), "kkkks++"),
        (services().any_scope(), "kkkk+++"),
        (both(), "+kkkkkk"),
        (both().require_scope("a"), "+s++s++"),
        (both().require_scope("a").require_scope("b"), "+ss+ss+"),
        (both().require_scope("c"), "+ssssss"),
        (both().any_scope(), "+++++++"),
        (both().any_scope().require_scope("a"), "+s++s++"),
        (both().require_scope("a").refuse_exchanged(), "+kkks++"),
        (both().any_scope().refuse_exchanged(), "+kkk+++"),
    ] {
        let mut row = String::new();
        for claims in kinds() {
            let jwt = issuer.token_of(&claims);
            // Twice: remembered, it is judged as before.
            let results = [(); 2].map(|()| verifier.verify_from(&accept, &jwt));
            let [first, second] = results;
            let (first, second) = (letter(&first.await), letter(&second.await));
            assert_eq!(first, second);
            row.push(first);
        }
        assert_eq!(row, expected, "{accept:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_accepts_users_with_their_own_tokens() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let mut row = String::new();
    for claims in kinds() {
        row.push(letter(&verifier.verify(&issuer.token_of(&claims)).await));
    }
    assert_eq!(row, "+kkkkkk");
    assert_eq!(Accept::default(), Accept::users());
}

fn ids(claims: &Claims) -> [Option<String>; 3] {
    [
        claims.user().map(|user| user.id.to_string()),
        claims.service().map(|service| service.id.to_string()),
        claims.actor().map(|actor| actor.id.to_string()),
    ]
}

/// In an exchanged token the service is no caller of its own: it has the user's rights, not its own.
#[tokio::test(start_paused = true)]
async fn the_claims_say_who_calls() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let any = Accept::users_and_services().any_scope();
    let (user, account) = (claims(), account());
    let id = Some(user["sub"].as_str().unwrap().to_owned());
    let service = Some(account.clone());
    let mut own = service_claims(&account, "a");
    own["service_epoch"] = 3.into();
    let mut exchanged = exchanged_claims(&user, &account, "a");
    exchanged["service_epoch"] = 4.into();
    for (jwt, expected, limited, epoch) in [
        (&user, [id.clone(), None, None], false, None),
        (&exchanged, [id, None, service.clone()], true, Some(4)),
        (&own, [None, service, None], true, Some(3)),
    ] {
        let claims = verifier.verify_from(&any, &issuer.token_of(jwt)).await.unwrap();
        assert_eq!(ids(&claims), expected, "{jwt}");
        assert_eq!(claims.client_id, jwt["client_id"].as_str().unwrap());
        assert_eq!(claims.has_scope("a"), limited, "{jwt}");
        assert!(claims.allows("a") && !claims.has_scope("b"));
        assert_eq!(claims.allows("b"), !limited, "{jwt}");
        let found = match &claims.caller {
            Caller::User(_) => None,
            Caller::Exchanged { actor: service, .. } | Caller::Service(service) => {
                Some(service.service_epoch)
            }
        };
        assert_eq!(found, epoch);
    }
}
