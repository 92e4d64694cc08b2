//! Hashing and checking, from the callers' side.

use std::time::Duration;

use super::{engine::KernelChoice, *};

fn passwords() -> Passwords {
    Passwords::start(Settings {
        cost: 4,
        threads: 1,
        queue: 8,
        kernel: KernelChoice::Auto,
        lanes: None,
        memory: 1 << 28,
    })
    .unwrap()
}

fn caller() -> Context {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    Context::of_operator(deadline, uuid::Uuid::nil().into())
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

#[tokio::test]
async fn what_was_hashed_verifies_and_nothing_else_does() {
    let passwords = passwords();
    let hash = passwords.hash(&password("correct horse"), &caller()).await.unwrap();
    assert!(hash.starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "{hash}");
    assert!(passwords.verify(&password("correct horse"), Some(&hash), &caller()).await.unwrap());
    assert!(!passwords.verify(&password("correct horsf"), Some(&hash), &caller()).await.unwrap());
    assert!(!passwords.verify(&password("correct horse"), None, &caller()).await.unwrap());
}

#[tokio::test]
async fn nothing_is_truncated_around_72_bytes() {
    let passwords = passwords();
    let hash = passwords.hash(&password(&"a".repeat(72)), &caller()).await.unwrap();
    for length in [71, 73, 144] {
        let other = password(&"a".repeat(length));
        assert!(!passwords.verify(&other, Some(&hash), &caller()).await.unwrap(), "{length}");
    }
}

/// From passlib's documentation of `bcrypt_sha256`.
#[tokio::test]
async fn a_hash_that_passlib_made_verifies() {
    let hash =
        "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
    assert!(passwords().verify(&password("password"), Some(hash), &caller()).await.unwrap());
    assert!(!passwords().verify(&password("passwore"), Some(hash), &caller()).await.unwrap());
}

#[tokio::test]
async fn the_same_password_is_never_hashed_the_same_way_twice() {
    let (passwords, password) = (passwords(), password("correct horse"));
    let hashes =
        (passwords.hash(&password, &caller()).await, passwords.hash(&password, &caller()).await);
    assert_ne!(hashes.0.unwrap(), hashes.1.unwrap());
}

#[tokio::test]
async fn an_account_from_cheaper_days_costs_as_much_as_any_other() {
    let hash = passwords().hash(&password("correct horse"), &caller()).await.unwrap();
    let dearer = Passwords::start(Settings {
        cost: 7,
        threads: 1,
        queue: 8,
        kernel: KernelChoice::Auto,
        lanes: None,
        memory: 1 << 28,
    });
    let dearer = dearer.unwrap();
    assert!(dearer.verify(&password("correct horse"), Some(&hash), &caller()).await.unwrap());
    // One job, which waits once.
    assert_eq!(dearer.figures().done_and_late(), (1, 0));
}

/// After the cost was lowered, or with dear hashes of another system.
#[tokio::test]
async fn once_a_dearer_hash_was_seen_every_check_costs_as_much() {
    let (passwords, dear) = (passwords(), bcrypt::hash("correct horse", 6).unwrap());
    let cheap = passwords.hash(&password("correct horse"), &caller()).await.unwrap();
    let done = |expected: u64| {
        assert_eq!(passwords.figures().done_and_late(), (expected, 0));
    };
    let (typed, caller) = (password("correct horse"), caller());
    let verify = |stored| passwords.verify(&typed, stored, &caller);
    assert!(verify(Some(&cheap)).await.unwrap());
    done(2);
    assert!(verify(Some(&dear)).await.unwrap());
    done(3);
    assert!(verify(Some(&cheap)).await.unwrap());
    done(4);
    assert!(!verify(None).await.unwrap());
    done(5);
    assert_eq!(passwords.highest_cost.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn a_cheap_hash_is_refused_for_a_deadline_that_the_dearest_cannot_meet() {
    let (passwords, typed) = (passwords(), password("correct horse"));
    let cheap = passwords.hash(&typed, &caller()).await.unwrap();
    // Each takes seconds.
    passwords.highest_cost.store(16, Ordering::Relaxed);
    for stored in [Some(cheap.as_str()), None] {
        let deadline = std::time::Instant::now() + Duration::from_millis(50);
        let verified = passwords.verify(&typed, stored, &Context { deadline, ..caller() }).await;
        assert!(matches!(verified, Err(Error::Overloaded { .. })), "{verified:?}");
    }
}

#[tokio::test]
async fn a_hash_is_outdated_by_its_format_or_by_a_lower_cost_and_never_gets_cheaper() {
    let (passwords, dear) = (passwords(), bcrypt::hash("correct horse", 5).unwrap());
    let current = passwords.rehash(&password("correct horse"), &dear, &caller()).await.unwrap();
    assert!(current.starts_with("$bcrypt-sha256$v=2,t=2b,r=5$"), "{current}");
    let typed = password("correct horse");
    assert!(passwords.is_replaced_by(&typed, &dear));
    assert!(!passwords.is_replaced_by(&typed, &current));
    let dearer = Passwords { cost: 6, ..passwords };
    assert!(dearer.is_replaced_by(&typed, &current));
    assert!(!dearer.is_replaced_by(&typed, "what is no hash"));
}

/// bcrypt compares 72 bytes: bytes, of which a letter may have several.
#[tokio::test]
async fn a_hash_of_the_beginning_is_not_replaced_by_one_of_all_that_was_typed() {
    let passwords = Passwords { cost: 6, ..passwords() };
    let imported = bcrypt::hash("any", 4).unwrap();
    let ours = "$bcrypt-sha256$v=2,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
    for (typed, is_replaced) in
        [("a".repeat(71), true), ("a".repeat(72), false), ("é".repeat(36), false)]
    {
        let typed = password(&typed);
        assert_eq!(passwords.is_replaced_by(&typed, &imported), is_replaced, "{typed:?}");
        assert!(passwords.is_replaced_by(&typed, ours), "every byte of it counts");
    }
}

/// A pbkdf2 that costs less than any bcrypt, as Django writes it.
const DJANGO: &str = "pbkdf2_sha256$1000$somesalt$8aehb/P7y85yHTC7hr2UJ9RRTXpZKXnu6vuPj7yvHyE=";

fn django(typed: &str) -> String {
    use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut digest = [0; 32];
    let rounds = std::num::NonZero::new(1000).unwrap();
    derive(PBKDF2_HMAC_SHA256, rounds, b"somesalt", typed.as_bytes(), &mut digest);
    let (before, _) = DJANGO.rsplit_once('$').unwrap();
    format!("{before}${}", STANDARD.encode(digest))
}

#[tokio::test]
async fn a_hash_of_another_system_is_checked_beside_a_bcrypt_and_replaced() {
    let (passwords, caller, typed) = (passwords(), caller(), password("correct horse"));
    let stored = django("correct horse");
    assert!(passwords.verify(&typed, Some(&stored), &caller).await.unwrap());
    assert!(!passwords.verify(&password("wrong"), Some(&stored), &caller).await.unwrap());
    assert_eq!(passwords.figures().done_and_late(), (2, 0), "a bcrypt each");
    assert!(passwords.is_replaced_by(&typed, &stored));
    let ours = passwords.rehash(&typed, &stored, &caller).await.unwrap();
    assert!(ours.starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "{ours}");
}

/// Other systems hash what is typed; ours the NFC of it.
#[tokio::test]
async fn both_spellings_of_a_password_are_tried_for_any_account() {
    let (passwords, caller) = (passwords(), caller());
    let (nfc, nfd) = (password("Zu\u{308}rich").expose().to_owned(), "Zu\u{308}rich");
    assert_ne!(nfc, nfd);
    let ours = passwords.hash(&password(&nfc), &caller).await.unwrap();
    for (stored, typed, right) in [
        (django(nfd), nfd, true),
        (django(&nfc), nfd, true),
        (django(&nfc), nfc.as_str(), true),
        (django(nfd), nfc.as_str(), false),
        (ours.clone(), nfd, true),
        (ours, nfc.as_str(), true),
    ] {
        let verified = passwords.verify(&password(typed), Some(&stored), &caller).await;
        assert_eq!(verified.unwrap(), right, "{stored} {typed:?}");
    }
    let done = passwords.figures().done_and_late().0;
    for stored in [None, Some(DJANGO), Some("")] {
        assert!(!passwords.verify(&password(nfd), stored, &caller).await.unwrap());
    }
    assert!(passwords.verify(&password(nfd), Some(&django(&nfc)), &caller).await.unwrap());
    assert_eq!(passwords.figures().done_and_late().0, done + 8, "the same work for each");
}

#[tokio::test]
async fn an_account_without_a_password_has_no_right_one_and_is_no_fault() {
    let passwords = passwords();
    assert!(!passwords.verify(&password("any"), Some(""), &caller()).await.unwrap());
    assert_eq!(passwords.figures().malformed_hashes(), 0);
    assert!(!passwords.verify(&password("any"), Some("$9$"), &caller()).await.unwrap());
    assert_eq!(passwords.figures().malformed_hashes(), 1);
}

#[tokio::test]
async fn hashes_of_other_systems_verify_or_fail_cleanly() {
    let passwords = passwords();
    let imported = bcrypt::hash("correct horse", 4).unwrap();
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let hash = imported.replacen("$2b$", prefix, 1);
        assert!(
            passwords.verify(&password("correct horse"), Some(&hash), &caller()).await.unwrap()
        );
    }
    for poison in
        ["", "$2x$04$", "$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "é"]
    {
        assert!(
            !passwords.verify(&password("correct horse"), Some(poison), &caller()).await.unwrap()
        );
    }
}
