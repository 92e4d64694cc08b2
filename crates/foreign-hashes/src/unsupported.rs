//! Formats that are known by name and not verified: without a salt, without a cost, or broken.

use crate::Refused;

/// By the name in `{…}`, in lower case.
pub(crate) fn braced(name: &str) -> Refused {
    Refused::NotSupported(match name {
        "sha" | "sha-1" => "unsalted SHA-1",
        "md5" => "MD5",
        "md4" => "MD4",
        "smd5" => "salted MD5",
        "noop" | "cleartext" | "plain" => "plain text",
        "sha256" | "sha-256" => "SHA-256 without a cost",
        "crypt" => "this kind of crypt(3)",
        _ => return Refused::Unknown,
    })
}

/// By the name between the first two `$`.
pub(crate) fn modular(id: &str) -> Refused {
    Refused::NotSupported(match id {
        "argon2d" => "argon2d",
        "y" => "yescrypt",
        "gy" => "gost-yescrypt",
        "7" => "scrypt as crypt(3) writes it ($7$)",
        "sm3" => "sm3-crypt",
        "sm3y" => "sm3-yescrypt",
        "sha1" => "sha1-crypt",
        "apr1" => "apr1-md5-crypt",
        "3" => "NT hash",
        "md5" => "MD5",
        "sha256" | "sha512" => "SHA-2 without a cost",
        id if id.starts_with("md5,") => "SunMD5",
        _ => return Refused::Unknown,
    })
}

/// By the name before the first `$`.
pub(crate) fn django(name: &str) -> Refused {
    Refused::NotSupported(match name {
        "md5" | "unsalted_md5" => "MD5",
        "sha1" | "unsalted_sha1" => "SHA-1 without a cost",
        "crypt" => "descrypt",
        "U" => "Drupal 7 over MD5 (U$S$)",
        _ => return Refused::Unknown,
    })
}

/// By the number of hexadecimal digits.
pub(crate) fn hexadecimal(digits: usize) -> Refused {
    Refused::NotSupported(match digits {
        32 => "unsalted MD5",
        40 => "unsalted SHA-1",
        64 => "unsalted SHA-256",
        128 => "unsalted SHA-512",
        _ => return Refused::Unknown,
    })
}

/// By the form of the text.
pub(crate) fn bare(text: &str) -> Refused {
    let traditional =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    match text.len() {
        68 if text.starts_with('A') => Refused::NotSupported("ASP.NET Identity version 2"),
        13 if traditional => Refused::NotSupported("descrypt"),
        20 if text.starts_with('_') => Refused::NotSupported("bsdicrypt"),
        _ => Refused::Unknown,
    }
}
