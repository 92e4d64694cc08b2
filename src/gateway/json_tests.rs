//! What is no JSON of a message, and what is said of it.

use super::*;
use crate::gateway::contract::CONTRACT;

fn message(rpc: &str) -> MessageDescriptor {
    CONTRACT.rpc(&format!("/auth.v1.{rpc}")).unwrap().input.clone()
}

fn register(text: impl AsRef<[u8]>) -> Result<Map<String, Value>, InvalidField> {
    read(&message("AuthService/Register"), text.as_ref())
}

/// The field that is refused, and why.
fn refused(rpc: &str, text: impl AsRef<[u8]>) -> (String, String) {
    let InvalidField { field, problem, .. } = read(&message(rpc), text.as_ref()).unwrap_err();
    (field.into_owned(), problem)
}

#[test]
fn both_spellings_are_taken_and_values_stay_as_they_are() {
    for text in [
        r#"{"requestId": "a", "twoFactor": true}"#,
        r#"{"request_id": "a", "two_factor": true}"#,
        " \t\r\n{\"request_id\": \"a\", \"twoFactor\": true}\n",
        r#"{"request\u0049d": "\u0061", "twoFactor": true}"#,
    ] {
        let members = register(text).unwrap();
        let values: Vec<_> = members.values().collect();
        assert_eq!(values, [&Value::from("a"), &Value::from(true)], "{text}");
    }
    assert_eq!(register("{}").unwrap(), Map::new());
    let twice = r#"{"username": "\u0000\ud83d\ude00"}"#;
    assert_eq!(register(twice).unwrap()["username"], "\0\u{1f600}");
}

#[test]
fn a_field_that_is_there_twice_is_refused_by_its_name_in_any_spelling() {
    for (text, name) in [
        (r#"{"username": "a", "username": "b"}"#, "username"),
        (r#"{"username": "a", "email": "", "username": "a"}"#, "username"),
        (r#"{"username": "a", "\u0075sername": "b"}"#, "username"),
        (r#"{"requestId": "a", "request_id": "b"}"#, "request_id"),
        (r#"{"request_id": "a", "requestId": "b"}"#, "requestId"),
        (r#"{"requestId": null, "request_id": "b"}"#, "request_id"),
        (r#"{"twoFactor": true, "two_factor": true}"#, "two_factor"),
    ] {
        let (field, problem) = refused("AuthService/Register", text);
        assert_eq!((&*field, problem.contains("twice")), (name, true), "{text}: {problem}");
    }
    // Also within: in a message, in a list, and where any member is good.
    for (rpc, text, name) in [
        (
            "AccountService/DeleteMe",
            r#"{"secondFactor": {"totpCode": "1", "totp_code": "2"}}"#,
            "secondFactor.totp_code",
        ),
        (
            "AdminService/CreateUser",
            r#"{"user": {"metadata": {"a": {"b": [{"c": 1, "c": 2}]}}}}"#,
            "user.metadata.a.b[0].c",
        ),
        (
            "AdminService/ImportUsers",
            r#"{"users": [{}, {"username": "a", "username": "b"}]}"#,
            "users[1].username",
        ),
    ] {
        let (field, problem) = refused(rpc, text);
        assert_eq!((&*field, problem.contains("twice")), (name, true), "{text}: {problem}");
    }
    // Where any member is good, two spellings are two members.
    let members = r#"{"user": {"metadata": {"request_id": 1, "requestId": 2}}}"#;
    assert!(read(&message("AdminService/CreateUser"), members.as_bytes()).is_ok());
}

#[test]
fn an_unknown_field_is_refused_by_its_name() {
    let long = "x".repeat(1000);
    for (text, name) in [
        (r#"{"user": "a"}"#.to_owned(), "user".to_owned()),
        (r#"{"Username": "a"}"#.to_owned(), "Username".to_owned()),
        (r#"{"username ": "a"}"#.to_owned(), "username ".to_owned()),
        (r#"{"": "a"}"#.to_owned(), String::new()),
        (r#"{"__proto__": {}}"#.to_owned(), "__proto__".to_owned()),
        (r#"{"[auth.v1.x]": 1}"#.to_owned(), "[auth.v1.x]".to_owned()),
        (r#"{"@type": "x"}"#.to_owned(), "@type".to_owned()),
        // A line end would be one in a log, too.
        (r#"{"a\r\nb\u0000\u0085c": 1}"#.to_owned(), "abc".to_owned()),
        (format!(r#"{{"{long}": 1}}"#), "x".repeat(NAME)),
    ] {
        let (field, problem) = refused("AuthService/Register", &text);
        assert_eq!((field, problem.contains("no field")), (name, true), "{text}");
    }
    let (field, _) = refused("AccountService/DeleteMe", r#"{"secondFactor": {"otpCode": "1"}}"#);
    assert_eq!(field, "secondFactor.otpCode");
}

#[test]
fn what_is_no_json_is_refused_and_not_repeated() {
    let nested = format!(r#"{{"user": {{"metadata": {}{}}}}}"#, "[".repeat(500), "]".repeat(500));
    for text in [
        &b""[..],
        b" ",
        b"{",
        b"{\"username\"}",
        b"{\"username\": }",
        b"{\"username\": \"canary\"",
        b"{\"username\": \"canary\",}",
        b"{\"username\": \"canary\"} {}",
        b"{\"username\": \"canary\"}x",
        b"{\"username\": \"canary\"}\0",
        b"{'username': 'canary'}",
        b"{username: \"canary\"}",
        b"{\"username\": canary}",
        b"// canary\n{}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"{\"username\": \"canary\xff\"}",
        b"{\"user\xc0\xaename\": \"canary\"}",
        b"{\"username\": \"\xed\xa0\x80\"}",
        b"{\"username\": \"\\ud800canary\"}",
        b"{\"username\": \"\\udc00canary\"}",
        b"{\"username\": \"\\ud800\\ud800canary\"}",
        b"{\"username\": \"\\x41canary\"}",
        b"{\"username\": \"canary\n\"}",
        b"{\"username\": 1e400}",
        b"{\"username\": NaN}",
        b"{\"username\": Infinity}",
        b"{\"username\": 01}",
        b"{\"username\": +1}",
        b"{\"username\": .5}",
        b"{\"username\": 0x10}",
    ] {
        let (field, problem) = refused("AuthService/Register", text);
        assert_eq!(field, "body", "{text:?}");
        assert!(problem.contains("at line "), "{text:?}: {problem}");
        assert!(!problem.contains("canary"), "{problem}");
    }
    let (field, _) = refused("AdminService/CreateUser", &nested);
    assert_eq!(field, "body", "nested too deeply");
    for text in ["[]", "null", "\"canary\"", "1", "true", "[{}]"] {
        let (field, problem) = refused("AuthService/Register", text);
        assert_eq!((&*field, &*problem), ("body", "must be a JSON object"), "{text}");
    }
}

/// prost-reflect would take it for another second.
#[test]
fn a_leap_second_is_refused_and_named() {
    let filter = |time: &str| format!(r#"{{"filter": {{"createdFrom": "{time}"}}}}"#);
    for time in ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5+00:00", "2016-12-31t23:59:60z"] {
        let (field, problem) = refused("AdminService/ListUsers", filter(time));
        assert_eq!((&*field, &*problem), ("filter.createdFrom", LEAP_SECOND), "{time}");
    }
    let good = filter("2016-12-31T23:59:59.999999999Z");
    assert!(read(&message("AdminService/ListUsers"), good.as_bytes()).is_ok());
}

/// A body of the largest size must not cost more than its own length, over and over.
#[test]
fn the_path_of_a_member_has_an_end_however_deeply_it_is_nested() {
    let name = "n".repeat(NAME);
    let (open, close) = (format!(r#"{{"{name}":"#).repeat(100), "}".repeat(100));
    let text = format!(r#"{{"user": {{"metadata": {open}{{"a": 1, "a": 2}}{close}}}}}"#);
    let (field, problem) = refused("AdminService/CreateUser", text);
    assert!(problem.contains("twice"), "{problem}");
    assert!(field.starts_with("user.metadata.nnn") && field.len() < PATH + 2 * NAME, "{field}");
}
