//! Registrations: a valid one for each algorithm, and each rule broken in turn.

use serde_json::{Value, json};

use super::{
    Algorithm, Attachment, CborError, Challenge, Malformed, NewCredential, Refused, Registration,
    UserVerification,
    authenticator_of_tests::{
        AT, Authenticator, BE, BS, ED, Registering, UP, UV, bytes, challenge, integer, map, text,
    },
    relying_party_tests::example,
};

pub(super) fn verify(json: &Value) -> Result<NewCredential, Refused> {
    let registration = Registration::read(&json.to_string()).unwrap();
    registration.verify(&example(), &challenge(), UserVerification::Required)
}

#[test]
fn a_credential_of_each_algorithm_is_taken_with_what_it_says() {
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        for format in ["none", "packed"] {
            let credential = verify(&authenticator.register(format).json());
            let expected = NewCredential {
                id: authenticator.id.clone(),
                public_key: authenticator.key.clone(),
                algorithm,
                sign_count: 1,
                user_verified: true,
                backup_eligible: true,
                backed_up: false,
                transports: vec!["hybrid".to_owned(), "internal".to_owned()],
                aaguid: [3; 16],
                attachment: Some(Attachment::Platform),
            };
            assert_eq!(credential, Ok(expected), "{algorithm:?}, {format}");
        }
    }
}

/// How a registration is broken, and the rule that it then breaks.
type Case = (fn(&mut Registering<'_>), Refused);

const OF_ALL: [Case; 39] = [
    (|r| r.parts.client_bytes = Some(b"{".to_vec()), Refused::ClientData),
    (|r| r.parts.client_bytes = Some(b"{\"a\":\"\xff\"}".to_vec()), Refused::ClientData),
    (|r| r.parts.client = json!([]), Refused::ClientData),
    (|r| r.parts.client = json!(["webauthn.create", "x", "y", false, false]), Refused::ClientData),
    (|r| r.parts.client["origin"] = json!(null), Refused::ClientData),
    (|r| r.parts.client["crossOrigin"] = json!("false"), Refused::ClientData),
    (|r| client_begins_with(r, r#"{"origin":"x","#), Refused::ClientData),
    (|r| client_begins_with(r, r#"{"crossOrigin":false,"#), Refused::ClientData),
    (|r| r.parts.client["type"] = "webauthn.get".into(), Refused::CeremonyType),
    (|r| r.parts.client["type"] = "payment.get".into(), Refused::CeremonyType),
    (|r| r.parts.client["challenge"] = "".into(), Refused::Challenge),
    (|r| r.parts.client["challenge"] = "A".repeat(43).into(), Refused::Challenge),
    (
        |r| r.parts.client["challenge"] = format!("{}=", challenge().to_text()).into(),
        Refused::Challenge,
    ),
    (|r| r.parts.client["origin"] = "https://example.org:444".into(), Refused::Origin),
    (|r| r.parts.client["origin"] = "https://login.example.org".into(), Refused::Origin),
    (|r| r.parts.client["crossOrigin"] = true.into(), Refused::CrossOrigin),
    (|r| r.parts.client["topOrigin"] = "https://example.org".into(), Refused::TopOrigin),
    (|r| r.parts.client["topOrigin"] = json!(null), Refused::TopOrigin),
    (
        |r| r.object = Some([r.object(), vec![0]].concat()),
        Refused::AttestationObject(CborError::Trailing),
    ),
    (|r| r.object = Some(vec![0xbf, 0xff]), Refused::AttestationObject(CborError::Indefinite)),
    (|r| r.object = Some(vec![0x80]), Refused::AttestationMembers),
    (|r| r.object = Some(map(&[(text("fmt"), text("none"))])), Refused::AttestationMembers),
    (|r| r.format = "", Refused::AttestationMembers),
    (|r| r.format = "no name", Refused::AttestationMembers),
    (|r| r.format = "a-name-that-has-33-characters-all", Refused::AttestationMembers),
    (|r| r.statement = Some(map(&[(text("a"), integer(1))])), Refused::AttestationStatement),
    (|r| r.statement = Some(vec![0x80]), Refused::AttestationStatement),
    (|r| r.parts.attested.truncate(3), Refused::AuthenticatorDataTruncated),
    (|r| r.parts.attested.truncate(20), Refused::AuthenticatorDataTruncated),
    (|r| r.parts.trailing = vec![0], Refused::AuthenticatorDataTrailing),
    (|r| extensions(r, vec![0xa1, 0x01]), Refused::Extensions(CborError::Truncated)),
    (|r| extensions(r, Vec::new()), Refused::Extensions(CborError::Truncated)),
    (|r| extensions(r, vec![0x80]), Refused::ExtensionsKind),
    (|r| r.parts.rp_id = "example.com", Refused::RelyingParty),
    (|r| r.parts.flags &= !UP, Refused::UserPresence),
    (|r| r.parts.flags &= !UV, Refused::UserVerification),
    (|r| r.parts.flags = UP | UV | BS | AT, Refused::BackupState),
    (|r| (r.parts.flags, r.parts.attested) = (UP | UV, Vec::new()), Refused::NoCredential),
    (|r| r.parts.id = vec![6; 32], Refused::CredentialId),
];

fn extensions(registration: &mut Registering<'_>, extensions: Vec<u8>) {
    registration.parts.flags |= ED;
    registration.parts.extensions = extensions;
}

fn client_begins_with(registration: &mut Registering<'_>, member: &str) {
    let client = registration.parts.client.to_string().replacen('{', member, 1);
    registration.parts.client_bytes = Some(client.into_bytes());
}

#[test]
fn each_rule_that_is_broken_is_named() {
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        for (place, (break_it, refused)) in OF_ALL.into_iter().enumerate() {
            let mut registration = authenticator.register("none");
            break_it(&mut registration);
            assert_eq!(verify(&registration.json()), Err(refused), "{algorithm:?}, case {place}");
        }
    }
}

#[test]
fn self_attestation_is_by_the_credentials_own_key() {
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        let statement = |algorithm: i32, signature: Vec<u8>| {
            Some(map(&[(text("alg"), integer(algorithm)), (text("sig"), signature)]))
        };
        let right = authenticator.register("packed").parts;
        for wrong in [
            statement(algorithm.cose(), bytes(&authenticator.pair.sign(b"something else"))),
            statement(algorithm.cose(), bytes(&[])),
            statement(algorithm.cose(), text("")),
            statement(-65535, bytes(&authenticator.pair.sign(&right.signed()))),
            Some(map(&[])),
            Some(vec![0x80]),
        ] {
            let mut registration = authenticator.register("packed");
            registration.statement = wrong;
            assert_eq!(verify(&registration.json()), Err(Refused::AttestationStatement));
        }
    }
}

#[test]
fn an_attestation_that_nobody_here_can_judge_is_worth_as_much_as_none() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let certified = map(&[(text("sig"), bytes(&[1])), (text("x5c"), vec![0x80])]);
    for (format, statement) in [("packed", certified), ("tpm", map(&[])), ("compound", vec![0x80])]
    {
        let mut registration = authenticator.register(format);
        registration.statement = Some(statement);
        assert!(verify(&registration.json()).is_ok(), "{format}");
    }
}

#[test]
fn what_nobody_asked_about_is_ignored() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let mut registration = authenticator.register("none");
    registration.parts.client["other_keys_can_be_added_here"] = json!({ "a": [1, null] });
    registration.parts.client["tokenBinding"] = json!({ "status": "supported" });
    // Reserved flags, and extensions of whatever meaning.
    registration.parts.flags |= ED | 0x22;
    registration.parts.extensions =
        map(&[(text("credProtect"), integer(2)), (text("hmac-secret"), vec![0xf5])]);
    let mut json = registration.json();
    json["response"]["publicKeyAlgorithm"] = (-7).into();
    json["a"] = json!({ "b": null });
    json["authenticatorAttachment"] = "in-between".into();
    json["response"]["transports"] = json!(["usb", "usb", "a new one", "smart-card", "", "NFC"]);
    let credential = verify(&json).unwrap();
    assert_eq!(credential.transports, ["smart-card", "usb"]);
    assert_eq!(credential.attachment, None);
    json["authenticatorAttachment"] = json!(null);
    json["response"].as_object_mut().unwrap().remove("transports");
    assert_eq!(verify(&json).unwrap().transports, [""; 0]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_client_data() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let mut registration = authenticator.register("packed");
    let client = registration.parts.client.to_string();
    registration.parts.client_bytes = Some(format!("\u{feff}{client}").into_bytes());
    assert!(verify(&registration.json()).is_ok());
    registration.parts.client_bytes = Some(format!("\u{feff}\u{feff}{client}").into_bytes());
    assert_eq!(verify(&registration.json()), Err(Refused::ClientData));
}

#[test]
fn user_verification_is_as_asked() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let mut registration = authenticator.register("none");
    registration.parts.flags = UP | BE | AT;
    let registration = Registration::read(&registration.json().to_string()).unwrap();
    for verification in [UserVerification::Preferred, UserVerification::Discouraged] {
        let credential = registration.verify(&example(), &challenge(), verification).unwrap();
        assert!(!credential.user_verified);
    }
    let other = Challenge::from_bytes([8; 32]);
    let refused = registration.verify(&example(), &other, UserVerification::Preferred);
    assert_eq!(refused, Err(Refused::Challenge));
}

fn read(json: &Value) -> Result<(), Malformed> {
    Registration::read(&json.to_string()).map(|_| ())
}

#[test]
fn only_what_to_json_gives_is_read() {
    let valid = Authenticator::new(Algorithm::EdDsa).register("none").json();
    assert_eq!(read(&valid), Ok(()));
    let with = |change: fn(&mut Value)| {
        let mut json = valid.clone();
        change(&mut json);
        read(&json)
    };
    assert_eq!(with(|j| j["type"] = "password".into()), Err(Malformed::Type));
    assert_eq!(with(|j| j["rawId"] = "AAAA".into()), Err(Malformed::Ids));
    assert_eq!(with(|j| j["id"] = json!(null)), Err(Malformed::Json));
    assert_eq!(with(|j| j["response"] = json!([])), Err(Malformed::Json));
    assert_eq!(with(|j| j["response"] = json!(["e30", "oA", []])), Err(Malformed::Json));
    assert_eq!(with(|j| j["response"]["transports"] = json!("usb")), Err(Malformed::Json));
    assert_eq!(with(|j| *j = json!([])), Err(Malformed::Json));
    for member in ["id", "rawId", "type", "response"] {
        let mut json = valid.clone();
        json.as_object_mut().unwrap().remove(member);
        assert_eq!(read(&json), Err(Malformed::Json), "{member}");
    }
    let twice = valid.to_string().replacen('{', r#"{"type":"public-key","#, 1);
    assert_eq!(Registration::read(&twice).unwrap_err(), Malformed::Json);
    let trailing = format!("{valid} {{}}");
    assert_eq!(Registration::read(&trailing).unwrap_err(), Malformed::Json);
    // What is ignored may be nested deep: it is not kept, nor read by recursion.
    let nested = format!(r#"{{"a":{}{},"#, "[".repeat(9000), "]".repeat(9000));
    let deep = valid.to_string().replacen('{', &nested, 1);
    assert!(Registration::read(&deep).is_ok());
}

#[test]
fn each_value_has_one_text_and_its_bounds() {
    let valid = Authenticator::new(Algorithm::EdDsa).register("none").json();
    for text in ["e30=", "e30 ", "e3+/", "e31", "e", "ü"] {
        let mut json = valid.clone();
        json["response"]["clientDataJSON"] = text.into();
        assert_eq!(read(&json), Err(Malformed::Encoding("clientDataJSON")), "{text}");
        (json["id"], json["rawId"]) = (text.into(), text.into());
        assert_eq!(read(&json), Err(Malformed::Encoding("id")), "{text}");
    }
    for (member, most) in [("clientDataJSON", 4096), ("attestationObject", 16384)] {
        // The encodings of so many zeros, and of one more.
        for (bytes, expected) in [
            (most, Ok(())),
            (most + 1, Err(Malformed::Length(member))),
            (0, Err(Malformed::Length(member))),
        ] {
            let mut json = valid.clone();
            json["response"][member] = "A".repeat((bytes * 4_usize).div_ceil(3)).into();
            assert_eq!(read(&json), expected, "{member}, {bytes}");
        }
    }
    let mut json = valid.clone();
    (json["id"], json["rawId"]) = ("".into(), "".into());
    assert_eq!(read(&json), Err(Malformed::Length("id")));
    json["a"] = "x".repeat(32 * 1024).into();
    assert_eq!(read(&json), Err(Malformed::TooLong));
}

#[test]
fn nothing_that_can_be_printed_has_the_challenge() {
    let registration = Authenticator::new(Algorithm::EdDsa).register("none").json();
    let registration = Registration::read(&registration.to_string()).unwrap();
    assert_eq!(format!("{registration:?} {:?}", challenge()), "Registration(..) Challenge(..)");
}
