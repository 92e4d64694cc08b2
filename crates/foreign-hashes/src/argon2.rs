//! argon2id and argon2i, as PHC strings.

use std::fmt;

use ::argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use aws_lc_rs::constant_time;
use zeroize::Zeroizing;

use crate::{
    Format, Refused,
    text::{Base64, Fields, Number, Reader, phc_base64},
};

const M: Number =
    Number { name: "m", min: 8, under: "under 8 KiB", max: 1 << 20, over: "over 1,048,576 KiB" };
const T: Number =
    Number { name: "t", min: 1, under: "under 1", max: 1 << 20, over: "over 1,048,576" };
const P: Number = Number { name: "p", min: 1, under: "under 1", max: 16, over: "over 16" };
const V: Number =
    Number { name: "v", min: 16, under: "not 16 or 19", max: 19, over: "not 16 or 19" };

/// The most of t·m, in KiB: about six seconds.
const MAX_WORK: u64 = 8 << 20;

/// The most bytes of `data` and `keyid` (PHC string format, "Argon2 encoding").
const MAX_DATA: usize = 32;
const MAX_KEYID: usize = 8;

/// An argon2 with its parameters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    algorithm: Algorithm,
    version: Version,
    m: u32,
    t: u32,
    p: u32,
    keyid: Vec<u8>,
    data: Vec<u8>,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

/// The numbers of an argon2, for readers of other spellings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) version: u32,
    pub(crate) m: u32,
    pub(crate) t: u32,
    pub(crate) p: u32,
}

impl Hash {
    /// Reads the text behind `$argon2id$` or `$argon2i$`. Without `v=` it is version 16, which is older than the field.
    pub(crate) fn parse(algorithm: Algorithm, text: &str) -> Result<Self, Refused> {
        let reader = reader(algorithm);
        let (version, text) = match text.strip_prefix("v=") {
            Some(rest) => {
                let (version, rest) = reader.split(rest, '$', "m")?;
                (reader.number(&V, version)?, rest)
            }
            None => (16, text),
        };
        let (parameters, rest) = reader.split(text, '$', "salt")?;
        let (salt, digest) = reader.split(rest, '$', "digest")?;
        let fields = Fields::parse(reader, parameters, &["m", "t", "p", "keyid", "data"])?;
        let optional = |name, max| match fields.optional(name) {
            Some(text) => reader.base64(name, text, Base64::Unpadded, (0, max)),
            None => Ok(Vec::new()),
        };
        let numbers = Numbers {
            version,
            m: fields.number(&M)?,
            t: fields.number(&T)?,
            p: fields.number(&P)?,
        };
        let salt = reader.base64("salt", salt, Base64::Unpadded, (0, 64))?;
        let digest = reader.base64("digest", digest, Base64::Unpadded, (0, 128))?;
        let hash = Self::from_parts(algorithm, numbers, salt, digest)?;
        Ok(Self { keyid: optional("keyid", MAX_KEYID)?, data: optional("data", MAX_DATA)?, ..hash })
    }

    /// Checks the parts.
    pub(crate) fn from_parts(
        algorithm: Algorithm,
        numbers: Numbers,
        salt: Vec<u8>,
        digest: Vec<u8>,
    ) -> Result<Self, Refused> {
        let reader = reader(algorithm);
        let version = match numbers.version {
            16 => Version::V0x10,
            19 => Version::V0x13,
            _ => return Err(reader.out_of_bounds(V.name, V.over)),
        };
        let m = M.check(reader.0, numbers.m)?;
        let t = T.check(reader.0, numbers.t)?;
        let p = P.check(reader.0, numbers.p)?;
        if m < 8 * p {
            return Err(reader.out_of_bounds(M.name, "under 8 times p"));
        }
        if u64::from(m) * u64::from(t) > MAX_WORK {
            return Err(reader.out_of_bounds("t times m", "over 8,388,608 KiB"));
        }
        reader.length("salt", &salt, (8, 64))?;
        reader.length("digest", &digest, (16, 128))?;
        Ok(Self { algorithm, version, m, t, p, keyid: Vec::new(), data: Vec::new(), salt, digest })
    }

    pub(crate) const fn format(&self) -> Format {
        format(self.algorithm)
    }

    /// Bytes that a verification allocates.
    pub(crate) fn memory(&self) -> u64 {
        u64::from(self.m) * 1024
    }

    /// 750 for each block of each pass, and 300 for a block's memory.
    pub(crate) fn nanoseconds(&self) -> u64 {
        u64::from(self.m) * (300 + 750 * u64::from(self.t))
    }

    /// Whether the text says that a secret went into the digest.
    pub(crate) const fn names_a_key(&self) -> bool {
        !self.keyid.is_empty()
    }

    pub(crate) fn verify(&self, password: &[u8], secret: Option<&[u8]>) -> bool {
        self.compute(password, secret).is_ok_and(|computed| {
            constant_time::verify_slices_are_equal(&computed, &self.digest).is_ok()
        })
    }

    fn compute(
        &self,
        password: &[u8],
        secret: Option<&[u8]>,
    ) -> Result<Zeroizing<Vec<u8>>, ::argon2::Error> {
        let mut builder = ParamsBuilder::new();
        builder.m_cost(self.m).t_cost(self.t).p_cost(self.p).output_len(self.digest.len());
        builder.data(AssociatedData::new(&self.data)?);
        let secret = secret.unwrap_or_default();
        let argon2 =
            Argon2::new_with_secret(secret, self.algorithm, self.version, builder.build()?)?;
        let mut computed = Zeroizing::new(vec![0; self.digest.len()]);
        argon2.hash_password_into(password, &self.salt, &mut computed)?;
        Ok(computed)
    }
}

const fn format(algorithm: Algorithm) -> Format {
    match algorithm {
        Algorithm::Argon2i => Format::Argon2i,
        Algorithm::Argon2d | Algorithm::Argon2id => Format::Argon2id,
    }
}

const fn reader(algorithm: Algorithm) -> Reader {
    Reader(format(algorithm).name())
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version {
            Version::V0x10 => 16,
            Version::V0x13 => 19,
        };
        let Self { m, t, p, .. } = self;
        write!(f, "${}$v={version}$m={m},t={t},p={p}", self.format().name())?;
        if !self.keyid.is_empty() {
            write!(f, ",keyid={}", phc_base64(&self.keyid))?;
        }
        if !self.data.is_empty() {
            write!(f, ",data={}", phc_base64(&self.data))?;
        }
        write!(f, "${}${}", phc_base64(&self.salt), phc_base64(&self.digest))
    }
}
