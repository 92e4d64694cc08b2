//! Key sets of others (JWKS, RFC 7517): the public keys of services and of issuers of workload tokens.

mod key;

use serde::Deserialize;

pub(super) use self::key::ForeignKey;
use self::key::Use;
use super::{assertion_kind::AssertionKind, foreign_algorithm::ForeignAlgorithm};

/// The most bytes of a key set.
pub const LONGEST_KEY_SET: usize = 64 * 1024;

/// The most keys of a set.
const MOST_KEYS: usize = 64;

/// The most keys that one signature is tried with: each costs a verification.
const MOST_TRIED: usize = 8;

/// The members that only private and symmetric keys have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The public keys of a service or an issuer.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<ForeignKey>,
    unusable: Vec<String>,
}

#[derive(Deserialize)]
struct Members {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Parses a set, and leaves out the keys that can't be used, as RFC 7517 (section 5) asks: an issuer may publish keys
    /// of types that are not known here beside those that are.
    ///
    /// # Errors
    /// What is no key set, is too large, or holds a private or symmetric key.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        if json.len() > LONGEST_KEY_SET {
            return Err(format!("is longer than {LONGEST_KEY_SET} bytes"));
        }
        let set: Members = serde_json::from_slice(json)
            .map_err(|error| format!("is no key set such as {{\"keys\": […]}}: {error}"))?;
        if set.keys.len() > MOST_KEYS {
            return Err(format!("has {} keys, and may have {MOST_KEYS}", set.keys.len()));
        }
        let mut parsed = Self::default();
        for (index, key) in set.keys.iter().enumerate() {
            let number = index + 1;
            if let Some(member) = PRIVATE.into_iter().find(|name| key.get(name).is_some()) {
                return Err(format!(
                    "holds a private or symmetric key: key {number} has the member {member}. \
                     Give the public keys alone, and replace the key if others may have read it"
                ));
            }
            match ForeignKey::parse(key) {
                Ok(key) => parsed.keys.push(key),
                Err(why) => parsed.unusable.push(format!("key {number} {why}")),
            }
        }
        Ok(parsed)
    }

    /// Parses a set that an operator gives for a service: each of its keys must be of use, and there is one.
    ///
    /// # Errors
    /// Those of [`Self::parse`], a key that can't be used, and an empty set.
    pub fn parse_own(json: &[u8]) -> Result<Self, String> {
        let set = Self::parse(json)?;
        match set.unusable.first() {
            Some(why) => Err(why.clone()),
            None if set.keys.is_empty() => Err("has no key".to_owned()),
            None => Ok(set),
        }
    }

    /// The number of keys that can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key that can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Why keys were left out, one text each.
    pub fn unusable(&self) -> &[String] {
        &self.unusable
    }

    /// The keys that a signature may be of, those of that `kid` first. A `kid` is a look-up key only; a key without one may
    /// be any.
    pub(super) fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: ForeignAlgorithm,
        kind: AssertionKind,
    ) -> impl Iterator<Item = &'a ForeignKey> {
        let fitting =
            move || self.keys.iter().filter(move |key| key.takes(algorithm) && is_for(key, kind));
        let named = fitting().filter(move |key| key.kid.is_some() && key.kid.as_deref() == kid);
        let rest = fitting().filter(move |key| match key.kid {
            Some(_) => kid.is_none(),
            None => kind != AssertionKind::JwtSvid,
        });
        named.chain(rest).take(MOST_TRIED)
    }
}

fn is_for(key: &ForeignKey, kind: AssertionKind) -> bool {
    let purpose = match kind {
        AssertionKind::Jwt => Use::Signature,
        AssertionKind::JwtSvid => Use::JwtSvid,
    };
    key.purpose == purpose
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn point() -> Value {
        let zeros = "A".repeat(43);
        json!({"kty": "EC", "crv": "P-256", "x": zeros, "y": zeros})
    }

    fn with(name: &str, value: impl Into<Value>) -> Value {
        let mut key = point();
        key[name] = value.into();
        key
    }

    fn parse(keys: &[Value]) -> Result<KeySet, String> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_set_with_a_private_or_symmetric_key_is_refused_in_words() {
        for member in PRIVATE {
            let problem = parse(&[point(), with(member, "AAAA")]).unwrap_err();
            assert!(problem.contains("private or symmetric"), "{problem}");
            assert!(problem.contains(&format!("key 2 has the member {member}")), "{problem}");
            assert!(!problem.contains("AAAA"), "{problem}");
        }
        assert!(parse(&[json!({"kty": "oct", "k": "AAAA"})]).is_err());
    }

    #[test]
    fn keys_that_cannot_be_used_are_left_out_and_the_others_stay() {
        let (modulus, strong) = ("_".repeat(170) + "8", "_".repeat(341) + "w");
        for (bad, why) in [
            (json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}), "kty or crv"),
            (json!({"kty": "oct"}), "kty or crv"),
            (json!({"kty": 1}), "no JWK"),
            (json!("key"), "no JWK"),
            (with("crv", "P-521"), "kty or crv"),
            (with("x", "AAAA"), "has 3 bytes in x, and needs 32"),
            (with("y", "=="), "malformed y"),
            (with("use", "enc"), "(use)"),
            (with("use", "x509-svid"), "(use)"),
            (with("key_ops", json!(["encrypt"])), "(key_ops)"),
            (with("alg", "RS256"), "alg"),
            (with("alg", "HS256"), "alg"),
            (with("alg", "ECDH-ES"), "alg"),
            (json!({"kty": "RSA", "n": modulus, "e": "AQAB"}), "of 1024 bits, and needs 2048"),
            (json!({"kty": "RSA", "n": format!("AAAA{modulus}"), "e": "AQAB"}), "of 1024 bits"),
            (json!({"kty": "RSA", "n": "", "e": "AQAB"}), "of 0 bits"),
            (json!({"kty": "RSA", "n": strong}), "has no e"),
        ] {
            let set = parse(&[bad.clone(), point()]).unwrap();
            assert_eq!(set.len(), 1, "{bad}");
            let [told] = set.unusable() else { panic!("{bad}") };
            assert!(told.starts_with("key 1 ") && told.contains(why), "{told}");
            let all = json!({ "keys": [point(), bad] }).to_string();
            assert!(KeySet::parse_own(all.as_bytes()).unwrap_err().contains(why));
        }
        assert_eq!(parse(&[json!({"kty": "RSA", "n": strong, "e": "AQAB"})]).unwrap().len(), 1);
    }

    #[test]
    fn a_set_is_bounded_and_one_of_an_operator_is_not_empty() {
        assert_eq!(parse(&vec![point(); 64]).unwrap().len(), 64);
        assert!(parse(&vec![point(); 65]).unwrap_err().contains("has 65 keys"));
        let long = with("comment", "x".repeat(LONGEST_KEY_SET));
        assert!(parse(&[long]).unwrap_err().contains("longer than 65536 bytes"));
        for text in ["", "[]", "{}", "null", r#"{"keys": {}}"#, r#"{"keys": [], "keys": []}"#] {
            assert!(KeySet::parse(text.as_bytes()).unwrap_err().contains("no key set"), "{text}");
        }
        let empty = br#"{"keys": []}"#;
        assert!(KeySet::parse(empty).unwrap().is_empty());
        assert_eq!(KeySet::parse_own(empty).unwrap_err(), "has no key");
    }

    #[test]
    fn one_signature_is_tried_with_few_keys_and_first_with_those_of_its_id() {
        let named = |kid: String| with("kid", kid);
        let keys: Vec<_> = (0..20).map(|number| named(number.to_string())).collect();
        let es256 = ForeignAlgorithm::named("ES256").unwrap();
        let tried = |set: &KeySet, kid: Option<&str>, kind| {
            let tried = set.candidates(kid, es256, kind).map(|key| key.kid.clone());
            tried.collect::<Vec<_>>()
        };
        let set = parse(&keys).unwrap();
        assert_eq!(tried(&set, None, AssertionKind::Jwt).len(), MOST_TRIED);
        assert_eq!(tried(&set, Some("19"), AssertionKind::Jwt), [Some("19".to_owned())]);
        assert!(tried(&set, Some("20"), AssertionKind::Jwt).is_empty());
        assert!(tried(&set, Some("19"), AssertionKind::JwtSvid).is_empty());
        let without = [vec![point(); 10], keys].concat();
        let tried = tried(&parse(&without).unwrap(), Some("19"), AssertionKind::Jwt);
        assert_eq!((tried.len(), tried[0].as_deref()), (MOST_TRIED, Some("19")));
    }
}
