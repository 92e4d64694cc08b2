//! What an operator may set.

use std::time::Duration;

use super::{RelyingParty, Settings, UserVerification};

fn settings(id: &str, origins: &[&str], related: &[&str]) -> Settings {
    let owned = |origins: &[&str]| origins.iter().map(|origin| (*origin).to_owned()).collect();
    Settings {
        id: id.to_owned(),
        name: "Example".to_owned(),
        origins: owned(origins),
        related_origins: owned(related),
        user_verification: UserVerification::Preferred,
        timeout: Duration::from_secs(300),
    }
}

/// That of the specification's vectors.
pub(super) fn example() -> RelyingParty {
    RelyingParty::new(settings("example.org", &["https://example.org"], &[])).unwrap()
}

fn problems(settings: Settings) -> Vec<String> {
    let problems = RelyingParty::new(settings).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

const ANDROID: &str = "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn origins_of_pages_and_apps_are_compared_letter_for_letter() {
    let origins = ["https://example.org", "https://login.example.org:8443", ANDROID];
    let party =
        RelyingParty::new(settings("example.org", &origins, &["https://example.com"])).unwrap();
    for origin in origins {
        assert!(party.has_origin(origin), "{origin}");
    }
    assert!(party.has_origin("https://example.com"), "a related one");
    for other in [
        "https://example.org/",
        "https://example.org:443",
        "https://EXAMPLE.org",
        "http://example.org",
        "https://login.example.org",
        "https://a.example.org",
        "https://example.org.example",
        "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE",
        "null",
        "",
    ] {
        assert!(!party.has_origin(other), "{other}");
    }
}

#[test]
fn ids_that_no_browser_takes_are_refused_at_the_start() {
    for id in
        ["127.0.0.1", "[::1]", "::1", "0x7f.1", "2130706433", "com", "example.org.", "org.", ""]
    {
        assert!(
            problems(settings(id, &[ANDROID], &[])).iter().any(|p| p.starts_with("id ")),
            "{id}"
        );
    }
    for id in
        ["https://example.org", "example.org:443", "example.org/", "a b.example", "*.example.org"]
    {
        assert!(
            problems(settings(id, &[ANDROID], &[])).iter().any(|p| p.starts_with("id ")),
            "{id}"
        );
    }
    let spelled = problems(settings("Bücher.example", &[ANDROID], &[]));
    assert_eq!(spelled, ["id must be xn--bcher-kva.example, as browsers write it"]);
    assert!(problems(settings("xn--bcher-kva.example", &[ANDROID], &[])).is_empty());
}

#[test]
fn origins_that_no_browser_gives_our_passkeys_are_refused_at_the_start() {
    for origin in [
        "https://example.com",
        "https://badexample.org",
        "https://example.org/",
        "https://example.org:443",
        "https://Example.org",
        "https://*.example.org",
        "https://user@example.org",
        "http://example.org",
        "http://localhost",
        "example.org",
        "null",
        "",
        "android:apk-key-hash:AAAA",
        "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
        "android:apk-key-hash-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let problems = problems(settings("example.org", &[origin], &[]));
        assert_eq!(problems.len(), 1, "{origin}: {problems:?}");
        assert!(problems[0].starts_with("origins "), "{problems:?}");
    }
    for origin in ["http://example.com", "https://a.example.org", "http://localhost", ANDROID, ""] {
        let problems = problems(settings("example.org", &[ANDROID], &[origin]));
        assert_eq!(problems.len(), 1, "{origin}: {problems:?}");
        assert!(problems[0].starts_with("related_origins "), "{problems:?}");
    }
}

#[test]
fn on_ones_own_machine_localhost_is_enough() {
    let origins = ["http://localhost", "http://localhost:3000", "https://localhost:8443"];
    assert!(problems(settings("localhost", &origins, &[])).is_empty());
    for origin in
        ["http://127.0.0.1", "http://[::1]:3000", "https://app.localhost", "http://app.localhost"]
    {
        assert_eq!(problems(settings("localhost", &[origin], &[])).len(), 1, "{origin}");
    }
}

#[test]
fn all_problems_are_named_at_once() {
    let all = Settings {
        name: "a\nb".to_owned(),
        timeout: Duration::from_secs(29),
        ..settings("com", &[], &["http://example.com"])
    };
    assert_eq!(
        problems(all),
        [
            "id must be a domain such as example.com, or localhost",
            "name must have 1 to 64 bytes, and no control characters",
            "timeout must be 30 to 600 seconds",
            "origins must name one at least",
            "related_origins http://example.com: must be of https",
        ]
    );
    for timeout in [30, 600] {
        let timeout = Duration::from_secs(timeout);
        let settings = Settings { timeout, ..settings("example.org", &[ANDROID], &[]) };
        assert!(problems(settings).is_empty());
    }
    for name in [String::new(), "x".repeat(65)] {
        let settings = Settings { name, ..settings("example.org", &[ANDROID], &[]) };
        assert_eq!(problems(settings).len(), 1);
    }
}
