//! Password hashes that a system writes in a way of its own, as the rest of the world writes them.

use super::row::HashParameters;

/// A hash in the usual form, with its parameters. What has no form of its own is passed on as it is.
pub(crate) fn usual(hash: &str) -> (String, HashParameters) {
    let unchanged = || (hash.to_owned(), HashParameters::default());
    if let Some(rest) = hash.strip_prefix("$fbscrypt$") {
        return supabase_firebase(rest).unwrap_or_else(unchanged);
    }
    if let Some(rest) = hash.strip_prefix("$firescrypt$") {
        return kratos_firebase(rest).unwrap_or_else(unchanged);
    }
    if let Some(rest) = hash.strip_prefix("$scrypt$") {
        return kratos_scrypt(rest)
            .map_or_else(unchanged, |hash| (hash, HashParameters::default()));
    }
    let crypt = [("$md5-crypt$", "$1$"), ("$sha256-crypt$", "$5$"), ("$sha512-crypt$", "$6$")];
    for (kratos, usual) in crypt {
        if let Some(rest) = hash.strip_prefix(kratos) {
            return (format!("{usual}{rest}"), HashParameters::default());
        }
    }
    unchanged()
}

/// The value of a name in `ln=14,r=8`.
fn value<'a>(settings: &'a str, name: &str) -> Option<&'a str> {
    let pairs = settings.split(',').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Supabase's, of a user who came from Firebase: `v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`.
fn supabase_firebase(rest: &str) -> Option<(String, HashParameters)> {
    let [settings, salt, hash] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
    let parameters = HashParameters {
        signer_key: value(settings, "sk")?.to_owned(),
        salt_separator: value(settings, "ss").unwrap_or_default().to_owned(),
        rounds: value(settings, "r")?.parse().ok(),
        mem_cost: value(settings, "n")?.parse().ok(),
        salt: salt.to_owned(),
        pepper: String::new(),
    };
    Some((hash.to_owned(), parameters))
}

/// Kratos', of a user who came from Firebase: `ln=14,r=8,p=1$salt$hash$separator$signer key`.
fn kratos_firebase(rest: &str) -> Option<(String, HashParameters)> {
    let [settings, salt, hash, separator, key] =
        rest.split('$').collect::<Vec<_>>().try_into().ok()?;
    let parameters = HashParameters {
        signer_key: key.to_owned(),
        salt_separator: separator.to_owned(),
        rounds: value(settings, "r")?.parse().ok(),
        mem_cost: value(settings, "ln")?.parse().ok(),
        salt: salt.to_owned(),
        pepper: String::new(),
    };
    Some((hash.to_owned(), parameters))
}

/// Kratos' scrypt: `ln` is N itself and not its logarithm, and the base64 is padded.
fn kratos_scrypt(rest: &str) -> Option<String> {
    let [settings, salt, hash] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
    let n: u64 = value(settings, "ln")?.parse().ok()?;
    let (r, p) = (value(settings, "r")?, value(settings, "p")?);
    // A logarithm, as others write it.
    let ln = if n < 64 { n } else { n.is_power_of_two().then(|| u64::from(n.trailing_zeros()))? };
    let (salt, hash) = (salt.trim_end_matches('='), hash.trim_end_matches('='));
    Some(format!("$scrypt$ln={ln},r={r},p={p}${salt}${hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kratos_forms_become_the_usual_ones() {
        for (kratos, form) in [
            ("$scrypt$ln=1024,r=8,p=1$krNOZg==$rS06aA==", "$scrypt$ln=10,r=8,p=1$krNOZg$rS06aA"),
            ("$scrypt$ln=10,r=8,p=1$krNOZg$rS06aA", "$scrypt$ln=10,r=8,p=1$krNOZg$rS06aA"),
            ("$md5-crypt$salt$x", "$1$salt$x"),
            ("$sha256-crypt$salt$x", "$5$salt$x"),
            ("$sha512-crypt$rounds=5000$salt$x", "$6$rounds=5000$salt$x"),
            ("$2a$10$abc", "$2a$10$abc"),
            ("$scrypt$ln=1000,r=8,p=1$a$b", "$scrypt$ln=1000,r=8,p=1$a$b"),
            ("$firescrypt$ln=14$a", "$firescrypt$ln=14$a"),
        ] {
            assert_eq!(usual(kratos), (form.to_owned(), HashParameters::default()));
        }
    }

    #[test]
    fn hashes_that_came_from_firebase_get_their_parameters_back() {
        let parameters = HashParameters {
            signer_key: "a2V5".to_owned(),
            salt_separator: "Bw==".to_owned(),
            rounds: Some(8),
            mem_cost: Some(14),
            salt: "c2FsdA==".to_owned(),
            pepper: String::new(),
        };
        for hash in [
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=a2V5$c2FsdA==$aGFzaA==",
            "$firescrypt$ln=14,r=8,p=1$c2FsdA==$aGFzaA==$Bw==$a2V5",
        ] {
            assert_eq!(usual(hash), ("aGFzaA==".to_owned(), parameters.clone()));
        }
    }
}
