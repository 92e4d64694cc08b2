//! ASP.NET Identity's version 3: base64 of a header, the salt and the digest of a PBKDF2.

use crate::{
    Refused,
    pbkdf2::{Hash, Prf},
    text::{Base64, Reader},
};

const READER: Reader = Reader("aspnet-identity-v3");
/// .NET always asks for this many bytes.
const DIGEST: usize = 32;

/// Reads the base64.
pub(crate) fn parse(text: &str) -> Result<Hash, Refused> {
    let bytes = READER.base64("its text", text, Base64::Padded, (13 + 8 + DIGEST, 512))?;
    let (_version, rest) = bytes.split_at_checked(1).ok_or(READER.missing("header"))?;
    let (prf, rest) = word(rest)?;
    let (iterations, rest) = word(rest)?;
    let (salt_length, rest) = word(rest)?;
    let prf = match prf {
        0 => Prf::Sha1,
        1 => Prf::Sha256,
        2 => Prf::Sha512,
        _ => return Err(READER.out_of_bounds("prf", "not 0, 1 or 2")),
    };
    let split = usize::try_from(salt_length).ok().and_then(|length| rest.split_at_checked(length));
    let (salt, digest) = split.ok_or(READER.missing("salt"))?;
    READER.length("salt", salt, (8, 64))?;
    READER.length("digest", digest, (DIGEST, DIGEST))?;
    Hash::from_parts(prf, iterations, salt.to_vec(), digest.to_vec())
}

/// A big-endian number of four bytes and the rest.
fn word(bytes: &[u8]) -> Result<(u32, &[u8]), Refused> {
    let (word, rest) = bytes.split_first_chunk().ok_or(READER.missing("header"))?;
    Ok((u32::from_be_bytes(*word), rest))
}
