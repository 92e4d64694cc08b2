//! The rules, and which one a request is decided by.

use std::collections::BTreeSet;

use super::{
    file,
    reading::{Readings, Request, Unclear},
    rule::Rule,
};

/// All rules, in order. What none of them matches is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    headers: Vec<String>,
}

/// What decides a request.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// This rule, which is the one of that number, from 1.
    Rule(usize, &'a Rule),
    /// No rule matches.
    Nothing,
    /// The request can be read in ways that different rules match.
    Ambiguous,
}

impl Rules {
    /// Parses the file.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rules = file::parse(text)?;
        let headers = rules.iter().flat_map(|rule| &rule.headers);
        let headers: BTreeSet<_> = headers.map(|(name, _)| name.clone()).collect();
        Ok(Self { rules, headers: headers.into_iter().collect() })
    }

    /// The first rule that matches the request, if it is the same in all its readings.
    ///
    /// # Errors
    /// A request without a reading.
    pub fn find(&self, request: &Request<'_>) -> Result<Found<'_>, Unclear> {
        let readings = Readings::of(request)?;
        let mut found =
            readings.iter().map(|of| self.rules.iter().position(|rule| rule.target.matches(&of)));
        let first = found.next().flatten();
        if found.any(|other| other != first) {
            return Ok(Found::Ambiguous);
        }
        Ok(first.map_or(Found::Nothing, |place| Found::Rule(place + 1, &self.rules[place])))
    }

    /// The headers that rules fill from claims: no caller's own may reach an upstream, whichever rule decides.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"{"rules": [
        {"path_prefix": "/admin", "roles": ["admin"]},
        {"path": "/orders/{id}", "methods": ["GET"], "access": "open"},
        {"path": "/orders/{id}", "methods": ["DELETE"], "roles": ["admin"]},
        {"path_prefix": "/", "methods": ["GET", "POST"]}
    ]}"#;

    /// The number of the rule; 0 where none matches, and -1 where the request is not clear.
    fn decided(method: &str, path: &str, other_methods: &[&str]) -> i64 {
        let (host, method, path) = (b"shop.example.org", method.as_bytes(), path.as_bytes());
        number(RULES, &Request { host, method, path, other_methods, other_paths: &[] })
    }

    fn number(rules: &str, request: &Request<'_>) -> i64 {
        match Rules::parse(rules).unwrap().find(request) {
            Ok(Found::Rule(number, _)) => i64::try_from(number).unwrap(),
            Ok(Found::Nothing) => 0,
            Ok(Found::Ambiguous) | Err(_) => -1,
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        for (method, path, expected) in [
            ("GET", "/admin", 1),
            ("GET", "/admin/users?x=1", 1),
            ("GET", "/orders/7", 2),
            ("GET", "/orders/AbC", 2),
            ("DELETE", "/orders/7", 3),
            ("POST", "/orders/7", 4),
            ("GET", "/adm", 4),
            ("PUT", "/orders/7", 0),
            ("DELETE", "/", 0),
        ] {
            assert_eq!(decided(method, path, &[]), expected, "{method} {path}");
        }
    }

    /// Each would pass by another rule than the one of what some upstream makes of it.
    #[test]
    fn no_rule_is_skipped_by_another_spelling() {
        for path in [
            "/Admin",
            "/ADMIN/users",
            "/%41dmin",
            "/adm\u{131}n",
            "/ADM%C4%B0N",
            "/admin;x=1/users",
            "/admin.",
            "/admin%20",
            "/admin%C2%A0",
            "/admin%3fx",
            "/admin%253fx",
            "/%2561dmin",
            "/admin;.%20",
            "/\u{212a}x/../admin",
            "//admin",
            "/./admin",
            "/x/../admin",
            "/x/%2e%2e/admin",
            "/x/..;/admin",
            "/admin%2fusers",
            "/admin%5cusers",
            "/admin%00",
            "/admin\\users",
        ] {
            assert_eq!(decided("GET", path, &[]), -1, "{path}");
        }
        // Without a difference in what decides there is nothing to refuse.
        for (path, expected) in
            [("/Orders.x", 4), ("/orders/7;v=1", 2), ("/orders/A.", 2), ("/admin/a;b/C.", 1)]
        {
            assert_eq!(decided("GET", path, &[]), expected, "{path}");
        }
    }

    #[test]
    fn no_rule_is_skipped_by_another_method() {
        assert_eq!(decided("GET", "/orders/7", &["DELETE"]), -1);
        assert_eq!(decided("GET", "/orders/7", &["delete"]), -1);
        for query in ["_method=DELETE", "%5Fmethod=DELETE", "_method=%44ELETE", "a;_method=DELETE"]
        {
            assert_eq!(decided("GET", &format!("/orders/7?{query}"), &[]), -1, "{query}");
        }
        assert_eq!(decided("get", "/orders/7", &[]), -1);
        assert_eq!(decided("GET", "/orders/7", &["GET"]), 2);
        assert_eq!(decided("GET", "/admin", &["DELETE"]), 1, "both are decided by one rule");
    }

    #[test]
    fn no_rule_is_skipped_by_another_path_in_a_header() {
        let by = |path: &str, other: &str| {
            let (host, other_paths) = (b"shop.example.org", &[other][..]);
            let path = path.as_bytes();
            number(RULES, &Request { host, method: b"GET", path, other_paths, ..<_>::default() })
        };
        assert_eq!(by("/public", "/admin"), -1);
        assert_eq!(by("/admin", "/public"), -1);
        assert_eq!(by("/public", "/Admin"), -1);
        assert_eq!(by("/public", "/orders/7/../../admin"), -1);
        // A server behind another one is told what the first was asked for.
        assert_eq!(by("/orders/7", "/orders/7"), 2);
        assert_eq!(by("/admin/a", "/admin/b"), 1);
    }

    #[test]
    fn no_rule_is_skipped_by_another_spelling_of_its_host() {
        let rules =
            r#"{"rules": [{"hosts": ["a.example"], "path_prefix": "/"}, {"path_prefix": "/"}]}"#;
        let of = |host: &str| {
            let host = host.as_bytes();
            number(rules, &Request { host, method: b"GET", path: b"/", ..Request::default() })
        };
        for (host, expected) in [
            ("A.example.:80", 1),
            ("b.example", 2),
            ("", 2),
            ("a.example:80a", -1),
            ("a.example:80:80", -1),
            ("x@a.example", -1),
            ("a.example..", -1),
        ] {
            assert_eq!(of(host), expected, "{host}");
        }
    }
}
