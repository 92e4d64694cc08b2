//! A passkey, and the browser before it: the authenticator of the unit tests, answering the options of the service.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign::passkey::{Algorithm, Challenge, StoredCredential, UserHandle};
use serde_json::Value;

#[allow(dead_code, reason = "the unit tests use more of it")]
#[path = "../../../src/passkey/authenticator_of_tests.rs"]
mod authenticator_of_tests;

use authenticator_of_tests::{Authenticator, Parts, UV};

/// A passkey of `example.org`, the relying party of the tests.
pub struct Passkey {
    authenticator: Authenticator,
    /// The counter of the next assertion; 0 stays.
    pub sign_count: u32,
}

impl Passkey {
    pub fn new() -> Self {
        Self::of(Algorithm::Es256)
    }

    pub fn of(algorithm: Algorithm) -> Self {
        let mut authenticator = Authenticator::new(algorithm);
        authenticator.id = rand::random::<[u8; 32]>().to_vec();
        Self { authenticator, sign_count: 2 }
    }

    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.authenticator.id)
    }

    /// What `navigator.credentials.create` answers to these options, as text.
    pub fn create(&mut self, options: &str) -> String {
        self.create_with(options, |_parts| {})
    }

    /// The same by an authenticator that has not verified its user.
    pub fn create_unverified(&mut self, options: &str) -> String {
        self.create_with(options, |parts| parts.flags &= !UV)
    }

    fn create_with(&mut self, options: &str, change: impl FnOnce(&mut Parts)) -> String {
        let options = parsed(options);
        let handle = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        self.authenticator.handle = UserHandle::from_bytes(handle.try_into().unwrap());
        let mut registering = self.authenticator.register("none");
        registering.parts.client["challenge"] = options["challenge"].clone();
        if self.sign_count == 0 {
            registering.parts.sign_count = 0;
        }
        change(&mut registering.parts);
        registering.json().to_string()
    }

    /// What `navigator.credentials.get` answers to these options, as text.
    pub fn get(&mut self, options: &str) -> String {
        self.get_with(options, |_parts| {})
    }

    /// The same by an authenticator that has not verified its user.
    pub fn get_unverified(&mut self, options: &str) -> String {
        self.get_with(options, |parts| parts.flags &= !UV)
    }

    fn get_with(&mut self, options: &str, change: impl FnOnce(&mut Parts)) -> String {
        let mut parts = self.authenticator.assert();
        parts.client["challenge"] = parsed(options)["challenge"].clone();
        parts.sign_count = self.sign_count;
        if self.sign_count > 0 {
            self.sign_count += 1;
        }
        change(&mut parts);
        self.authenticator.sign(&parts).to_string()
    }
}

pub fn parsed(options: &str) -> Value {
    serde_json::from_str(options).unwrap()
}
