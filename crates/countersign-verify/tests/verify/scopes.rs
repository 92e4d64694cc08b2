//! Words of a scope (RFC 6749, section 3.3): they count to the letter.

use countersign_verify::{Accept, VerifyError};
use jsonwebtoken::Algorithm;

use super::{
    Fake, Issuer, following,
    issuer::{account, claims, exchanged_claims, service_claims},
    settings,
};

#[tokio::test(start_paused = true)]
async fn a_required_word_is_one_of_the_scopes_own_to_the_letter() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    for (required, scope, passes) in [
        ("orders.read", "orders.read", true),
        ("orders.read", "a orders.read b", true),
        ("orders.read", "a  orders.read ", true),
        ("orders.read", "orders", false),
        ("orders", "orders.read", false),
        ("orders.read", "orders.reader", false),
        ("orders.read", "xorders.read", false),
        ("orders.read", "Orders.Read", false),
        ("orders.read", "orders.*", false),
        ("orders.read", "*", false),
        ("orders.read", "orders\tread orders", false),
        ("orders.read", "a\torders.read", false),
        ("orders.read", "a\u{a0}orders.read", false),
        ("orders.read", "a,orders.read", false),
        ("a b", "a b", false),
        ("", "a", false),
        ("", " ", false),
        ("", "a  b", false),
        (" ", "a b", false),
    ] {
        for claims in
            [service_claims(&account(), scope), exchanged_claims(&claims(), &account(), scope)]
        {
            let accept = Accept::users_and_services().require_scope(required);
            let result = verifier.verify_from(&accept, &issuer.token_of(&claims)).await;
            let expected = if passes { None } else { Some(VerifyError::InsufficientScope) };
            assert_eq!(result.err(), expected, "{required:?} of {scope:?}");
        }
    }
}
