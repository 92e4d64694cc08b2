//! passkey-client with passkey-authenticator, asked a line of JSON at a time, as `../clients.py` is.

use std::{
    collections::HashMap,
    error::Error,
    io::{self, BufRead as _},
};

use coset::iana::Algorithm;
use passkey_authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey_client::{Client, DefaultClientData};
use passkey_crypto::rust_crypto::RustCryptoBackend;
use passkey_types::{
    Passkey,
    ctap2::{Aaguid, Ctap2Error},
};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

#[derive(Deserialize)]
struct Question {
    device: String,
    algorithm: String,
    ceremony: String,
    options: String,
    origin: Url,
    #[serde(default = "yes")]
    verified: bool,
}

fn yes() -> bool {
    true
}

/// A user who agrees to everything. Whether they can show who they are is the question's.
struct User {
    verified: bool,
}

#[async_trait::async_trait]
impl UserValidationMethod for User {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        if let UiHint::InformExcludedCredentialFound(_) = hint {
            return Err(Ctap2Error::CredentialExcluded);
        }
        Ok(UserCheck { presence, verification: verification && self.verified })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        self.verified.then_some(true)
    }
}

/// An authenticator with one passkey, and a counter.
fn authenticator(
    question: &Question,
    passkey: Option<Passkey>,
) -> Result<Authenticator<Option<Passkey>, User, RustCryptoBackend>, Box<dyn Error>> {
    let user = User { verified: question.verified };
    let mut made =
        Authenticator::new(Aaguid::from(*b"passkey-client.."), passkey, user, RustCryptoBackend);
    let algorithm = match question.algorithm.as_str() {
        "ES256" => Algorithm::ES256,
        "EdDSA" => Algorithm::EdDSA,
        "RS256" => Algorithm::RS256,
        other => return Err(format!("no algorithm: {other}").into()),
    };
    made.set_algorithms(&[algorithm]).map_err(|error| format!("{error:?}"))?;
    made.set_make_credentials_with_signature_counter(true);
    Ok(made)
}

/// What the browser would say, and the passkey as it then is.
fn ask(
    question: &Question,
    passkey: Option<Passkey>,
) -> Result<(Value, Option<Passkey>), Box<dyn Error>> {
    let mut client = Client::new(authenticator(question, passkey)?)
        .allows_insecure_localhost(true)
        .user_verification_when_preferred(question.verified);
    let options = json!({ "publicKey": serde_json::from_str::<Value>(&question.options)? });
    let answer = match question.ceremony.as_str() {
        "create" => {
            let request = serde_json::from_value(options)?;
            let made = client.register(&question.origin, request, DefaultClientData);
            serde_json::to_value(pollster::block_on(made).map_err(|error| format!("{error:?}"))?)?
        }
        _ => {
            let request = serde_json::from_value(options)?;
            let made = client.authenticate(&question.origin, request, DefaultClientData);
            serde_json::to_value(pollster::block_on(made).map_err(|error| format!("{error:?}"))?)?
        }
    };
    Ok((answer, client.authenticator().store().clone()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut devices: HashMap<String, Passkey> = HashMap::new();
    for line in io::stdin().lock().lines() {
        let question: Question = serde_json::from_str(&line?)?;
        let passkey = devices.get(&question.device).cloned();
        match ask(&question, passkey) {
            Ok((answer, passkey)) => {
                devices.extend(passkey.map(|passkey| (question.device, passkey)));
                println!("{}", json!({ "credential": answer.to_string() }));
            }
            Err(error) => println!("{}", json!({ "refused": error.to_string() })),
        }
    }
    Ok(())
}
