//! The canonical text: it keeps all that a verification needs.

use foreign_hashes::{ForeignHash, HashParameters, MAX_TEXT_BYTES};

use super::{
    fixtures::{CHEAP, PASSWORD},
    vectors::vectors,
};

#[test]
fn what_is_written_reads_back_as_the_same_hash() {
    let mut count = 0;
    for vector in vectors() {
        if let Ok(hash) = ForeignHash::import(&vector.stored, &vector.parameters) {
            let text = hash.to_string();
            assert_eq!(ForeignHash::parse(&text).as_ref(), Ok(&hash), "{}", vector.format);
            assert_eq!(ForeignHash::parse(&text).unwrap().to_string(), text, "{}", vector.format);
            assert!(text.len() < MAX_TEXT_BYTES / 4, "{}", vector.format);
            count += 1;
        }
    }
    assert!(count > 800, "only {count} were read");
}

#[test]
fn each_cheap_hash_is_of_its_format_and_verifies_before_and_after() {
    for (format, text) in CHEAP {
        let hash = ForeignHash::import(text, &HashParameters::default()).expect(text);
        assert_eq!(hash.format().name(), *format, "{text}");
        assert!(hash.verify(PASSWORD), "{text}");
        assert!(!hash.verify(b"plum harbour lantern 47"), "{text}");
        let again = ForeignHash::parse(&hash.to_string()).expect(text);
        assert!(again.verify(PASSWORD), "{text}");
    }
}

#[test]
fn texts_that_are_canonical_already_stay_what_they_are() {
    for text in [
        "$2y$05$rwLA8DpZh2cgh2hhR/lbUOUupqyRJafR1N3VFXIE9.aFGb4DIaG.m",
        "$argon2id$v=19$m=64,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
        "$pbkdf2-sha256$i=10,l=32$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
        "$scrypt$ln=4,r=8,p=1,l=16$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
        "{pepper=cGVwcGVy}{SSHA}JyvqClKOipMg+oLIA3jF0CqYm07lHGOs",
    ] {
        assert_eq!(ForeignHash::parse(text).expect(text).to_string(), text);
    }
}

#[test]
fn a_pepper_beside_the_text_is_part_of_the_canonical_text() {
    let pepper =
        |pepper: &str| HashParameters { pepper: Some(pepper.into()), ..Default::default() };
    let text = "{SSHA}JyvqClKOipMg+oLIA3jF0CqYm07lHGOs";
    let peppered = ForeignHash::import(text, &pepper("47!")).unwrap();
    assert!(peppered.verify(b"plum harbour lantern "));
    assert!(!peppered.verify(PASSWORD));
    assert!(ForeignHash::parse(&peppered.to_string()).unwrap().verify(b"plum harbour lantern "));
    assert_eq!(ForeignHash::import(text, &pepper("")), ForeignHash::parse(text));

    let twice = ForeignHash::import(&peppered.to_string(), &pepper("47!")).unwrap_err();
    assert_eq!(twice.to_string(), "pepper: it is there twice");
}

#[test]
fn spring_appends_its_secret_to_the_salt() {
    // PBKDF2-HMAC-SHA256("password", "saltsaltsaltsalt" + "secret", 10), by hashlib.
    let text = concat!(
        "73616c7473616c7473616c7473616c74",
        "ef0d3b346a82379b66c9b0f3ed5d1682f7a920968f02e89606b01cacffb35386"
    );
    let parameters =
        HashParameters { pepper: Some("secret".into()), rounds: Some(10), ..Default::default() };
    for prefix in ["", "{pbkdf2@SpringSecurity_v5_8}"] {
        let hash = ForeignHash::import(&format!("{prefix}{text}"), &parameters).unwrap();
        assert!(hash.verify(b"password"));
        assert!(!hash.to_string().contains("pepper"));
        assert!(ForeignHash::parse(&hash.to_string()).unwrap().verify(b"password"));
    }
    let without = HashParameters { pepper: None, ..parameters };
    assert!(!ForeignHash::import(text, &without).unwrap().verify(b"password"));
}

#[test]
fn debug_shows_nothing_of_a_hash_or_its_parameters() {
    for (_, text) in CHEAP {
        let hash = ForeignHash::parse(text).expect(text);
        let shown = format!("{hash:?} {:?}", hash.bcrypt());
        let digest = hash.to_string();
        assert!(!shown.contains(digest.rsplit('$').next().unwrap()), "{shown}");
    }
    let parameters = HashParameters {
        signer_key: Some("a secret".into()),
        pepper: Some("a secret".into()),
        ..Default::default()
    };
    assert!(!format!("{parameters:?}").contains("secret"));
}
