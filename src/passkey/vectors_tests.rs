//! The test vectors of the specification (WebAuthn level 3, section 16): its registrations and assertions, with our verdicts.
//!
//! They are in `tests/data/passkeys/vectors.json`, of the editors' draft of July 2026.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Algorithm, Assertion, Challenge, Demand, NewCredential, Refused, Registration,
    StoredCredential, UserVerification, authenticator_of_tests::user_handle,
    relying_party_tests::example,
};

/// Each vector, and what becomes of its registration.
const VERDICTS: [(&str, Result<Algorithm, Refused>); 15] = [
    ("none-es256", Ok(Algorithm::Es256)),
    ("packed-self-es256", Ok(Algorithm::Es256)),
    // We ask in no frame of others.
    ("none-es256-crossOrigin", Err(Refused::CrossOrigin)),
    ("none-es256-topOrigin", Err(Refused::CrossOrigin)),
    ("none-es256-long-credential-id", Ok(Algorithm::Es256)),
    ("packed-es256", Ok(Algorithm::Es256)),
    ("packed-es384", Err(Refused::Algorithm)),
    // A challenge of 128 bytes, which is none of ours.
    ("packed-es512", Err(Refused::Challenge)),
    ("packed-rs256", Ok(Algorithm::Rs256)),
    ("packed-eddsa", Ok(Algorithm::EdDsa)),
    ("packed-ed448", Err(Refused::Algorithm)),
    ("tpm-es256", Ok(Algorithm::Es256)),
    ("android-key-es256", Ok(Algorithm::Es256)),
    ("apple-es256", Ok(Algorithm::Es256)),
    ("fido-u2f-es256", Ok(Algorithm::Es256)),
];

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../tests/data/passkeys/vectors.json")).unwrap()
}

fn challenge(half: &Value) -> Challenge {
    let bytes = URL_SAFE_NO_PAD.decode(half["challenge"].as_str().unwrap()).unwrap();
    Challenge::from_bytes(bytes[..32].try_into().unwrap())
}

fn answer(vector: &Value, half: &str) -> String {
    let (id, response) = (&vector["id"], &vector[half]);
    json!({ "id": id, "rawId": id, "type": "public-key", "response": response }).to_string()
}

fn register(vector: &Value) -> Result<NewCredential, Refused> {
    let registration = Registration::read(&answer(vector, "create")).unwrap();
    registration.verify(&example(), &challenge(&vector["create"]), UserVerification::Preferred)
}

#[test]
fn registrations_of_the_specification_are_judged() {
    let vectors = vectors();
    assert_eq!(vectors.len(), VERDICTS.len());
    for (vector, (name, verdict)) in vectors.iter().zip(VERDICTS) {
        assert_eq!(vector["name"], name);
        let credential = register(vector);
        if let Ok(credential) = &credential {
            assert_eq!(URL_SAFE_NO_PAD.encode(&credential.id), vector["id"], "{name}");
        }
        assert_eq!(credential.map(|credential| credential.algorithm), verdict, "{name}");
    }
}

#[test]
fn assertions_of_the_specification_are_judged() {
    let mut asserted = 0;
    for vector in vectors() {
        let Ok(credential) = register(&vector) else { continue };
        let stored = StoredCredential {
            id: &credential.id,
            user_handle: &user_handle(),
            public_key: &credential.public_key,
            sign_count: credential.sign_count,
            backup_eligible: credential.backup_eligible,
        };
        let assertion = Assertion::read(&answer(&vector, "get")).unwrap();
        let challenge = challenge(&vector["get"]);
        let verify = |demand| assertion.verify(&example(), &challenge, &stored, demand);
        let factor = Demand::second_factor(UserVerification::Preferred);
        assert!(verify(factor).is_ok(), "{}: {:?}", vector["name"], verify(factor));
        // The vectors have no user handle.
        let login = Demand::discoverable_login(UserVerification::Preferred);
        assert_eq!(verify(login), Err(Refused::NoUserHandle));
        asserted += 1;
    }
    assert_eq!(asserted, VERDICTS.iter().filter(|(_, verdict)| verdict.is_ok()).count());
}
