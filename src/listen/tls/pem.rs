//! PEM (RFC 7468), read strictly: a file of which a part would be lost is refused.
//!
//! rustls-pki-types skips in silence what it does not understand: the second certificate of a glued file
//! (`-----END CERTIFICATE----------BEGIN CERTIFICATE-----`), the first one after a byte order mark, one whose lines were
//! copied by half. So the sections that begin are counted against those that were read.

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{PemObject, SectionKind},
};
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// All certificates of a file, at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let labels = labels(pem)?;
    let begun = labels.iter().filter(|label| label.ends_with("CERTIFICATE")).count();
    let read: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_where| "is damaged or half written".to_owned())?;
    match (begun, read.len()) {
        (0, _) => Err("has no certificate in PEM (BEGIN CERTIFICATE)".to_owned()),
        (begun, read) if begun != read => Err(format!(
            "is damaged or half written: of {begun} certificates that begin {read} can be read"
        )),
        _ => Ok(read),
    }
}

/// The only private key of a file.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let labels = labels(pem)?;
    let keys: Vec<_> = labels.into_iter().filter(|label| label.ends_with("PRIVATE KEY")).collect();
    let encrypted = || {
        "is encrypted: the server can't ask for a passphrase (`openssl pkey -in KEY -out DECRYPTED` takes it off)"
            .to_owned()
    };
    match keys[..] {
        [] => return Err("has no private key in PEM (BEGIN PRIVATE KEY)".to_owned()),
        ["ENCRYPTED PRIVATE KEY"] => return Err(encrypted()),
        [_one] if contains(pem, "Proc-Type: 4,ENCRYPTED") => return Err(encrypted()),
        [_one] => {}
        [..] => return Err("has several private keys: one is needed".to_owned()),
    }
    // The library's errors may repeat lines of the file: they are not passed on.
    let damaged = || "is damaged or half written".to_owned();
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem);
    for section in sections {
        let (kind, der) = section.map_err(|_where| damaged())?;
        let der = Zeroizing::new(der);
        if let Some(key) = PrivateKeyDer::from_pem(kind, der.to_vec()) {
            return Ok(key);
        }
    }
    Err(damaged())
}

/// The labels of all sections that begin anywhere in the file, also within a line.
fn labels(pem: &[u8]) -> Result<Vec<&str>, String> {
    if pem.trim_ascii().is_empty() {
        return Err("is empty".to_owned());
    }
    if pem.starts_with(BOM) {
        return Err("begins with a byte order mark (BOM): save it as plain text".to_owned());
    }
    let text = std::str::from_utf8(pem)
        .map_err(|_binary| "is not PEM: the form DER and PKCS #12 are not taken".to_owned())?;
    let label = |rest: &'_ str| rest.find("-----").unwrap_or(0);
    Ok(text.split(BEGIN).skip(1).map(|rest| &rest[..label(rest)]).collect())
}

fn contains(pem: &[u8], text: &str) -> bool {
    pem.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn pair() -> (String, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn a_whole_file_is_read_whole_with_what_stands_beside_it() {
        let ((first, key), (second, _)) = (pair(), pair());
        let chain = format!("subject=CN = x\n{first}\r\n{second}{key}");
        assert_eq!(certificates(chain.as_bytes()).unwrap().len(), 2);
        let parameters =
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        private_key(format!("{parameters}{key}{first}").as_bytes()).unwrap();
    }

    #[test]
    fn what_would_lose_a_certificate_in_silence_is_refused() {
        let ((first, _), (second, _)) = (pair(), pair());
        let half = &first[..first.len() / 2];
        for (text, why) in [
            (format!("{}{second}", first.trim_end()), "half written"),
            (format!("\u{feff}{first}"), "byte order mark"),
            (format!("{half}\n{second}"), "half written"),
            (format!("{first}{half}"), "half written"),
            (format!("{first}{}", "-----BEGIN CERTIFI"), "half written"),
            (first.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "half written"),
            (String::new(), "empty"),
            (" \n".to_owned(), "empty"),
            ("hello".to_owned(), "no certificate"),
        ] {
            let problem = certificates(text.as_bytes()).unwrap_err();
            assert!(problem.contains(why), "{problem}\n{text}");
        }
        assert!(certificates(b"\x30\x82\xff").unwrap_err().contains("not PEM"));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_in_words() {
        let (certificate, key) = pair();
        let (_, other) = pair();
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
                      -----END RSA PRIVATE KEY-----\n";
        for (text, why) in [
            (encrypted.as_str(), "is encrypted"),
            (legacy, "is encrypted"),
            (&key[..key.len() / 2], "half written"),
            (&format!("{key}{other}"), "several"),
            (certificate.as_str(), "no private key"),
        ] {
            let problem = private_key(text.as_bytes()).unwrap_err();
            assert!(problem.contains(why), "{problem}");
        }
    }
}
