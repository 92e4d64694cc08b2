//! Random damage: nothing panics, and nothing verifies but what was signed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    Algorithm, Assertion, Demand, Registration, UserVerification,
    authenticator_of_tests::{Authenticator, challenge},
    relying_party_tests::example,
};

/// Damaged messages of each ceremony and algorithm.
const MESSAGES: usize = 17_000;

/// A generator of numbers that are the same in each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Flips bits, changes, removes, repeats or cuts off bytes.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(2) {
            if bytes.is_empty() {
                return;
            }
            let place = self.below(bytes.len());
            match self.below(6) {
                0 | 1 => bytes[place] ^= 1 << self.below(8),
                2 => bytes[place] = self.next().to_le_bytes()[0],
                3 => bytes.truncate(place),
                4 => drop(bytes.remove(place)),
                _ => bytes.insert(place, bytes[self.below(bytes.len())]),
            }
        }
    }

    /// A member of the response with damage within, or the whole JSON with some.
    fn damaged(&mut self, valid: &Value, members: &[&str]) -> String {
        let mut json = valid.clone();
        if let Some(member) = members.get(self.below(members.len() + 1)) {
            let member = &mut json["response"][*member];
            let mut bytes = URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap();
            self.damage(&mut bytes);
            *member = URL_SAFE_NO_PAD.encode(bytes).into();
            return json.to_string();
        }
        let mut bytes = json.to_string().into_bytes();
        self.damage(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What verifies must have these members as they were.
fn is_unchanged(damaged: &str, valid: &Value, members: &[&str]) -> bool {
    let damaged: Value = serde_json::from_str(damaged).unwrap();
    members.iter().all(|member| damaged["response"][member] == valid["response"][member])
        && damaged["id"] == valid["id"]
}

#[test]
fn no_damage_to_an_assertion_goes_unseen() {
    const SIGNED: [&str; 3] = ["clientDataJSON", "authenticatorData", "signature"];
    let (party, mut numbers, mut read, mut verified) = (example(), Numbers(1), 0, 0);
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        let valid = authenticator.sign(&authenticator.assert());
        let demand = Demand::second_factor(UserVerification::Preferred);
        for _ in 0..MESSAGES {
            let damaged = numbers.damaged(&valid, &SIGNED);
            let Ok(assertion) = Assertion::read(&damaged) else { continue };
            read += 1;
            let verdict = assertion.verify(&party, &challenge(), &authenticator.stored(), demand);
            if verdict.is_ok() {
                verified += 1;
                assert!(is_unchanged(&damaged, &valid, &SIGNED), "{damaged}");
            }
        }
    }
    // Damage that is no matter: to members that are ignored, or that undoes itself.
    assert!(read > MESSAGES && verified > 0 && verified < read / 10, "{verified} of {read}");
}

/// Whether a registration still names the format that it had.
fn is_packed(registration: &str) -> bool {
    let json: Value = serde_json::from_str(registration).unwrap();
    let object = json["response"]["attestationObject"].as_str().unwrap();
    URL_SAFE_NO_PAD.decode(object).unwrap().starts_with(b"\xa3\x63fmt\x66packed")
}

#[test]
fn no_damage_to_a_registration_that_is_signed_goes_unseen() {
    const MEMBERS: [&str; 2] = ["clientDataJSON", "attestationObject"];
    let (party, mut numbers, mut read, mut verified) = (example(), Numbers(2), 0, 0);
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        let valid = authenticator.register("packed").json();
        for _ in 0..MESSAGES {
            let damaged = numbers.damaged(&valid, &MEMBERS);
            let Ok(registration) = Registration::read(&damaged) else { continue };
            read += 1;
            let verdict = registration.verify(&party, &challenge(), UserVerification::Preferred);
            let Ok(credential) = verdict else { continue };
            verified += 1;
            // With another format's name the statement is one that nobody checks: worth no more than none.
            if is_packed(&damaged) {
                assert_eq!(credential.public_key, authenticator.key, "{damaged}");
                assert_eq!(credential.id, authenticator.id, "{damaged}");
            }
        }
    }
    assert!(read > MESSAGES && verified > 0 && verified < read / 2, "{verified} of {read}");
}
