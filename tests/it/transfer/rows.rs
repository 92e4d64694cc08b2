//! Rows to import. The hashes are of one password, made by the libraries named.

use countersign::pb::{HashParameters, UserRecord};

use crate::harness::unique;

/// The password of all these hashes.
pub const PASSWORD: &str = "plum harbour lantern 47!";

/// What made a hash, and the hash.
pub const HASHES: [(&str, &str); 14] = [
    ("Django 6.1", "pbkdf2_sha1$2000$u6KGgQle9aTDyWtbGZk67I$snOXN2tDUkPkM5GLZ2PD7GAIhQI="),
    (
        "Django 6.1, scrypt",
        "scrypt$1024$XBwUdgrCirgWflBWy39o0j$8$5$04o3b6KX6mNfGsTARkElneHlxXnzw2XG9u3jSsoEiGOGzQIOtsVjZ1McTDlMgdovzwwsLHPFqMcUP076N9oVKQ==",
    ),
    (
        "Django 6.1, argon2",
        "argon2$argon2id$v=19$m=1024,t=2,p=8$OWxNa3hKd2hyYTFlc3d2dmg0VlM0Zg$wLuBPgrS2v3CZqpMdf//nEMX4tz7MQIPuMMg0HcXuhI",
    ),
    ("argon2-cffi 25.1", "$argon2id$v=19$m=64,t=1,p=4$oDwBpG//mgs$5I+oMQMM+8NpgyS3mF8aJQ"),
    (
        "passlib 1.7.4, scrypt",
        "$scrypt$ln=8,r=8,p=1$fQ9BqBVC6F1LSeldC2EsJQ$cZizC3QoHxaedhakwJCBA9hKQ9v7H6c99iHjMZR+k00",
    ),
    (
        "Keycloak 26.4",
        r#"{"secretData":"{\"value\":\"DeDOh6AGwbm8y3PX0SCs7umPoKxH4fIA0Ea19f3r8R4IFjoCpbL5BFOypZNahWo4V+fCQcUj5ST8EWKaCZzhjg==\",\"salt\":\"AbjlnNMx5Pa4X56IabBkbQ==\",\"additionalParameters\":{}}","credentialData":"{\"hashIterations\":1000,\"algorithm\":\"pbkdf2-sha512\",\"additionalParameters\":{}}"}"#,
    ),
    ("passlib 1.7.4, md5-crypt", "$1$q1HUE8o5$owBb0E07plVoYnkYZegNF."),
    (
        "passlib 1.7.4, sha512-crypt",
        "$6$ogYm6qc3.vrQ05zg$demkQLz.noeDyzuhnrXOW9EE.FO3Pe.hgDQvIdIQqwLZvPuo3xO9hjuNB.DiWbtZy88Z5PO7ayrDdXr5CQ3LP1",
    ),
    ("WordPress 6.8", "$wp$2y$05$dGYgbr.WiZPkUv8xaNRv4uoLbh5MzxlKbpfGhuTvWEFdDPYICucY6"),
    ("phpass", "$P$6psjV96nmK.Y202IJ9KEfolm9h.t/q1"),
    ("LDAP", "{SSHA}JyvqClKOipMg+oLIA3jF0CqYm07lHGOs"),
    (
        "ASP.NET Identity",
        "AQAAAAEAACcQAAAAEM3SNqi3kQ5rS0wQgb1IS9AkDfpShOX5llDJR1EApqOSCX0GRaAWmJtWLRcs4JevGA==",
    ),
    (
        "passlib 1.7.4, bcrypt-sha256",
        "$bcrypt-sha256$2b,5$m65VhaJuhaULs1IetPxRje$5J2INP67hzHPckuqfDw8NyYA03zLY9O",
    ),
    (
        "Django 6.1, bcrypt_sha256",
        "bcrypt_sha256$$2b$05$MZH9yaTyHW00sLeNZgIyPedeELRgDDiA0hjyJ6E.re9XaCp3XkUFi",
    ),
];

/// A user of Firebase, whose hash needs what is not in it.
pub fn firebase() -> UserRecord {
    UserRecord {
        password_hash: "0r15L9lwGEh/apgu0vae1duC1EXUjgbbBio4xurxFUNchcd+RPrfTpMGBQui3dzRxhHjq8zGbVQNvYTqBkgykA==".into(),
        hash_parameters: Some(HashParameters {
            signer_key: "CzBVep/E6Q4zWH2ix+wRNluApcrvFDleg6jN8hc8YYar0PUaP2SJrtP4HUJnjLHW+yBFao+02f4jSG2St9wBJg==".into(),
            salt_separator: "Bw==".into(),
            rounds: 8,
            mem_cost: 14,
            salt: "YSBzYWx0IG9mIG1pbmUh".into(),
            pepper: String::new(),
        }),
        ..row()
    }
}

/// A user without a password, whose name no other row of this run has.
pub fn row() -> UserRecord {
    let username = unique("row");
    UserRecord { email: format!("{username}@example.com"), username, ..UserRecord::default() }
}

/// A user with that hash.
pub fn with_hash(hash: &str) -> UserRecord {
    UserRecord { password_hash: hash.to_owned(), ..row() }
}

/// A user with [`PASSWORD`].
pub fn with_password() -> UserRecord {
    with_hash(HASHES[0].1)
}
