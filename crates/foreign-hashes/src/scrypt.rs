//! scrypt, as passlib, Kratos, Django, Werkzeug and Spring Security write it.

use std::fmt;

use aws_lc_rs::constant_time;
use zeroize::Zeroizing;

use crate::{
    Format, Refused,
    text::{Base64, Fields, Number, Reader, phc_base64},
};

const READER: Reader = Reader(Format::Scrypt.name());

/// N itself, and its logarithm.
const N: Number =
    Number { name: "N", min: 2, under: "under 2", max: 1 << 20, over: "over 1,048,576" };
const LN: Number = Number { name: "ln", min: 1, under: "under 1", max: 1 << 20, over: "over 20" };
const R: Number = Number { name: "r", min: 1, under: "under 1", max: 64, over: "over 64" };
const P: Number = Number { name: "p", min: 1, under: "under 1", max: 64, over: "over 64" };
const L: Number = Number { name: "l", min: 16, under: "under 16", max: 64, over: "over 64" };

/// The most bytes of the large array, 128·N·r.
const MAX_MEMORY: u64 = 1 << 30;
/// The most of N·r·p: about five seconds.
const MAX_WORK: u64 = 1 << 24;
/// The length of a digest in a text that does not say it.
const USUAL_DIGEST: usize = 32;

/// scrypt's own parameters, within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) ln: u8,
    pub(crate) r: u32,
    pub(crate) p: u32,
}

impl Cost {
    /// Checks N, r and p.
    pub(crate) fn new(reader: Reader, n: u32, r: u32, p: u32) -> Result<Self, Refused> {
        N.check(reader.0, n)?;
        R.check(reader.0, r)?;
        P.check(reader.0, p)?;
        if !n.is_power_of_two() {
            return Err(reader.out_of_bounds(N.name, "not a power of two"));
        }
        let product = u64::from(n) * u64::from(r);
        if product * 128 > MAX_MEMORY {
            return Err(reader.out_of_bounds("128 times N times r", "over 1 GiB"));
        }
        if product * u64::from(p) > MAX_WORK {
            return Err(reader.out_of_bounds("N times r times p", "over 16,777,216"));
        }
        let ln = u8::try_from(n.trailing_zeros());
        Ok(Self { ln: ln.map_err(|_over| reader.out_of_bounds(N.name, N.over))?, r, p })
    }

    /// Checks the logarithm of N, r and p.
    pub(crate) fn from_logarithm(reader: Reader, ln: u32, r: u32, p: u32) -> Result<Self, Refused> {
        if !(1..=20).contains(&ln) {
            let bound = if ln == 0 { LN.under } else { LN.over };
            return Err(reader.out_of_bounds(LN.name, bound));
        }
        Self::new(reader, 1 << ln, r, p)
    }

    /// Bytes that a computation allocates: the large array, the blocks, a scratch block.
    pub(crate) fn memory(self) -> u64 {
        128 * u64::from(self.r) * ((1 << self.ln) + u64::from(self.p) + 1)
    }

    pub(crate) fn nanoseconds(self) -> u64 {
        (270 * u64::from(self.r) * u64::from(self.p)) << self.ln
    }

    /// `length` bytes; nothing where the library refuses, which bounds make impossible.
    pub(crate) fn compute(self, password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let mut computed = Zeroizing::new(vec![0; length]);
        let done = ::scrypt::Params::new(self.ln, self.r, self.p).is_ok_and(|parameters| {
            ::scrypt::scrypt(password, salt, &parameters, &mut computed).is_ok()
        });
        if !done {
            computed.clear();
        }
        computed
    }
}

/// A scrypt with its parameters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    cost: Cost,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Hash {
    /// Reads the text behind `$scrypt$`. passlib's `ln` is the logarithm of N, its base64 is unpadded; Kratos' `ln` is N
    /// itself, its base64 is padded.
    pub(crate) fn phc(text: &str) -> Result<Self, Refused> {
        let (parameters, rest) = READER.split(text, '$', "salt")?;
        let (salt, digest) = READER.split(rest, '$', "digest")?;
        let fields = Fields::parse(READER, parameters, &["ln", "r", "p", "l"])?;
        let (ln, r, p) = (fields.number(&LN)?, fields.number(&R)?, fields.number(&P)?);
        let padded = digest.ends_with('=');
        let cost = if padded || ln > 31 {
            Cost::new(READER, ln, r, p)?
        } else {
            Cost::from_logarithm(READER, ln, r, p)?
        };
        let spelling = if padded { Base64::Either } else { Base64::Unpadded };
        let salt = READER.base64("salt", salt, spelling, (1, 256))?;
        let digest = READER.base64("digest", digest, spelling, (16, 64))?;
        let length = match fields.optional(L.name) {
            Some(length) => usize::try_from(READER.number(&L, length)?).unwrap_or(0),
            None if padded => digest.len(),
            None => USUAL_DIGEST,
        };
        if digest.len() != length {
            return Err(READER.out_of_bounds("digest", "not of the length that belongs to it"));
        }
        Ok(Self { cost, salt, digest })
    }

    /// Reads Django's, behind `scrypt$`: `N$salt$r$p$digest`.
    pub(crate) fn django(text: &str) -> Result<Self, Refused> {
        let (n, rest) = READER.split(text, '$', "salt")?;
        let (salt, rest) = READER.split(rest, '$', "r")?;
        let (r, rest) = READER.split(rest, '$', "p")?;
        let (p, digest) = READER.split(rest, '$', "digest")?;
        let digest = READER.base64("digest", digest, Base64::Padded, (64, 64))?;
        Self::with_plain_salt(n, r, p, salt, digest)
    }

    /// Reads Werkzeug's, behind `scrypt:`: `N:r:p$salt$digest`.
    pub(crate) fn werkzeug(text: &str) -> Result<Self, Refused> {
        let (n, rest) = READER.split(text, ':', "r")?;
        let (r, rest) = READER.split(rest, ':', "p")?;
        let (p, rest) = READER.split(rest, '$', "salt")?;
        let (salt, digest) = READER.split(rest, '$', "digest")?;
        let digest = READER.hex("digest", digest, (64, 64))?;
        Self::with_plain_salt(n, r, p, salt, digest)
    }

    /// Reads Spring Security's, behind the first `$`: one hexadecimal number of ln, r and p, then salt and digest.
    pub(crate) fn spring(text: &str) -> Result<Self, Refused> {
        let (parameters, rest) = READER.split(text, '$', "salt")?;
        let (salt, digest) = READER.split(rest, '$', "digest")?;
        let number = u32::from_str_radix(parameters, 16);
        let number =
            number.map_err(|_digits| READER.encoding("parameters", "a hexadecimal number"))?;
        let [_, ln, r, p] = number.to_be_bytes();
        let cost = Cost::from_logarithm(READER, u32::from(ln), u32::from(r), u32::from(p))?;
        let salt = READER.base64("salt", salt, Base64::Padded, (8, 256))?;
        let digest = READER.base64("digest", digest, Base64::Padded, (32, 32))?;
        Ok(Self { cost, salt, digest })
    }

    fn with_plain_salt(
        n: &str,
        r: &str,
        p: &str,
        salt: &str,
        digest: Vec<u8>,
    ) -> Result<Self, Refused> {
        let number = |number, text| READER.number(number, text);
        let cost = Cost::new(READER, number(&N, n)?, number(&R, r)?, number(&P, p)?)?;
        let salt = READER.plain_salt(salt, 256)?.as_bytes().to_vec();
        Ok(Self { cost, salt, digest })
    }

    /// What scrypt is asked for.
    pub(crate) const fn cost(&self) -> Cost {
        self.cost
    }

    pub(crate) fn memory(&self) -> u64 {
        self.cost.memory()
    }

    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let computed = self.cost.compute(password, &self.salt, self.digest.len());
        constant_time::verify_slices_are_equal(&computed, &self.digest).is_ok()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { ln, r, p } = self.cost;
        write!(f, "$scrypt$ln={ln},r={r},p={p}")?;
        if self.digest.len() != USUAL_DIGEST {
            write!(f, ",l={}", self.digest.len())?;
        }
        write!(f, "${}${}", phc_base64(&self.salt), phc_base64(&self.digest))
    }
}
