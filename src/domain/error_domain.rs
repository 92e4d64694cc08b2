//! The domain of errors: whose reasons those of `google.rpc.ErrorInfo` are.

/// A name that is unique in the world, by the rules of domain names: a client tells this service's reasons from those of
/// another one with it (AIP-193).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorDomain(String);

impl Default for ErrorDomain {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl ErrorDomain {
    /// The product's: the reasons mean the same wherever it runs.
    pub const DEFAULT: &str = "countersign.dev";

    /// Parses a domain name of at least two labels, without a final dot (RFC 1123, section 2.1).
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_domain = text.len() <= 253 && text.contains('.') && text.split('.').all(is_label);
        if is_domain {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be a domain name of yours, such as auth.example.com".to_owned())
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_two_labels_at_least() {
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(61));
        for good in ["auth.example.com", "A1.b-2", longest.as_str(), ErrorDomain::DEFAULT] {
            assert_eq!(ErrorDomain::parse(good).unwrap().as_str(), good);
        }
        let too_long = format!("{longest}a");
        for bad in ["", "auth", ".com", "a.", "a..b", "-a.b", "a-.b", "a b.c", "ä.b", &too_long] {
            assert!(ErrorDomain::parse(bad).is_err(), "{bad}");
        }
    }
}
