//! What is read out of a certificate: its times, its purpose, and the names of its holder.

use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use crate::domain::CallerName;

/// After the last time that a certificate can name (9999-12-31T23:59:59Z, RFC 5280, section 4.1.2.5).
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_800);

/// The end of a server's certificate, if it is one that clients accept now.
///
/// # Errors
/// In words: it has expired, or it is for another purpose. And whether time alone will mend it.
pub(super) fn end_of(leaf: &CertificateDer<'_>) -> Result<SystemTime, (String, bool)> {
    let unreadable = |error: Error| (format!("can't be read: {error}"), false);
    let certificate = EndEntityCert::try_from(leaf).map_err(unreadable)?;
    let last = problem_at(&certificate, UnixTime::since_unix_epoch(END_OF_TIME));
    let Error::CertExpired { not_after, .. } = last else { return Err(unreadable(last)) };
    let end = time(not_after);
    let told = |time| humantime::format_rfc3339_seconds(time);
    let now = problem_at(&certificate, UnixTime::now());
    if let Error::CertExpired { .. } = now {
        return Err((format!("expired on {}", told(end)), false));
    }
    if let Error::CertNotValidYet { not_before, .. } = now {
        return Err((format!("is not valid before {}", told(time(not_before))), true));
    }
    if let Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension = now {
        let text = "is not for servers: its extended key usage has no serverAuth";
        return Err((text.to_owned(), false));
    }
    // Who issued it is the clients' question: no authority is asked here.
    Ok(end)
}

/// What a client would find wrong at that time. webpki looks at the times and the purpose before it looks for the issuer,
/// and with no authority to look at it always finds something: the times are told by its errors alone.
fn problem_at(certificate: &EndEntityCert<'_>, now: UnixTime) -> Error {
    let usage = KeyUsage::server_auth();
    certificate
        .verify_for_usage(&[], &[], &[], now, usage, None, None)
        .err()
        .unwrap_or(Error::UnknownIssuer)
}

fn time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

/// Whether it is a certificate at all, as far as a file's other ones have to be. An authority may be of version 1.
pub(super) fn is_certificate(der: &CertificateDer<'_>) -> bool {
    matches!(EndEntityCert::try_from(der), Ok(_) | Err(Error::UnsupportedCertVersion))
}

/// The name in a client certificate that a handshake has verified.
pub(crate) fn caller_of(leaf: &CertificateDer<'_>) -> Option<CallerName> {
    let certificate = EndEntityCert::try_from(leaf).ok()?;
    CallerName::of_certificate(certificate.valid_uri_names(), certificate.valid_dns_names())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["Localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2099, 12, 31);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_end_of_a_certificate_is_told_and_one_that_clients_refuse_is_refused() {
        let end = end_of(&made(|_| {})).unwrap();
        assert_eq!(humantime::format_rfc3339_seconds(end).to_string(), "2099-12-31T00:00:00Z");
        let (why, passes) =
            end_of(&made(|params| params.not_after = date_time_ymd(2021, 2, 3))).unwrap_err();
        assert_eq!((why.as_str(), passes), ("expired on 2021-02-03T00:00:00Z", false));
        let (why, passes) =
            end_of(&made(|params| params.not_before = date_time_ymd(2098, 2, 3))).unwrap_err();
        assert_eq!((why.as_str(), passes), ("is not valid before 2098-02-03T00:00:00Z", true));
        let client = [ExtendedKeyUsagePurpose::ClientAuth];
        let (why, _) =
            end_of(&made(|params| params.extended_key_usages = client.to_vec())).unwrap_err();
        assert!(why.contains("serverAuth"), "{why}");
        // What `openssl req -x509` makes.
        let authority = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        end_of(&made(|params| params.is_ca = authority)).unwrap();
        // RFC 5280, section 4.1.2.5: no end that is known.
        end_of(&made(|params| params.not_after = date_time_ymd(9999, 12, 31))).unwrap();
    }

    #[test]
    fn the_caller_is_who_the_alternative_names_say() {
        let uri = |text: &str| SanType::URI(text.try_into().unwrap());
        let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
        for (names, caller) in [
            (vec![uri("spiffe://example.org/a"), dns("x")], Some("spiffe://example.org/a")),
            (vec![uri("spiffe://example.org/a"), uri("spiffe://example.org/b")], None),
            (vec![uri("https://example.org/a"), dns("x.example")], None),
            (vec![dns("X.Example"), dns("y.example")], Some("dns:x.example")),
            (vec![dns("*.example")], None),
            (Vec::new(), None),
        ] {
            let certificate = made(|params| params.subject_alt_names = names);
            let found = caller_of(&certificate).map(|caller| caller.to_string());
            assert_eq!(found.as_deref(), caller);
        }
    }
}
