//! What is refused, by name.

use std::time::Duration;

use foreign_hashes::{ForeignHash, HashParameters};

const S: &str = "MDEyMzQ1Njc4OWFiY2RlZg";
const D: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

fn refusal(text: &str) -> String {
    refusal_with(text, &HashParameters::default())
}

fn refusal_with(text: &str, parameters: &HashParameters) -> String {
    match ForeignHash::import(text, parameters) {
        Ok(hash) => format!("taken for {}", hash.format()),
        Err(why) => why.to_string(),
    }
}

fn check(rows: &[(String, &str)]) {
    for (text, expected) in rows {
        assert_eq!(refusal(text), *expected, "{text}");
    }
}

#[test]
fn argon2_is_bounded_in_memory_time_and_lanes() {
    let of = |parameters: &str| format!("$argon2id$v=19${parameters}${S}${D}");
    check(&[
        (of("m=1048576,t=8,p=16"), "taken for argon2id"),
        (of("m=1048577,t=1,p=1"), "argon2id: m is over 1,048,576 KiB"),
        (of("m=99999999999999,t=1,p=1"), "argon2id: m is over 1,048,576 KiB"),
        (of("m=1048576,t=9,p=1"), "argon2id: t times m is over 8,388,608 KiB"),
        (of("m=64,t=1,p=17"), "argon2id: p is over 16"),
        (of("m=64,t=1,p=9"), "argon2id: m is under 8 times p"),
        (of("m=7,t=1,p=1"), "argon2id: m is under 8 KiB"),
        (of("m=64,t=0,p=1"), "argon2id: t is under 1"),
        (of("m=64,t=1"), "argon2id: p is missing"),
        (of("m=64,t=1,p=1,p=1"), "argon2id: a parameter is there twice"),
        (of("m=64,t=1,p=1,x=1"), "argon2id: a parameter is of an unknown name"),
        (of("m=64,t=+1,p=1"), "argon2id: t is not a decimal number"),
        (of("m=64,t=01,p=1"), "argon2id: t is not a decimal number"),
        (of("m=64,t=1,p=1,keyid=YWJj"), "argon2id: pepper was not given"),
        (of("p=1,t=1,m=64,data=YWJj"), "taken for argon2id"),
        (format!("$argon2i$v=18$m=64,t=1,p=1${S}${D}"), "argon2i: v is not 16 or 19"),
        (format!("$argon2i$m=64,t=1,p=1${S}"), "argon2i: digest is missing"),
        (format!("$argon2i$m=64,t=1,p=1$c2FsdA${D}"), "argon2i: salt is too short"),
        (format!("$argon2i$m=64,t=1,p=1${S}$c2FsdA"), "argon2i: digest is too short"),
        (format!("$argon2i$m=64,t=1,p=1${S}==${D}"), "argon2i: salt is not base64 without padding"),
    ]);
}

#[test]
fn scrypt_is_bounded_in_memory_and_work() {
    let of = |parameters: &str| format!("$scrypt${parameters}${S}${D}");
    check(&[
        (of("ln=20,r=8,p=2"), "taken for scrypt"),
        (of("ln=21,r=1,p=1"), "scrypt: ln is over 20"),
        (of("ln=2097152,r=1,p=1"), "scrypt: ln is over 20"),
        (of("ln=20,r=9,p=1"), "scrypt: 128 times N times r is over 1 GiB"),
        (of("ln=20,r=8,p=3"), "scrypt: N times r times p is over 16,777,216"),
        (of("ln=10,r=65,p=1"), "scrypt: r is over 64"),
        (of("ln=10,r=8,p=65"), "scrypt: p is over 64"),
        (of("ln=0,r=8,p=1"), "scrypt: ln is under 1"),
        (format!("scrypt:1000:8:1$salt${}", "0".repeat(128)), "scrypt: N is not a power of two"),
        (format!("scrypt:2097152:8:1$salt${}", "0".repeat(128)), "scrypt: N is over 1,048,576"),
        (format!("scrypt:1024:8:1$salt${}", "0".repeat(127)), "scrypt: digest is not hexadecimal"),
        (format!("scrypt:1024:8:1$salt${}", "0".repeat(126)), "scrypt: digest is too short"),
        (
            format!("$scrypt$ln=4,r=8,p=1,l=16${S}${D}"),
            "scrypt: digest is not of the length that belongs to it",
        ),
    ]);
}

#[test]
fn pbkdf2_is_bounded_in_iterations() {
    check(&[
        (format!("$pbkdf2-sha256$i=10000000${S}${D}"), "taken for pbkdf2-sha256"),
        (format!("$pbkdf2-sha256$i=10000001${S}${D}"), "pbkdf2-sha256: i is over 10,000,000"),
        (
            format!("$pbkdf2-sha256$10000001${S}${D}"),
            "pbkdf2-sha256: iterations is over 10,000,000",
        ),
        (
            format!("pbkdf2_sha256$10000001$salt${D}="),
            "pbkdf2-sha256: iterations is over 10,000,000",
        ),
        (
            format!("pbkdf2:sha256:0$salt${}", "0".repeat(64)),
            "pbkdf2-sha256: iterations is under 1",
        ),
        (
            format!("pbkdf2:sha224:10$salt${}", "0".repeat(64)),
            "pbkdf2 with this hash function is not supported",
        ),
        (format!("pbkdf2_sha256$10$salt${D}"), "pbkdf2-sha256: digest is not base64 with padding"),
        (format!("pbkdf2_sha256$10${D}="), "pbkdf2-sha256: digest is missing"),
        (format!("pbkdf2_sha256$10$${D}="), "pbkdf2-sha256: salt is missing"),
        (format!("$pbkdf2-sha512$i=10${S}${D}"), "pbkdf2-sha512: digest is too short"),
    ]);
    let many = HashParameters { rounds: Some(10_000_001), ..Default::default() };
    assert_eq!(
        refusal_with(&"0".repeat(96), &many),
        "pbkdf2-sha256: iterations is over 10,000,000"
    );
}

#[test]
fn bcrypt_is_bounded_in_cost_and_its_letters_are_known() {
    let (salt, digest) = ("rwLA8DpZh2cgh2hhR/lbUO", "UupqyRJafR1N3VFXIE9.aFGb4DIaG.m");
    check(&[
        (format!("$2b$16${salt}{digest}"), "taken for bcrypt"),
        (format!("$2b$17${salt}{digest}"), "bcrypt: cost is over 16"),
        (format!("$2b$03${salt}{digest}"), "bcrypt: cost is under 4"),
        (format!("$2b$5${salt}{digest}"), "bcrypt: cost is not two digits"),
        (format!("$2x$05${salt}{digest}"), "bcrypt $2x$ is not supported"),
        (
            format!("$2b$05${salt}={}", &digest[1..]),
            "bcrypt: digest is not base64 as bcrypt has it",
        ),
        (format!("$2b$05${salt}{}", &digest[3..]), "bcrypt: digest is too short"),
        (format!("$2b$05${salt}{digest}A"), "bcrypt: digest is too long"),
        (format!("$bcrypt-sha256$v=3,t=2b,r=5${salt}${digest}"), "bcrypt-sha256: v is not 2"),
        (format!("$bcrypt-sha256$v=2,t=2b,r=17${salt}${digest}"), "bcrypt-sha256: r is over 16"),
        (format!("$wp$2y$17${salt}{digest}"), "wordpress: cost is over 16"),
        (format!("bcrypt_sha256$$2b$17${salt}{digest}"), "django-bcrypt-sha256: cost is over 16"),
    ]);
}

#[test]
fn the_digests_of_crypt_phpass_and_ldap_are_bounded_as_well() {
    let (d22, d43, d86) = ("a".repeat(22), "a".repeat(43), "a".repeat(86));
    check(&[
        (format!("$6$rounds=10000000$salt${d86}"), "taken for sha512-crypt"),
        (format!("$6$rounds=10000001$salt${d86}"), "sha512-crypt: rounds is over 10,000,000"),
        (format!("$5$rounds=999$salt${d43}"), "sha256-crypt: rounds is under 1,000"),
        (format!("$5$12345678901234567${d43}"), "sha256-crypt: salt is too long"),
        (format!("$1$salt${d43}"), "md5-crypt: digest is too long"),
        (format!("$1$salt${}=", &d22[1..]), "md5-crypt: digest is not base64 as crypt(3) has it"),
        (format!("$P$Msaltsalt{d22}"), "phpass: cost is over 23"),
        (format!("$P$4saltsalt{d22}"), "phpass: cost is under 7"),
        (format!("$S$Zsaltsalt{d43}"), "drupal7: cost is over 23"),
        ("{SSHA}6Pl8aHjkKcbJ4sTrhP8q+JB0qRY=".into(), "ldap-ssha: salt is missing"),
        ("{SSHA}AAAA".into(), "ldap-ssha: digest and salt is too short"),
    ]);
}

/// Takes one parameter away.
type Remove = fn(&mut HashParameters);

#[test]
fn firebase_names_what_was_not_given() {
    let text = format!("{}==", "A".repeat(86));
    let full = HashParameters {
        signer_key: Some(text.clone()),
        salt_separator: Some("Bw==".into()),
        salt: Some("c2FsdA==".into()),
        rounds: Some(8),
        mem_cost: Some(14),
        pepper: None,
    };
    assert_eq!(refusal_with(&text, &full), "taken for firebase-scrypt");
    let without: [(&str, Remove); 5] = [
        ("signer_key", |given| given.signer_key = None),
        ("salt_separator", |given| given.salt_separator = None),
        ("salt", |given| given.salt = None),
        ("rounds", |given| given.rounds = None),
        ("mem_cost", |given| given.mem_cost = None),
    ];
    for (name, remove) in without {
        let mut given = full.clone();
        remove(&mut given);
        assert_eq!(refusal_with(&text, &given), format!("firebase-scrypt: {name} was not given"));
    }
    assert_eq!(refusal(&text), "firebase-scrypt: signer_key was not given");
    let costly = HashParameters { mem_cost: Some(21), ..full };
    assert_eq!(refusal_with(&text, &costly), "firebase-scrypt: mem_cost is over 20");
}

#[test]
fn estimates_stay_below_ten_seconds_and_memory_below_what_is_bounded() {
    for text in [
        format!("$argon2id$v=19$m=1048576,t=8,p=16${S}${D}"),
        format!("$scrypt$ln=20,r=8,p=2${S}${D}"),
        format!("$pbkdf2-sha512$i=10000000,l=32${S}${D}"),
        format!("$pbkdf2-sha1$i=10000000,l=64${S}${}", "MDAw".repeat(21) + "MA"),
        format!("$6$rounds=10000000$salt${}", "a".repeat(86)),
        format!("$P$Lsaltsalt{}", "a".repeat(22)),
        format!("$S$Lsaltsalt{}", "a".repeat(43)),
        "$2b$16$rwLA8DpZh2cgh2hhR/lbUOUupqyRJafR1N3VFXIE9.aFGb4DIaG.m".into(),
    ] {
        let hash = ForeignHash::parse(&text).expect(&text);
        assert!(hash.estimate() < Duration::from_secs(10), "{text}: {:?}", hash.estimate());
        assert!(hash.estimate() > Duration::from_secs(1), "{text}: {:?}", hash.estimate());
        assert!(hash.memory() <= (1 << 30) + (1 << 20), "{text}: {}", hash.memory());
    }
}
