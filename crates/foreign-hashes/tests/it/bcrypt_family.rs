//! What callers with a bcrypt of their own are given, and what they must know before they replace a hash.

use foreign_hashes::{ForeignHash, HashParameters};

use super::{
    fixtures::{CHEAP, PASSWORD},
    vectors::{in_parallel, vectors},
};

const PLAIN: &str = "$2a$05$rwLA8DpZh2cgh2hhR/lbUOUupqyRJafR1N3VFXIE9.aFGb4DIaG.m";
const TYPED: &[u8] = b"\t \x0b two before, two after \r\n\0";

fn cheap(format: &str) -> ForeignHash {
    let (_, text) = CHEAP.iter().find(|(name, _)| *name == format).unwrap();
    ForeignHash::parse(text).unwrap()
}

#[test]
fn the_key_and_the_numbers_give_the_verdict() {
    in_parallel(&vectors(), |vector| {
        let hash = ForeignHash::import(&vector.stored, &vector.parameters).ok();
        let numbers = hash.as_ref().and_then(|hash| Some((hash, hash.bcrypt()?)));
        let Some((hash, bcrypt)) = numbers.filter(|(_, bcrypt)| bcrypt.cost < 6) else { return };
        for (password, _) in vector.answers() {
            let key = hash.bcrypt_key(password.as_bytes());
            assert!(key.len() <= 72, "{}", vector.format);
            let mut terminated = [key.as_slice(), &[0]].concat();
            terminated.truncate(72);
            let computed = bcrypt::bcrypt(bcrypt.cost, bcrypt.salt, &terminated);
            let verdict = computed[..23] == bcrypt.digest;
            assert_eq!(verdict, hash.verify(password.as_bytes()), "{}", vector.format);
        }
    });
}

#[test]
fn only_plain_bcrypt_leaves_bytes_of_a_password_out() {
    let plain = ForeignHash::parse(PLAIN).unwrap();
    assert!(plain.compares_all_of(&[b'a'; 71]));
    assert!(!plain.compares_all_of(&[b'a'; 72]));
    for (format, text) in CHEAP.iter().filter(|(format, _)| *format != "bcrypt") {
        let hash = ForeignHash::parse(text).unwrap();
        assert!(hash.compares_all_of(&[b'a'; 1000]), "{format}");
    }
}

#[test]
fn a_password_and_itself_behind_a_nul_are_two() {
    let hash = cheap("bcrypt");
    assert!(hash.verify(PASSWORD));
    for joined in
        [[PASSWORD, PASSWORD].join(&0), [PASSWORD, b"tail"].join(&0), [PASSWORD, b""].join(&0)]
    {
        assert!(!hash.verify(&joined));
        assert_ne!(hash.bcrypt_key(&joined), hash.bcrypt_key(PASSWORD));
    }
}

#[test]
fn a_pepper_is_in_the_key() {
    let parameters = HashParameters { pepper: Some("pepper".into()), ..Default::default() };
    let hash = ForeignHash::import(PLAIN, &parameters).unwrap();
    assert_eq!(hash.bcrypt_key(b"password").as_slice(), b"passwordpepper");
    assert_eq!(hash.bcrypt_key(&[b'a'; 70]).as_slice(), [&[b'a'; 70][..], b"pe"].concat());
}

#[test]
fn wordpress_trims_what_is_typed_and_no_other_does() {
    for (format, text) in CHEAP {
        let hash = ForeignHash::parse(text).unwrap();
        let expected = (*format == "wordpress" || text.starts_with("$P$"))
            .then_some(b"two before, two after".as_slice());
        assert_eq!(hash.as_wordpress_trims(TYPED), expected, "{format}");
        assert_eq!(hash.as_wordpress_trims(PASSWORD), None, "{format}");
        assert_eq!(hash.as_wordpress_trims("nbsp\u{a0}".as_bytes()), None, "{format}");
    }
    assert_eq!(cheap("wordpress").as_wordpress_trims(b" \t"), Some(b"".as_slice()));
}

#[test]
fn every_trimmed_password_of_wordpress_verifies_in_its_trimmed_spelling_alone() {
    let mut count = 0;
    for vector in vectors().iter().filter(|vector| vector.format.starts_with("wordpress $wp$2y$")) {
        let hash = ForeignHash::parse(&vector.stored).unwrap();
        let answers: Vec<_> = vector.answers().collect();
        for (typed, _) in &answers {
            let Some(trimmed) = hash.as_wordpress_trims(typed.as_bytes()) else { continue };
            if answers.iter().any(|(other, yes)| other.as_bytes() == trimmed && *yes == Some(true))
            {
                assert!(!hash.verify(typed.as_bytes()) && hash.verify(trimmed));
                count += 1;
            }
        }
    }
    assert!(count >= 6, "only {count}");
}
