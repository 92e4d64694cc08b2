//! The policy of callers: which names of certificates have which permissions.

use std::fmt;

use super::{
    CallerName, Permission,
    caller_name::{is_segment, is_trust_domain},
};

/// A policy. What it does not permit is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callers(Vec<Entry>);

/// The permissions of some callers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    callers: Pattern,
    permissions: Vec<Permission>,
}

/// The callers of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// Every caller, proved or not.
    Anyone,
    /// The holders of certificates for a DNS name.
    Dns(CallerName),
    /// The SPIFFE ids of a trust domain whose path has these segments.
    Spiffe { trust_domain: String, path: Vec<Segment> },
}

/// A segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Is(String),
    /// `*`: any one segment.
    One,
    /// `**`, at the end: one or more segments.
    Rest,
}

impl Callers {
    /// Parses a policy: entries `identity = permission, permission`, one a line or separated by semicolons; `#` begins a
    /// comment.
    ///
    /// # Errors
    /// The first entry that is malformed, and what is expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines =
            text.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| before));
        let entries = lines.flat_map(|line| line.split(';')).map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty()).map(Entry::parse);
        let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        if entries.is_empty() { Err("must have an entry".to_owned()) } else { Ok(Self(entries)) }
    }

    /// Whether a caller may do this; `None` is a caller without a certificate.
    pub fn permit(&self, caller: Option<&CallerName>, permission: Permission) -> bool {
        self.0.iter().any(|Entry { callers, permissions }| {
            permissions.iter().any(|own| own.includes(permission)) && callers.matches(caller)
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &dyn fmt::Display| format!("{text:?}: {why}");
        let (identity, permissions) = text
            .split_once('=')
            .ok_or_else(|| wrong(&"must be an identity, =, and permissions with commas"))?;
        let callers = Pattern::parse(identity.trim()).map_err(|why| wrong(&why))?;
        let names = permissions.split(',').map(str::trim).filter(|name| !name.is_empty());
        let permissions = names.map(|name| {
            let known = || Permission::ALL.map(Permission::as_str).join(", ");
            Permission::parse(name)
                .ok_or_else(|| wrong(&format_args!("{name:?} must be one of {}", known())))
        });
        Ok(Self { callers, permissions: permissions.collect::<Result<_, _>>()? })
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "anyone" {
            return Ok(Self::Anyone);
        }
        let Some(id) = text.strip_prefix("spiffe://") else {
            let name = text.starts_with("dns:").then(|| CallerName::parse(text)).flatten();
            return name
                .map(Self::Dns)
                .ok_or("the identity must be spiffe://trust-domain/path, dns:name or anyone");
        };
        let (trust_domain, path) = id.split_once('/').ok_or("a SPIFFE id must have a path")?;
        if !is_trust_domain(trust_domain) {
            return Err("the trust domain must be lower-case letters, digits, dots and dashes");
        }
        Ok(Self::Spiffe { trust_domain: trust_domain.to_owned(), path: segments(path)? })
    }

    fn matches(&self, caller: Option<&CallerName>) -> bool {
        match (self, caller) {
            (Self::Anyone, _) => true,
            (Self::Dns(name), Some(caller)) => name == caller,
            (Self::Spiffe { trust_domain, path }, Some(CallerName::Spiffe(id))) => {
                let id = id.strip_prefix("spiffe://").and_then(|id| id.split_once('/'));
                id.is_some_and(|(domain, own)| domain == trust_domain && fits(path, own))
            }
            (Self::Spiffe { .. }, Some(CallerName::Dns(_))) | (_, None) => false,
        }
    }
}

/// The segments of a pattern's path.
fn segments(path: &str) -> Result<Vec<Segment>, &'static str> {
    let last = path.split('/').count() - 1;
    let segments = path.split('/').enumerate().map(|(place, segment)| match segment {
        "*" => Ok(Segment::One),
        "**" if place == last => Ok(Segment::Rest),
        _ if is_segment(segment) => Ok(Segment::Is(segment.to_owned())),
        _ => Err("each segment must be text, * for any one, or at the end ** for all that follow"),
    });
    segments.collect()
}

/// Whether a path has these segments.
fn fits(pattern: &[Segment], path: &str) -> bool {
    let path: Vec<_> = path.split('/').collect();
    let same = |(segment, text): (&Segment, &&str)| match segment {
        Segment::Is(name) => name == text,
        Segment::One | Segment::Rest => true,
    };
    let as_long = match pattern.last() {
        Some(Segment::Rest) => path.len() >= pattern.len(),
        _ => path.len() == pattern.len(),
    };
    as_long && pattern.iter().zip(&path).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(policy: &str, caller: &str, permission: Permission) -> bool {
        let caller = (!caller.is_empty()).then(|| CallerName::parse(caller).unwrap());
        Callers::parse(policy).unwrap().permit(caller.as_ref(), permission)
    }

    #[test]
    fn a_caller_has_the_permissions_of_all_entries_that_match_and_no_others() {
        let policy = "
            # The gateway registers users.
            spiffe://example.org/ns/edge/sa/gateway = register, introspect
            spiffe://example.org/ns/*/sa/* = watch   # every service
            dns:Cart.example.org = introspect; anyone = ";
        let gateway = "spiffe://example.org/ns/edge/sa/gateway";
        for permission in [Permission::Register, Permission::Introspect, Permission::Watch] {
            assert!(may(policy, gateway, permission));
            assert!(!may(policy, "", permission), "{permission:?} without a certificate");
        }
        assert!(!may(policy, gateway, Permission::Admin));
        assert!(may(policy, "dns:cart.example.org", Permission::Introspect));
        assert!(!may(policy, "dns:cart.example.org", Permission::Watch));
        assert!(may("anyone = watch", "", Permission::Watch));
        assert!(may("anyone = watch", gateway, Permission::Watch));
    }

    #[test]
    fn a_pattern_fits_whole_segments_of_one_trust_domain() {
        let fits =
            |pattern: &str, id: &str| may(&format!("{pattern} = watch"), id, Permission::Watch);
        for (pattern, id) in [
            ("spiffe://a.org/ns/*/sa/web", "spiffe://a.org/ns/shop/sa/web"),
            ("spiffe://a.org/ns/**", "spiffe://a.org/ns/shop"),
            ("spiffe://a.org/ns/**", "spiffe://a.org/ns/shop/sa/web"),
            ("spiffe://a.org/**", "spiffe://a.org/x"),
        ] {
            assert!(fits(pattern, id), "{pattern} {id}");
        }
        for (pattern, id) in [
            ("spiffe://a.org/ns/*/sa/web", "spiffe://a.org/ns/shop/x/sa/web"),
            ("spiffe://a.org/ns/*/sa/web", "spiffe://a.org/ns/shop/sa/website"),
            ("spiffe://a.org/ns/*/sa/web", "spiffe://b.org/ns/shop/sa/web"),
            ("spiffe://a.org/ns/*", "spiffe://a.org/ns/shop/sa"),
            ("spiffe://a.org/ns/**", "spiffe://a.org/ns"),
            ("spiffe://a.org/ns/**", "spiffe://a.org/nsx/shop"),
            ("spiffe://a.org/a", "spiffe://a.org/A"),
            ("spiffe://a.org/**", "dns:a.org"),
            ("dns:a.org", "dns:b.a.org"),
            ("dns:a.org", "spiffe://a.org/x"),
        ] {
            assert!(!fits(pattern, id), "{pattern} {id}");
        }
    }

    #[test]
    fn a_malformed_entry_is_shown_with_what_is_expected() {
        for (policy, hint) in [
            ("", "must have an entry"),
            ("# nothing", "must have an entry"),
            ("anyone", "an identity, =, and permissions"),
            ("anyone = introspct", "must be one of introspect, watch"),
            ("everyone = watch", "the identity must be"),
            ("dns:*.a.org = watch", "the identity must be"),
            ("dns: = watch", "the identity must be"),
            ("spiffe://a.org = watch", "must have a path"),
            ("spiffe://*/a = watch", "the trust domain"),
            ("spiffe://A.org/a = watch", "the trust domain"),
            ("spiffe://a.org/a* = watch", "each segment"),
            ("spiffe://a.org/**/a = watch", "each segment"),
            ("spiffe://a.org/ = watch", "each segment"),
            ("anyone = watch; x = watch", "\"x = watch\""),
        ] {
            let problem = Callers::parse(policy).unwrap_err();
            assert!(problem.contains(hint), "{policy}: {problem}");
        }
    }
}
