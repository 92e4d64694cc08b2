//! Every row of what real libraries answer, against what we answer.

use std::{collections::BTreeMap, sync::Mutex};

use foreign_hashes::{ForeignHash, Refused};

use super::{
    exceptions::{EXCEPTIONS, exception},
    vectors::{Vector, in_parallel, vectors},
};

/// Rows by what became of them.
type Counts = BTreeMap<&'static str, usize>;

/// The rows of each format that we answer as the library did. An error of the library is a no.
const AGREED: [(&str, usize); 19] = [
    ("argon2i", 83),
    ("argon2id", 214),
    ("bcrypt", 670),
    ("bcrypt-sha256", 64),
    ("django-bcrypt-sha256", 31),
    ("drupal7", 22),
    ("firebase-scrypt", 23),
    ("ldap-ssha", 89),
    ("ldap-ssha256", 40),
    ("ldap-ssha512", 37),
    ("md5-crypt", 52),
    ("pbkdf2-sha1", 128),
    ("pbkdf2-sha256", 201),
    ("pbkdf2-sha512", 90),
    ("phpass", 141),
    ("scrypt", 109),
    ("sha256-crypt", 89),
    ("sha512-crypt", 218),
    ("wordpress", 62),
];

/// Kratos raises an error for these as well.
const NOT_A_POWER: &str = "(N is not a power of two)";
/// Spring Security's MD4, MD5, SHA-256 and plain text, without their prefixes.
const UNKNOWN: &str = "(unknown)";

/// The rows of texts that are refused, by the name that we refuse them by.
const REFUSED: [(&str, usize); 19] = [
    ("ASP.NET Identity version 2", 13),
    ("MD5", 58),
    ("SHA-2 without a cost", 7),
    ("SunMD5", 6),
    ("apr1-md5-crypt", 69),
    ("argon2d", 33),
    ("bcrypt $2$", 5),
    ("bcrypt $2x$", 27),
    ("bsdicrypt", 9),
    ("descrypt", 48),
    ("gost-yescrypt", 12),
    ("salted MD5", 36),
    ("scrypt as crypt(3) writes it ($7$)", 17),
    ("sha1-crypt", 6),
    ("unsalted MD5", 14),
    ("unsalted SHA-1", 56),
    ("yescrypt", 74),
    (NOT_A_POWER, 19),
    (UNKNOWN, 19),
];

#[test]
fn every_row_is_answered_as_the_library_answers_it() {
    let (agreed, refused) = (Mutex::new(Counts::new()), Mutex::new(Counts::new()));
    let excepted = Mutex::new([0; EXCEPTIONS.len()]);
    in_parallel(&vectors(), |vector| {
        let hash = match ForeignHash::import(&vector.stored, &vector.parameters) {
            Ok(hash) => hash,
            Err(why) => {
                let rows = vector.answers().count();
                *refused.lock().unwrap().entry(name(why)).or_default() += rows;
                return;
            }
        };
        for (password, theirs) in vector.answers() {
            let ours = hash.verify(password.as_bytes());
            if ours == theirs.unwrap_or(false) {
                *agreed.lock().unwrap().entry(hash.format().name()).or_default() += 1;
            } else {
                let place = exception(vector, password, theirs, ours);
                let place = place.unwrap_or_else(|| panic!("{}", differs(vector, password)));
                excepted.lock().unwrap()[place] += 1;
            }
        }
    });
    let (agreed, refused) = (agreed.into_inner().unwrap(), refused.into_inner().unwrap());
    assert_eq!(agreed, Counts::from(AGREED));
    assert_eq!(refused, Counts::from(REFUSED));
    for (exception, counted) in EXCEPTIONS.iter().zip(excepted.into_inner().unwrap()) {
        assert_eq!(counted, exception.rows, "{}", exception.why);
    }
}

fn name(why: Refused) -> &'static str {
    if let Refused::NotSupported(name) = why {
        return name;
    }
    if why == Refused::Unknown {
        return UNKNOWN;
    }
    assert_eq!(why.to_string(), "scrypt: N is not a power of two");
    NOT_A_POWER
}

fn differs(vector: &Vector, password: &str) -> String {
    format!("{} by {}: {password:?}", vector.format, vector.library)
}
