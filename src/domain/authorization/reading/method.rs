//! The methods that an upstream may take for a request's: its own, and those that headers and the query name in its place.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::unclear::{Unclear, add};

/// The most methods that a request may name beside its own. Whoever means one names one, and each takes a look at all rules.
const MOST: usize = 4;

/// The most times that a part of a query is decoded.
const DECODINGS: usize = 4;

/// Parameters that name a method, with `_` for whatever is neither a letter nor a digit, and without those at the ends: that of most
/// frameworks is `_method`, and ASP.NET reads the header's name.
const PARAMETERS: [&str; 4] =
    ["method", "x_http_method", "x_http_method_override", "x_method_override"];

/// The request's own method, and those that a server may take in its place, each in capitals as well.
pub(super) fn readings<'a>(
    own: &'a str,
    in_headers: &'a [&'a str],
    queries: impl Iterator<Item = &'a str>,
) -> Result<Vec<Cow<'a, str>>, Unclear> {
    if own.is_empty() {
        return Err(Unclear("the request has no method"));
    }
    let mut methods = Vec::with_capacity(1);
    add_with_capitals(&mut methods, own.into());
    let in_headers = in_headers.iter().flat_map(|value| value.split(',')).map(Cow::from);
    let in_queries = queries.flat_map(|query| query.split(['&', ';'])).filter_map(named_by);
    let named = in_headers.chain(in_queries).filter(|text| !text.trim().is_empty());
    for (number, text) in (1..).zip(named) {
        if number > MOST {
            return Err(Unclear("the request names many methods"));
        }
        let method = text.trim();
        if !method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-') {
            return Err(Unclear("the request names a method that is none"));
        }
        add_with_capitals(&mut methods, method.to_owned().into());
    }
    Ok(methods)
}

fn add_with_capitals<'a>(to: &mut Vec<Cow<'a, str>>, method: Cow<'a, str>) {
    if method.bytes().any(|b| b.is_ascii_lowercase()) {
        let capitals = method.to_ascii_uppercase().into();
        add(to, method);
        add(to, capitals);
    } else {
        add(to, method);
    }
}

/// The method that a parameter of a query names, if it is one that does.
fn named_by(parameter: &str) -> Option<Cow<'_, str>> {
    let (name, value) = parameter.split_once('=')?;
    names_method(&decoded(name)).then(|| decoded(value).into())
}

/// PHP takes other characters than `_` for one, and some frameworks do not tell capitals apart.
fn names_method(parameter: &str) -> bool {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = parameter.chars().map(plain).collect();
    let inner = name.trim_matches('_');
    // `method` alone is a parameter like others.
    PARAMETERS.contains(&inner) && (inner != "method" || name.starts_with('_'))
}

/// As servers read forms, and as those do that decode more than once.
fn decoded(text: &str) -> String {
    let mut text = text.replace('+', " ");
    for _ in 0..DECODINGS {
        if !text.contains('%') {
            break;
        }
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(named: &'a [&'a str], query: &'a str) -> Result<Vec<Cow<'a, str>>, Unclear> {
        readings("POST", named, [query].into_iter())
    }

    #[test]
    fn every_method_that_is_named_is_read() {
        let methods = of(&["PUT, ,patch"], "x=1&_method=delete").unwrap();
        assert_eq!(methods, ["POST", "PUT", "patch", "PATCH", "delete", "DELETE"]);
        assert_eq!(of(&[""], "_method=&_method").unwrap(), ["POST"]);
        assert_eq!(readings("get", &[], [].into_iter()).unwrap(), ["get", "GET"]);
        assert!(readings("", &[], [].into_iter()).is_err());
    }

    #[test]
    fn a_parameter_is_read_in_every_spelling_that_a_server_takes_for_it() {
        for query in [
            "_method=DELETE",
            "a=1&_method=DELETE&b",
            "a=1;_method=DELETE",
            "%5Fmethod=DELETE",
            "%255fmethod=DELETE",
            "_m%65thod=DELETE",
            "_METHOD=DELETE",
            ".method=DELETE",
            "+_method=DELETE",
            "_method[]=DELETE",
            "_method%00=DELETE",
            "_method=%44ELETE",
            "_method=%2544ELETE",
            "_method=+DELETE%20",
            "X-HTTP-Method-Override=DELETE",
        ] {
            assert_eq!(of(&[], query).unwrap(), ["POST", "DELETE"], "{query}");
        }
        for query in ["method=card", "a_method=x", "_methods=x", "x=_method=DELETE", "_method"] {
            assert_eq!(of(&[], query).unwrap(), ["POST"], "{query}");
        }
    }

    #[test]
    fn what_is_no_method_and_what_is_too_many_has_no_reading() {
        for query in ["_method=DELETE%00", "_method=%ff", "_method=1", "_method=GET%2CPUT"] {
            assert!(of(&[], query).is_err(), "{query}");
        }
        assert!(of(&["DELETE x"], "").is_err());
        assert!(of(&["PUT,PUT", "PUT"], "_method=PUT").is_ok());
        assert!(of(&["PUT,PUT", "PUT"], "_method=PUT&_method=PUT").is_err());
    }

    /// No more of them is looked at than is allowed, however many there are.
    #[test]
    fn a_head_full_of_methods_is_refused() {
        let names: Vec<_> =
            ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("{a}{b}"))).collect();
        let header = names.join(",").repeat(30);
        assert!(header.len() > 60_000 && of(&[&header], "").is_err());
        let query =
            names.iter().map(|name| format!("_method={name}&")).collect::<String>().repeat(9);
        assert!(query.len() > 60_000 && of(&[], &query).is_err());
    }
}
