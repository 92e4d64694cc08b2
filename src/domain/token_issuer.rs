//! Issuers of workload tokens that an operator trusts: OpenID Connect issuers, as Kubernetes is one, and SPIFFE trust
//! domains.

use std::{fmt, path::PathBuf};

use super::{CallerName, FetchUrl, caller_name::is_trust_domain};

/// Where OpenID Connect issuers say where their keys are (OpenID Connect Discovery 1.0, section 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What a list of issuers must be.
const WANTED: &str = "must be issuers with spaces or commas between them: https://issuer, https://issuer=https://host/keys, or \
     spiffe://trust-domain=https://host/bundle, each with ;token=FILE after it where the keys are for callers with a token";

/// The name of an issuer. `Display` is what workloads are mapped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IssuerName {
    /// The claim `iss`.
    OpenId(String),
    /// The trust domain of the SPIFFE id in the claim `sub`.
    TrustDomain(String),
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyPlace {
    /// The issuer's document says it.
    Discovery(FetchUrl),
    /// The key set itself.
    KeySet(FetchUrl),
}

/// An issuer of workload tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIssuer {
    /// Its name.
    pub name: IssuerName,
    /// Its keys.
    pub keys: KeyPlace,
    /// A file with a bearer token that the keys are fetched with.
    pub token_file: Option<PathBuf>,
}

impl TokenIssuer {
    /// Parses issuers, with spaces or commas between them.
    ///
    /// # Errors
    /// What is none, and an issuer that is named twice.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let entries = text.split([',', ' ', '\n', '\t']).filter(|entry| !entry.is_empty());
        let mut issuers: Vec<Self> = Vec::new();
        for entry in entries {
            let issuer = Self::parse(entry)?;
            if issuers.iter().any(|other| other.name == issuer.name) {
                return Err(format!("names {} twice", issuer.name));
            }
            issuers.push(issuer);
        }
        if issuers.is_empty() { Err(WANTED.to_owned()) } else { Ok(issuers) }
    }

    fn parse(entry: &str) -> Result<Self, String> {
        let (place, token_file) = match entry.split_once(";token=") {
            Some((place, file)) if !file.is_empty() => (place, Some(PathBuf::from(file))),
            Some(_) => return Err(WANTED.to_owned()),
            None => (entry, None),
        };
        let (name, keys) = match place.split_once('=') {
            Some((name, keys)) => (name, Some(KeyPlace::KeySet(url("the keys of", name, keys)?))),
            None => (place, None),
        };
        if let Some(domain) = name.strip_prefix("spiffe://") {
            let keys = keys.filter(|_| is_trust_domain(domain)).ok_or(WANTED)?;
            return Ok(Self { name: IssuerName::TrustDomain(domain.to_owned()), keys, token_file });
        }
        let issuer = url("the issuer", name, name)?;
        if issuer.has_query() {
            return Err(format!("the issuer {name} must have no query"));
        }
        let keys = match keys {
            Some(keys) => keys,
            None => {
                let document = format!("{}{DISCOVERY}", name.trim_end_matches('/'));
                KeyPlace::Discovery(url("the issuer", name, &document)?)
            }
        };
        Ok(Self { name: IssuerName::OpenId(name.to_owned()), keys, token_file })
    }
}

fn url(what: &str, name: &str, text: &str) -> Result<FetchUrl, String> {
    FetchUrl::parse(text).map_err(|problem| format!("{what} {name} {problem}; all {WANTED}"))
}

impl IssuerName {
    /// Whether a token with these claims is one of this issuer's. With SPIFFE the id in `sub` says it, and `iss` is not
    /// looked at (JWT-SVID, section 3).
    pub fn issues(&self, issuer: Option<&str>, subject: Option<&str>) -> bool {
        match self {
            Self::OpenId(name) => issuer == Some(name),
            Self::TrustDomain(domain) => subject.is_some_and(|subject| is_id_in(subject, domain)),
        }
    }
}

/// Whether the text is the SPIFFE id of a workload in that trust domain.
fn is_id_in(text: &str, domain: &str) -> bool {
    let path = text.strip_prefix("spiffe://").and_then(|rest| rest.strip_prefix(domain));
    let is_id = matches!(CallerName::parse(text), Some(CallerName::Spiffe(_)));
    is_id && path.is_some_and(|path| path.starts_with('/'))
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenId(name) => f.write_str(name),
            Self::TrustDomain(domain) => write!(f, "spiffe://{domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_found_by_discovery_or_have_their_keys_named() {
        let text = "https://oidc.example.com/a/, https://kubernetes.default.svc.cluster.local\
            =https://kubernetes.default.svc/openid/v1/jwks?a=b;token=/run/token \
            spiffe://example.org=https://spire.example.org/bundle";
        let issuers = TokenIssuer::parse_all(text).unwrap();
        let names: Vec<_> = issuers.iter().map(|issuer| issuer.name.to_string()).collect();
        assert_eq!(
            names,
            [
                "https://oidc.example.com/a/",
                "https://kubernetes.default.svc.cluster.local",
                "spiffe://example.org"
            ]
        );
        let document = "https://oidc.example.com/a/.well-known/openid-configuration";
        assert_eq!(issuers[0].keys, KeyPlace::Discovery(FetchUrl::parse(document).unwrap()));
        let keys = "https://kubernetes.default.svc/openid/v1/jwks?a=b";
        assert_eq!(issuers[1].keys, KeyPlace::KeySet(FetchUrl::parse(keys).unwrap()));
        assert_eq!(issuers[1].token_file, Some(PathBuf::from("/run/token")));
        assert_eq!(issuers[2].token_file, None);
    }

    #[test]
    fn what_is_no_issuer_is_refused_with_what_to_write() {
        for bad in [
            "",
            ", ",
            "oidc.example.com",
            "http://oidc.example.com",
            "https://oidc.example.com=",
            "https://oidc.example.com=http://keys.example.com",
            "https://oidc.example.com;token=",
            "https://oidc.example.com?a",
            "https://user:hunter2@oidc.example.com",
            "spiffe://example.org",
            "spiffe://Example.org=https://spire.example.org",
            "spiffe://example.org/a=https://spire.example.org",
            "https://a.example https://a.example=https://b.example",
        ] {
            let problem = TokenIssuer::parse_all(bad).unwrap_err();
            let told = ["must be issuers", "twice", "no query"];
            assert!(told.iter().any(|text| problem.contains(text)), "{bad}: {problem}");
        }
    }

    #[test]
    fn the_trust_domain_of_the_subject_counts_and_not_its_beginning() {
        let [open_id, domain] = [
            IssuerName::OpenId("https://a.example".into()),
            IssuerName::TrustDomain("a.example".into()),
        ];
        assert!(open_id.issues(Some("https://a.example"), None));
        assert!(!open_id.issues(Some("https://a.example/"), None) && !open_id.issues(None, None));
        assert!(domain.issues(None, Some("spiffe://a.example/cart")));
        assert!(domain.issues(Some("https://b.example"), Some("spiffe://a.example/cart")));
        for other in [
            "spiffe://a.example",
            "spiffe://a.example/",
            "spiffe://a.example.org/cart",
            "spiffe://a.example/../cart",
            "spiffe://b.a.example/cart",
            "a.example/cart",
            "",
        ] {
            assert!(!domain.issues(None, Some(other)), "{other}");
        }
        assert!(!domain.issues(Some("spiffe://a.example/cart"), None));
    }
}
