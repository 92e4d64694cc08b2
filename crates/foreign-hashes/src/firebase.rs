//! Firebase's scrypt: the digest is the project's signer key, encrypted with what scrypt makes of the password.

use std::fmt;

use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time,
    iv::FixedLength,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{
    Format, HashParameters, Refused,
    scrypt::Cost,
    text::{Base64, Fields, Number, Reader},
};

const READER: Reader = Reader(Format::FirebaseScrypt.name());
const LN: Number = Number { name: "ln", min: 1, under: "under 1", max: 20, over: "over 20" };
const R: Number = Number { name: "r", min: 1, under: "under 1", max: 64, over: "over 64" };
const P: Number = Number { name: "p", min: 1, under: "under 1", max: 64, over: "over 64" };

/// Firebase's scrypt with all that it needs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    cost: Cost,
    salt: Vec<u8>,
    separator: Vec<u8>,
    signer_key: Zeroizing<Vec<u8>>,
    digest: Vec<u8>,
}

impl Hash {
    /// Reads Kratos' text of it, behind `$firescrypt$`: `ln=…,r=…,p=…$salt$digest$separator$signer key`.
    pub(crate) fn parse(text: &str) -> Result<Self, Refused> {
        let (parameters, rest) = READER.split(text, '$', "salt")?;
        let (salt, rest) = READER.split(rest, '$', "digest")?;
        let (digest, rest) = READER.split(rest, '$', "salt_separator")?;
        let (separator, signer_key) = READER.split(rest, '$', "signer_key")?;
        let fields = Fields::parse(READER, parameters, &["ln", "r", "p"])?;
        let (ln, r, p) = (fields.number(&LN)?, fields.number(&R)?, fields.number(&P)?);
        let cost = Cost::from_logarithm(READER, ln, r, p)?;
        Self::from_parts(cost, [salt, separator, signer_key, digest], Base64::Padded)
    }

    /// Reads Supabase's text of it, behind `$fbscrypt$`: `v=1,n=…,r=…,p=…,ss=…,sk=…$salt$digest`, where n is a logarithm.
    pub(crate) fn supabase(text: &str) -> Result<Self, Refused> {
        let (parameters, rest) = READER.split(text, '$', "salt")?;
        let (salt, digest) = READER.split(rest, '$', "digest")?;
        let fields = Fields::parse(READER, parameters, &["v", "n", "r", "p", "ss", "sk"])?;
        let n = Number { name: "n", ..LN };
        let v = Number { name: "v", min: 1, under: "not 1", max: 1, over: "not 1" };
        fields.number(&v)?;
        let (n, r, p) = (fields.number(&n)?, fields.number(&R)?, fields.number(&P)?);
        let separator = fields.optional("ss").ok_or(READER.missing("ss"))?;
        let signer_key = fields.optional("sk").ok_or(READER.missing("sk"))?;
        let cost = Cost::from_logarithm(READER, n, r, p)?;
        Self::from_parts(cost, [salt, separator, signer_key, digest], Base64::Padded)
    }

    /// Reads the digest of Firebase's own export, with the user's salt and the project's parameters beside it.
    pub(crate) fn import(digest: &str, given: &HashParameters) -> Result<Self, Refused> {
        let missing = |name| Refused::ParameterMissing { format: READER.0, name };
        let signer_key = given.signer_key.as_deref().ok_or(missing("signer_key"))?;
        let separator = given.salt_separator.as_deref().ok_or(missing("salt_separator"))?;
        let salt = given.salt.as_deref().ok_or(missing("salt"))?;
        let rounds = given.rounds.ok_or(missing("rounds"))?;
        let mem_cost = given.mem_cost.ok_or(missing("mem_cost"))?;
        let rounds = Number { name: "rounds", ..R }.check(READER.0, rounds)?;
        let mem_cost = Number { name: "mem_cost", ..LN }.check(READER.0, mem_cost)?;
        let cost = Cost::from_logarithm(READER, mem_cost, rounds, 1)?;
        Self::from_parts(cost, [salt, separator, signer_key, digest], Base64::Any)
    }

    fn from_parts(
        cost: Cost,
        [salt, separator, signer_key, digest]: [&str; 4],
        spelling: Base64,
    ) -> Result<Self, Refused> {
        let signer_key = READER.base64("signer_key", signer_key, spelling, (16, 256))?;
        let digest = READER.base64("digest", digest, spelling, (16, 256))?;
        if digest.len() != signer_key.len() {
            return Err(READER.out_of_bounds("digest", "not as long as the signer key"));
        }
        Ok(Self {
            cost,
            salt: READER.base64("salt", salt, spelling, (1, 256))?,
            separator: READER.base64("salt_separator", separator, spelling, (0, 256))?,
            signer_key: Zeroizing::new(signer_key),
            digest,
        })
    }

    /// What scrypt is asked for.
    pub(crate) const fn cost(&self) -> Cost {
        self.cost
    }

    pub(crate) fn memory(&self) -> u64 {
        self.cost.memory()
    }

    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let salt = [self.salt.as_slice(), &self.separator].concat();
        let key = self.cost.compute(password, &salt, 32);
        encrypted(&key, &self.signer_key).is_some_and(|computed| {
            constant_time::verify_slices_are_equal(&computed, &self.digest).is_ok()
        })
    }
}

/// AES-256 in counter mode, from a counter of zero. Every user's key is another one.
fn encrypted(key: &[u8], plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, key).ok()?).ok()?;
    let mut text = Zeroizing::new(plain.to_vec());
    let counter = EncryptionContext::Iv128(FixedLength::from([0; 16]));
    key.less_safe_encrypt(&mut text, counter).ok()?;
    Some(text)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { ln, r, p } = self.cost;
        let [salt, digest] = [&self.salt, &self.digest].map(|bytes| STANDARD.encode(bytes));
        let separator = STANDARD.encode(&self.separator);
        let signer_key = Zeroizing::new(STANDARD.encode(&*self.signer_key));
        write!(f, "$firescrypt$ln={ln},r={r},p={p}${salt}${digest}${separator}${}", *signer_key)
    }
}
