//! What `navigator.credentials` is asked: JSON as `parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` take it
//! (sections 5.1.8 and 5.1.9). A member without a value is left out: `null` would be refused, or read as the text "null".

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Algorithm, Challenge, RelyingParty, UserHandle, UserVerification};

/// The user for whom a credential is made.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    /// What authenticators know the user by.
    pub handle: &'a UserHandle,
    /// The name that tells the user's accounts apart, such as the username.
    pub name: &'a str,
    /// The name to show.
    pub display_name: &'a str,
}

/// A credential that the user has.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor<'a> {
    /// Its id.
    pub id: &'a [u8],
    /// Ways to reach its authenticator, as [`super::NewCredential`] had them.
    pub transports: &'a [String],
}

impl RelyingParty {
    /// The options to create a credential with. An authenticator that holds one of `exclude` makes no second one.
    pub fn creation_options(
        &self,
        challenge: &Challenge,
        user: &User<'_>,
        exclude: &[Descriptor<'_>],
        verification: UserVerification,
    ) -> String {
        let parameters = Algorithm::OFFERED
            .map(|algorithm| json!({ "type": "public-key", "alg": algorithm.cose() }));
        let options = json!({
            "rp": { "id": self.id(), "name": self.name() },
            "user": {
                "id": URL_SAFE_NO_PAD.encode(user.handle.as_bytes()),
                "name": user.name,
                "displayName": user.display_name,
            },
            "challenge": challenge.to_text(),
            "pubKeyCredParams": parameters,
            "timeout": self.timeout_millis(),
            "excludeCredentials": descriptors(exclude),
            "authenticatorSelection": {
                // A credential that is not discoverable can't log in without a username.
                "residentKey": "required",
                // The same, for clients of level 1.
                "requireResidentKey": true,
                "userVerification": verification.as_str(),
            },
            "attestation": "none",
        });
        options.to_string()
    }

    /// The options to log in with whatever credential the user chooses: the browser shows those that it has for us.
    pub fn login_options(&self, challenge: &Challenge, verification: UserVerification) -> String {
        self.request_options(challenge, verification, None)
    }

    /// The options to prove one of these credentials by.
    pub fn second_factor_options(
        &self,
        challenge: &Challenge,
        allow: &[Descriptor<'_>],
        verification: UserVerification,
    ) -> String {
        self.request_options(challenge, verification, Some(descriptors(allow)))
    }

    fn request_options(
        &self,
        challenge: &Challenge,
        verification: UserVerification,
        allow: Option<Vec<Value>>,
    ) -> String {
        let mut options = json!({
            "challenge": challenge.to_text(),
            "timeout": self.timeout_millis(),
            "rpId": self.id(),
            "userVerification": verification.as_str(),
        });
        if let Some(allow) = allow {
            options["allowCredentials"] = allow.into();
        }
        options.to_string()
    }
}

fn descriptors(credentials: &[Descriptor<'_>]) -> Vec<Value> {
    let descriptor = |credential: &Descriptor<'_>| {
        let mut descriptor =
            json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(credential.id) });
        if !credential.transports.is_empty() {
            descriptor["transports"] = credential.transports.into();
        }
        descriptor
    };
    credentials.iter().map(descriptor).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::relying_party_tests::example, *};

    fn parsed(options: &str) -> Value {
        serde_json::from_str(options).unwrap()
    }

    #[test]
    fn creation_options_are_what_browsers_parse() {
        let (challenge, handle) =
            (Challenge::from_bytes([0xff; 32]), UserHandle::from_bytes([1; 64]));
        let user = User { handle: &handle, name: "ada", display_name: "Ada" };
        let transports = ["internal".to_owned()];
        let exclude = [
            Descriptor { id: &[0xfb; 3], transports: &transports },
            Descriptor { id: &[2; 2], transports: &[] },
        ];
        let options =
            example().creation_options(&challenge, &user, &exclude, UserVerification::Preferred);
        let expected = json!({
            "rp": { "id": "example.org", "name": "Example" },
            "user": { "id": URL_SAFE_NO_PAD.encode([1; 64]), "name": "ada", "displayName": "Ada" },
            "challenge": "__________________________________________8",
            "pubKeyCredParams": [
                { "type": "public-key", "alg": -8 },
                { "type": "public-key", "alg": -7 },
                { "type": "public-key", "alg": -257 },
            ],
            "timeout": 300_000,
            "excludeCredentials": [
                { "type": "public-key", "id": "-_v7", "transports": ["internal"] },
                { "type": "public-key", "id": "AgI" },
            ],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "preferred",
            },
            "attestation": "none",
        });
        assert_eq!(parsed(&options), expected);
    }

    #[test]
    fn a_login_names_no_credential_and_a_second_factor_names_those_of_the_user() {
        let challenge = Challenge::from_bytes([0; 32]);
        let login = parsed(&example().login_options(&challenge, UserVerification::Required));
        let expected = json!({
            "challenge": "A".repeat(43), "timeout": 300_000, "rpId": "example.org", "userVerification": "required",
        });
        assert_eq!(login, expected);
        let allow = [Descriptor { id: &[0], transports: &[] }];
        let factor =
            example().second_factor_options(&challenge, &allow, UserVerification::Discouraged);
        let factor = parsed(&factor);
        assert_eq!(factor["allowCredentials"], json!([{ "type": "public-key", "id": "AA" }]));
        assert_eq!(factor["userVerification"], "discouraged");
    }
}
