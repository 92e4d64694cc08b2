//! Accepted and refused strings, each as libpq 17 (by its source) does, or better.

use std::time::Duration;

use sqlx::postgres::PgSslMode;

use super::*;

fn parse(url: &str) -> ConnectionString {
    ConnectionString::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refused(url: &str) -> String {
    ConnectionString::parse(url).map(|_| ()).unwrap_err().to_string()
}

/// The password that sqlx would send: it has no getter, and its `Debug` shows it.
fn password(string: &ConnectionString) -> String {
    let debug = format!("{:?}", string.hosts[0]);
    let value = debug.split("password: Some(\"").nth(1).and_then(|rest| rest.split("\"),").next());
    value.unwrap_or_default().to_owned()
}

fn places(url: &str) -> Vec<String> {
    parse(url).hosts.iter().map(host_of).collect()
}

#[test]
fn hosts_are_read_as_libpq_reads_them() {
    for (url, expected) in [
        ("postgres://db/auth", &["db:5432"][..]),
        ("postgresql://u:p@db:6543/auth", &["db:6543"]),
        ("postgres://u:p@[::1]:5433/auth", &["[::1]:5433"]),
        ("postgres://u:p@[2001:db8::1]/auth", &["[2001:db8::1]:5432"]),
        ("postgres://u@/auth?host=/var/run/postgresql", &["/var/run/postgresql:5432"]),
        ("postgres://u@/auth?host=/run/pg&port=5499", &["/run/pg:5499"]),
        ("postgres://u@%2Frun%2Fpg:5499/auth", &["/run/pg:5499"]),
        ("postgres:///auth?host=db", &["db:5432"]),
        ("postgres://ignored/auth?host=/run/pg", &["/run/pg:5432"]),
        ("postgres://h1:1,[::2]:2,h3/auth", &["h1:1", "[::2]:2", "h3:5432"]),
        ("postgres://u:p@h1,h2:6000/auth", &["h1:5432", "h2:6000"]),
        ("postgres:///auth?host=h1,h2&port=6000", &["h1:6000", "h2:6000"]),
        ("postgres:///auth?host=h1,h2&port=6000,6001", &["h1:6000", "h2:6001"]),
        ("postgres://db/auth?hostaddr=10.0.0.7", &["10.0.0.7:5432"]),
        ("postgres://db/auth?hostaddr=::1", &["[::1]:5432"]),
        ("postgres://db-1.eu_west.example.com./auth", &["db-1.eu_west.example.com.:5432"]),
    ] {
        assert_eq!(places(url), expected, "{url}");
    }
}

#[test]
fn user_database_and_the_rest_reach_the_driver() {
    let string = parse(
        "postgres://al%40ice:p@db/my%20db?application_name=x&connect_timeout=1&target_session_attrs=any",
    );
    let options = &string.hosts[0];
    assert_eq!((options.get_username(), options.get_database()), ("al@ice", Some("my db")));
    assert_eq!(options.get_application_name(), Some("x"));
    assert_eq!(string.connect_timeout, Some(Duration::from_secs(2)));
    assert_eq!(string.target, TargetSessionAttrs::Any);
    let plain = parse("postgres://db/auth");
    assert_eq!(plain.hosts[0].get_application_name(), Some("countersign"));
    assert_eq!((plain.connect_timeout, plain.target), (None, TargetSessionAttrs::ReadWrite));
    let later = parse("postgres://u@h/a?dbname=b&user=v&password=w&connect_timeout=0");
    assert_eq!((later.hosts[0].get_username(), later.hosts[0].get_database()), ("v", Some("b")));
    assert_eq!((password(&later).as_str(), later.connect_timeout), ("w", None));
}

#[test]
fn settings_of_the_session_go_into_the_options() {
    for (url, expected) in [
        ("postgres://h/a?search_path=auth", "-c search_path=auth"),
        ("postgres://h/a?schema=auth", "-c search_path=auth"),
        ("postgres://h/a?currentSchema=auth,public", "-c search_path=auth,public"),
        (
            "postgres://h/a?options=-csearch_path%3Dauth%20-c%20jit%3Doff",
            "-csearch_path=auth -c jit=off",
        ),
        ("postgres://h/a?options=endpoint%3Dep-1", "endpoint=ep-1"),
        ("postgres://h/a?options[jit]=off", "-c jit=off"),
        ("postgres://h/a?options=-cjit%3Doff&search_path=a%20b", "-cjit=off -c search_path=a\\ b"),
    ] {
        let string = parse(url);
        assert_eq!(string.hosts[0].get_options(), Some(expected), "{url}");
        assert!(!string.session_settings.is_empty(), "{url}");
    }
    assert!(parse("postgres://h/a").session_settings.is_empty());
}

#[test]
fn passwords_work_as_they_were_pasted() {
    for (written, meant) in [
        ("secret", "secret"),
        ("p%23q", "p#q"),
        ("p#q", "p#q"),
        ("p@q", "p@q"),
        ("@@", "@@"),
        ("p/q", "p/q"),
        ("12/q", "12/q"),
        ("p?q", "p?q"),
        ("p/q?r#s@t:u", "p/q?r#s@t:u"),
        ("p:q", "p:q"),
        ("p+q&r=s", "p+q&r=s"),
        ("p%2Fq%40", "p/q@"),
        ("pässwörd", "pässwörd"),
        ("[x],y", "[x],y"),
        ("a b", "a b"),
    ] {
        for rest in
            ["db:6000/auth?sslmode=disable", "db:6000/auth", "[::1]:6000", "h1,h2:6000/auth"]
        {
            let string = parse(&format!("postgres://user:{written}@{rest}"));
            assert_eq!(password(&string), meant, "{written}");
            assert_eq!(string.hosts[0].get_username(), "user", "{written}");
            assert!(!string.place().contains(meant), "{}", string.place());
        }
    }
    // Azure prints the server's name behind the user's.
    let azure = parse("postgres://user@server:secret@db.example/auth");
    assert_eq!(
        (azure.hosts[0].get_username(), password(&azure).as_str()),
        ("user@server", "secret")
    );
    // An `@` in a parameter does not end the credentials.
    let mail = parse("postgres://u:p@db/auth?application_name=me@example.com");
    assert_eq!(
        (places("postgres://db?user=a@b.example"), password(&mail)),
        (vec!["db:5432".into()], "p".into())
    );
}

#[test]
fn tls_means_what_it_means_in_libpq() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n").unwrap();
    let authority = format!("sslrootcert={}", file.display());
    for (parameters, expected) in [
        ("", "Prefer"),
        ("ssl=true", "Require"),
        ("sslmode=disable", "Disable"),
        ("sslmode=require", "Require"),
        (&format!("sslmode=require&{authority}"), "VerifyCa"),
        (&format!("sslmode=prefer&{authority}"), "Prefer"),
        (&format!("sslmode=verify-full&{authority}"), "VerifyFull"),
        ("sslmode=verify-full", "VerifyFull"),
        ("sslrootcert=system", "VerifyFull"),
        ("sslmode=verify-full&sslrootcert=system", "VerifyFull"),
        ("sslmode=require&host=/run/pg", "Disable"),
        ("channel_binding=prefer&gssencmode=disable&sslnegotiation=postgres&sslsni=1", "Prefer"),
    ] {
        let mode = parse(&format!("postgres://h/a?{parameters}")).hosts[0].get_ssl_mode();
        assert_eq!(format!("{mode:?}"), expected, "{parameters}");
        assert!(matches!(PgSslMode::default(), PgSslMode::Prefer));
    }
}

#[test]
fn what_is_not_supported_is_named_with_what_to_write_instead_and_without_its_value() {
    for (parameters, name, instead) in [
        ("channel_binding=require", "channel_binding", "sslmode=verify-full"),
        ("sslpassword=hunter2", "sslpassword", "openssl pkey"),
        ("passfile=/hunter2", "passfile", "PGPASSFILE"),
        ("sslmode=allow", "sslmode=allow", "prefer"),
        ("sslmode=hunter2", "sslmode", "verify-full"),
        ("ssl=hunter2", "ssl", "sslmode=disable"),
        ("sslrootcert=system&sslmode=require", "sslrootcert=system", "sslmode=verify-full"),
        ("sslrootcert=/hunter2/nowhere", "sslrootcert", "cannot be read"),
        ("sslcert=/hunter2", "sslcert and sslkey", "together"),
        ("target_session_attrs=standby", "target_session_attrs", "read-write"),
        ("pgbouncer=true", "pgbouncer", "leave it out"),
        ("connection_limit=1", "connection_limit", "COUNTERSIGN_DATABASE_CONNECTIONS"),
        ("client_encoding=latin1", "client_encoding", "UTF8"),
        ("connect_timeout=hunter2", "connect_timeout", "seconds"),
        ("port=hunter2", "port", "65535"),
        ("port=0", "port", "65535"),
        ("hostaddr=hunter2", "hostaddr", "host"),
        ("hostaddr=10.0.0.1&sslmode=verify-full", "hostaddr", "host alone"),
        ("host=a,b&port=1,2,3", "port", "one for each"),
        ("statement-cache-capacity=0", "statement-cache-capacity", "leave it out"),
        ("keepalives_idle=30", "keepalives_idle", "leave it out"),
        ("made_up=hunter2", "made_up", "leave it out"),
        ("options=%zzhunter2", "options", "%25"),
        ("hunter2", "parameter 1", "name=value"),
    ] {
        for credentials in ["", "user:hunter2@"] {
            let text = refused(&format!("postgres://{credentials}h/a?{parameters}"));
            assert!(text.contains(name) && text.contains(instead), "{parameters}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}

#[test]
fn what_cannot_be_read_tells_how_to_escape_and_nothing_of_itself() {
    for url in [
        "postgres://user:hunter%2@db/auth",
        "postgres://user:%zzhunter2@db/auth",
        "postgres://user:hunter2%00@db/auth",
        "postgres://user:hunter2/db",
        "postgres://user:hunter2@db:port/auth",
        "postgres://user:pass@hun ter2/auth",
        "postgres://user:x@hunter2:99999/auth",
        "postgres://user:pass@[::hunter2/auth",
        "postgres://u:p@h/a?x@hunter2=y",
        "postgre://user:hunter2@db",
        "user:hunter2@db",
    ] {
        let text = refused(url);
        assert!(!text.contains("hunter") && !text.contains("ter2"), "{text}");
        assert!(
            text.contains("must") || text.contains("%25") || text.contains("parameter 1"),
            "{text}"
        );
    }
}

#[test]
fn debug_shows_where_it_is_and_nothing_else() {
    let string = parse("postgres://hunter2:hunter3@h1,h2/a?options=-chunter4%3D1");
    assert_eq!(format!("{string:?}"), "ConnectionString(\"postgres://h1:5432,h2:5432/a\")");
}

#[test]
fn an_encrypted_key_and_a_file_that_is_none_are_noticed_before_any_connection() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = write("cert.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    let key = write("key.pem", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n");
    let sealed = write("sealed.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    let none = write("none.pem", "nothing");
    parse(&format!("postgres://h/a?sslcert={certificate}&sslkey={key}"));
    let text = refused(&format!("postgres://h/a?sslcert={certificate}&sslkey={sealed}"));
    assert!(text.contains("sslkey is encrypted"), "{text}");
    let text = refused(&format!("postgres://h/a?sslrootcert={none}"));
    assert!(text.contains("sslrootcert is not PEM"), "{text}");
}
