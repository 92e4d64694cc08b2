//! TLS settings: what is forgotten, what is of no use, and plaintext that crosses a network.

use super::{setting::Setting, settings as name, values::tests::settings, *};
use crate::listen::tls::{ClientAuth, MinVersion};

/// Settings of production, and these.
fn parse(given: &[(Setting, &str)]) -> Result<Config, Vec<(String, String)>> {
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let production = [
        (name::DATABASE_URL.name, "postgres://localhost/x"),
        (name::MASTER_KEY.name, key.as_str()),
        (name::DELIVERY.name, "log"),
        (token_settings::ISSUER.name, "https://auth.example.com"),
    ];
    let given = given.iter().map(|(setting, value)| (setting.name, *value));
    let given: Vec<_> = production.into_iter().chain(given).collect();
    let told = |problems: Problems| {
        problems.0.into_iter().map(|problem| (problem.setting, problem.text)).collect()
    };
    Config::parse(&settings(&[], &given)).map_err(told)
}

fn listen(given: &[(Setting, &str)]) -> Listen {
    parse(given).unwrap().listen
}

const CERT: (Setting, &str) = (tls_settings::TLS_CERT, "/tls/tls.crt");
const KEY: (Setting, &str) = (tls_settings::TLS_KEY, "/tls/tls.key");
const CA: (Setting, &str) = (tls_settings::TLS_CLIENT_CA, "/tls/ca.crt");
const REQUIRED: (Setting, &str) = (tls_settings::TLS_CLIENT_AUTH, "required");

#[test]
fn http_is_as_grpc_where_nothing_else_is_said() {
    let listen = listen(&[CERT, KEY, CA, REQUIRED]);
    assert_eq!(listen.grpc_tls, listen.http_tls);
    let tls = listen.grpc_tls.unwrap();
    assert_eq!((tls.client_auth, tls.min_version), (ClientAuth::Required, MinVersion::Tls12));
}

#[test]
fn http_can_do_without_tls_or_without_client_certificates() {
    let off = listen(&[CERT, KEY, CA, REQUIRED, (tls_settings::HTTP_TLS, "off")]);
    assert!(off.grpc_tls.is_some() && off.http_tls.is_none());
    let asks_nobody =
        listen(&[CERT, KEY, CA, REQUIRED, (tls_settings::HTTP_TLS_CLIENT_AUTH, "off")]);
    let (grpc, http) = (asks_nobody.grpc_tls.unwrap(), asks_nobody.http_tls.unwrap());
    assert_eq!((grpc.client_auth, http.client_auth), (ClientAuth::Required, ClientAuth::Off));
    assert_eq!(grpc.certificate, http.certificate);
    let own =
        [(tls_settings::HTTP_TLS_CERT, "/http.crt"), (tls_settings::HTTP_TLS_KEY, "/http.key")];
    let own =
        listen(&[&[CERT, KEY, (tls_settings::HTTP_TLS_MIN_VERSION, "1.3")][..], &own].concat());
    let http = own.http_tls.unwrap();
    assert_eq!(http.certificate.to_str(), Some("/http.crt"));
    assert_eq!(http.min_version, MinVersion::Tls13);
    let http_alone =
        listen(&[(tls_settings::HTTP_TLS_CERT, "/a"), (tls_settings::HTTP_TLS_KEY, "/b")]);
    assert!(http_alone.grpc_tls.is_none() && http_alone.http_tls.is_some());
}

/// An upgrade opens nothing: where callers of HTTP show less, RPCs are there only if that is said.
#[test]
fn rpcs_are_over_http_where_it_asks_for_as_much_as_grpc() {
    let asks_nobody = (tls_settings::HTTP_TLS_CLIENT_AUTH, "off");
    let mutual = [CERT, KEY, CA, REQUIRED];
    let off = (tls_settings::HTTP_TLS, "off");
    for (given, expected) in [
        (&[][..], true),
        (&[CERT, KEY], true),
        (&mutual, true),
        (&[&mutual[..], &[asks_nobody]].concat(), false),
        (&[CERT, KEY, off], false),
        (&[CERT, KEY, off, (name::HTTP_RPCS, "on")], true),
        (&[(name::HTTP_RPCS, "off")], false),
    ] {
        assert_eq!(listen(given).http_rpcs, expected, "{given:?}");
    }
}

#[test]
fn one_address_has_one_certificate() {
    let both = [(name::GRPC_ADDR, "127.0.0.1:50051"), (name::HTTP_ADDR, "127.0.0.1:50051")];
    assert!(listen(&[&[CERT, KEY][..], &both].concat()).is_one_address());
    let off = [&[CERT, KEY, (tls_settings::HTTP_TLS, "off")][..], &both].concat();
    assert_eq!(parse(&off).unwrap_err()[0].0, tls_settings::HTTP_TLS.name);
}

#[test]
fn what_is_missing_or_of_no_use_is_named() {
    for (given, setting, words) in [
        (&[CERT][..], tls_settings::TLS_KEY, "must be set beside COUNTERSIGN_TLS_CERT"),
        (&[KEY], tls_settings::TLS_CERT, "must be set beside COUNTERSIGN_TLS_KEY"),
        (&[CERT, KEY, REQUIRED], tls_settings::TLS_CLIENT_CA, "must be set with"),
        (
            &[CERT, KEY, CA],
            tls_settings::TLS_CLIENT_CA,
            "is of use with COUNTERSIGN_TLS_CLIENT_AUTH=",
        ),
        (&[REQUIRED], tls_settings::TLS_CLIENT_AUTH, "is of use with COUNTERSIGN_TLS_CERT only"),
        (&[(tls_settings::HTTP_TLS, "on")], tls_settings::HTTP_TLS, "COUNTERSIGN_TLS_CERT"),
        (
            &[
                CERT,
                KEY,
                (tls_settings::HTTP_TLS, "off"),
                (tls_settings::HTTP_TLS_CLIENT_AUTH, "off"),
            ],
            tls_settings::HTTP_TLS_CLIENT_AUTH,
            "is of no use with COUNTERSIGN_HTTP_TLS=off",
        ),
        (
            &[CERT, KEY, (tls_settings::HTTP_TLS_CERT, "/a")],
            tls_settings::HTTP_TLS_KEY,
            "must be set beside",
        ),
        (
            &[CERT, KEY, (tls_settings::TLS_MIN_VERSION, "1.1")],
            tls_settings::TLS_MIN_VERSION,
            "1.2 or 1.3",
        ),
        (
            &[CERT, KEY, (tls_settings::TLS_CLIENT_AUTH, "on")],
            tls_settings::TLS_CLIENT_AUTH,
            "optional",
        ),
        (&[(name::GRPC_ADDR, "unix:run/x")], name::GRPC_ADDR, "unix:///run/"),
    ] {
        let problems = parse(given).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].0, setting.name);
        assert!(problems[0].1.contains(words), "{problems:?}");
    }
}

#[test]
fn plaintext_crosses_a_network_in_production_only_where_it_is_asked_for_by_name() {
    let wide = [(name::GRPC_ADDR, "10.0.0.11:50051"), (name::HTTP_ADDR, "[::]:8080")];
    let with = |more: &[(Setting, &'static str)]| [&wide[..], more].concat();
    let problems = parse(&wide).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    for ((setting, text), (of, address)) in problems.iter().zip(wide) {
        assert_eq!(setting, of.name);
        for word in [address, "plaintext", "COUNTERSIGN_TLS_CERT", "COUNTERSIGN_PLAINTEXT=on"] {
            assert!(text.contains(word), "{text}");
        }
    }
    parse(&with(&[(name::PLAINTEXT, "on")])).unwrap();
    parse(&with(&[CERT, KEY])).unwrap();
    let http = parse(&with(&[CERT, KEY, (tls_settings::HTTP_TLS, "off")])).unwrap_err();
    assert_eq!((http.len(), http[0].0.as_str()), (1, name::HTTP_ADDR.name));
    assert!(http[0].1.contains("leave out COUNTERSIGN_HTTP_TLS=off"), "{http:?}");
    parse(&with(&[CERT, KEY, (tls_settings::HTTP_TLS, "off"), (name::PLAINTEXT, "on")])).unwrap();
    // A certificate that is only half given is the problem.
    let half = parse(&with(&[CERT])).unwrap_err();
    assert_eq!((half.len(), half[0].0.as_str()), (1, tls_settings::TLS_KEY.name));
    let local = [(name::GRPC_ADDR, "unix:///run/countersign.sock"), (name::HTTP_ADDR, "[::1]:80")];
    parse(&local).unwrap();
}

#[test]
fn in_development_plaintext_is_as_it_was() {
    let wide = (name::GRPC_ADDR.name, "0.0.0.0:50051");
    Config::parse(&settings(&[], &[wide])).unwrap();
    let refused = [wide, (name::PLAINTEXT.name, "off")];
    Config::parse(&settings(&[], &refused)).map(|_| ()).unwrap_err();
}

#[test]
fn serve_looks_at_the_files_and_other_commands_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tls.crt");
    std::fs::write(&path, "").unwrap();
    let given = [
        (tls_settings::TLS_CERT.name, path.to_str().unwrap()),
        (tls_settings::TLS_KEY.name, "/nowhere/tls.key"),
        (account_settings::TOTP_ISSUER.name, "a:b"),
    ];
    let only_shape = Config::parse(&settings(&[], &given)).map(|_| ()).unwrap_err();
    assert_eq!(only_shape.0.len(), 1, "{only_shape}");
    let all = Config::parse_to_serve(&settings(&[], &given)).map(|_| ()).unwrap_err();
    let names: Vec<_> = all.0.iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(names, [account_settings::TOTP_ISSUER.name, tls_settings::TLS_KEY.name], "{all}");
    let no_key = [
        (tls_settings::TLS_CERT.name, path.to_str().unwrap()),
        (tls_settings::TLS_KEY.name, path.to_str().unwrap()),
    ];
    let empty = Config::parse_to_serve(&settings(&[], &no_key)).map(|_| ()).unwrap_err();
    assert_eq!(
        (empty.0[0].setting.as_str(), empty.0[0].text.as_str()),
        (tls_settings::TLS_CERT.name, "is empty")
    );
}
