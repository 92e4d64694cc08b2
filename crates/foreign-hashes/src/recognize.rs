//! Which format a text is of, by how it begins.

use ::argon2::Algorithm;

use crate::{
    HashParameters, Refused, argon2, aspnet, bcrypt, firebase, keycloak, ldap,
    pbkdf2::{self, Prf},
    phpass,
    scheme::Scheme,
    scrypt, sha_crypt, spring, unsupported,
};

/// Reads a text of any format.
pub(crate) fn recognize(text: &str, given: &HashParameters) -> Result<Scheme, Refused> {
    if let Some(rest) = text.strip_prefix('{') {
        let is_json = rest.trim_start().starts_with('"');
        return if is_json { keycloak::parse(text) } else { braced(rest, given) };
    }
    if text.starts_with('$') {
        return modular(text);
    }
    named(text).unwrap_or_else(|| bare(text, given))
}

/// `{SCHEME}` as LDAP servers and Spring Security's `DelegatingPasswordEncoder` write it.
fn braced(text: &str, given: &HashParameters) -> Result<Scheme, Refused> {
    let (name, rest) = text.split_once('}').ok_or(Refused::Unknown)?;
    match name.to_ascii_lowercase().as_str() {
        "ssha" => ldap::Hash::parse(ldap::Kind::Sha1, rest).map(Scheme::Ldap),
        "ssha256" => ldap::Hash::parse(ldap::Kind::Sha256, rest).map(Scheme::Ldap),
        "ssha512" => ldap::Hash::parse(ldap::Kind::Sha512, rest).map(Scheme::Ldap),
        "ldap" if rest.starts_with('{') => braced(rest.get(1..).unwrap_or_default(), given),
        "crypt"
        | "bcrypt"
        | "argon2"
        | "argon2@springsecurity_v5_2"
        | "argon2@springsecurity_v5_8"
        | "scrypt"
        | "scrypt@springsecurity_v5_8"
            if rest.starts_with('$') =>
        {
            modular(rest)
        }
        "pbkdf2" | "pbkdf2-sha1" if rest.contains('$') => {
            pbkdf2(pbkdf2::Hash::adapted(Prf::Sha1, rest))
        }
        "pbkdf2-sha256" => pbkdf2(pbkdf2::Hash::adapted(Prf::Sha256, rest)),
        "pbkdf2-sha512" => pbkdf2(pbkdf2::Hash::adapted(Prf::Sha512, rest)),
        "pbkdf2" => pbkdf2(spring::parse(spring::V5_5, rest, given)),
        "pbkdf2@springsecurity_v5_8" => pbkdf2(spring::parse(spring::V5_8, rest, given)),
        "pkcs5s2" => pbkdf2(pbkdf2::Hash::atlassian(rest)),
        name => Err(unsupported::braced(name)),
    }
}

/// `$id$…`.
fn modular(text: &str) -> Result<Scheme, Refused> {
    let rest = text.strip_prefix('$').unwrap_or(text);
    let (id, body) = rest.split_once('$').ok_or(Refused::Unknown)?;
    match id {
        "2a" | "2b" | "2y" | "2x" | "2" => bcrypt::Hash::plain(text).map(Scheme::Bcrypt),
        "wp" => bcrypt::Hash::wordpress(text.get(3..).unwrap_or_default()).map(Scheme::Bcrypt),
        "bcrypt-sha256" => bcrypt::Hash::passlib(body).map(Scheme::Bcrypt),
        "argon2id" => argon2::Hash::parse(Algorithm::Argon2id, body).map(Scheme::Argon2),
        "argon2i" => argon2::Hash::parse(Algorithm::Argon2i, body).map(Scheme::Argon2),
        "scrypt" => scrypt::Hash::phc(body).map(Scheme::Scrypt),
        "firescrypt" => firebase::Hash::parse(body).map(Scheme::Firebase),
        "fbscrypt" => firebase::Hash::supabase(body).map(Scheme::Firebase),
        "pbkdf2" | "pbkdf2-sha1" => pbkdf2(pbkdf2::Hash::phc(Prf::Sha1, body)),
        "pbkdf2-sha256" => pbkdf2(pbkdf2::Hash::phc(Prf::Sha256, body)),
        "pbkdf2-sha512" => pbkdf2(pbkdf2::Hash::phc(Prf::Sha512, body)),
        "1" | "md5-crypt" => crypt(sha_crypt::Kind::Md5, body),
        "5" | "sha256-crypt" => crypt(sha_crypt::Kind::Sha256, body),
        "6" | "sha512-crypt" => crypt(sha_crypt::Kind::Sha512, body),
        "P" => phpass::Hash::parse(phpass::Kind::P, body).map(Scheme::Phpass),
        "H" => phpass::Hash::parse(phpass::Kind::H, body).map(Scheme::Phpass),
        "S" => phpass::Hash::parse(phpass::Kind::Drupal, body).map(Scheme::Phpass),
        id if is_spring_scrypt(id, body) => scrypt::Hash::spring(rest).map(Scheme::Scrypt),
        id => Err(unsupported::modular(id)),
    }
}

/// `algorithm$…` as Django writes it, `algorithm:…` as Werkzeug does. Nothing for other texts.
fn named(text: &str) -> Option<Result<Scheme, Refused>> {
    if let Some(rest) = text.strip_prefix("scrypt:") {
        return Some(scrypt::Hash::werkzeug(rest).map(Scheme::Scrypt));
    }
    if let Some(rest) = text.strip_prefix("pbkdf2:") {
        return Some(pbkdf2(pbkdf2::Hash::werkzeug(rest)));
    }
    let (name, rest) = text.split_once('$')?;
    Some(match name {
        "pbkdf2_sha256" => pbkdf2(pbkdf2::Hash::django(Prf::Sha256, rest)),
        "pbkdf2_sha1" => pbkdf2(pbkdf2::Hash::django(Prf::Sha1, rest)),
        "scrypt" => scrypt::Hash::django(rest).map(Scheme::Scrypt),
        "bcrypt_sha256" => bcrypt::Hash::django(rest).map(Scheme::Bcrypt),
        "bcrypt" => bcrypt::Hash::plain(rest).map(Scheme::Bcrypt),
        "argon2" => modular(text.get("argon2".len()..).unwrap_or_default()),
        name => Err(unsupported::django(name)),
    })
}

/// A text without a name: Firebase's and ASP.NET Identity's base64, Spring Security's hexadecimal digits.
fn bare(text: &str, given: &HashParameters) -> Result<Scheme, Refused> {
    if given.signer_key.is_some() || given.salt.is_some() {
        return firebase::Hash::import(text, given).map(Scheme::Firebase);
    }
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return match text.len() {
            length if length == spring::V5_8.length() => {
                pbkdf2(spring::parse(spring::V5_8, text, given))
            }
            length if length == spring::V5_5.length() => {
                pbkdf2(spring::parse(spring::V5_5, text, given))
            }
            length => Err(unsupported::hexadecimal(length)),
        };
    }
    // The version, 1, and the number of a hash function, which is below 16.
    if text.starts_with("AQAAAA") {
        return pbkdf2(aspnet::parse(text));
    }
    // The base64 of 64 bytes is Firebase's, and only what is beside it was forgotten.
    if text.len() == 88 && text.ends_with("==") {
        return firebase::Hash::import(text, given).map(Scheme::Firebase);
    }
    Err(unsupported::bare(text))
}

/// `$100801$…`, or `$e0801$…`.
fn is_spring_scrypt(id: &str, body: &str) -> bool {
    (5..=6).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        && body.contains('$')
}

fn pbkdf2(hash: Result<pbkdf2::Hash, Refused>) -> Result<Scheme, Refused> {
    hash.map(Scheme::Pbkdf2)
}

fn crypt(kind: sha_crypt::Kind, body: &str) -> Result<Scheme, Refused> {
    sha_crypt::Hash::parse(kind, body).map(Scheme::ShaCrypt)
}
