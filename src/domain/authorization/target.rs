//! Which requests a rule is about.

use super::reading::{Reading, Unclear, folded, host, plain};

/// The requests that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Empty is any.
    hosts: Vec<Host>,
    /// Empty is any.
    methods: Vec<String>,
    path: Path,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Is(String),
    /// The names below this one, which begins with a dot.
    Below(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    segments: Vec<Segment>,
    /// Whether more may follow.
    is_prefix: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Is {
        text: String,
        lower: String,
    },
    /// `{name}`: any one segment.
    Any,
}

impl Target {
    /// # Errors
    /// A host or a method that no request has.
    pub(super) fn new(hosts: &[String], methods: Vec<String>, path: Path) -> Result<Self, String> {
        let is_method = |text: &String| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        };
        if let Some(wrong) = methods.iter().find(|text| !is_method(text)) {
            return Err(format!("methods: {wrong:?} must be a method in capitals, such as GET"));
        }
        let hosts = hosts.iter().map(|text| Host::parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { hosts, methods, path })
    }

    pub(super) fn matches(&self, reading: &Reading<'_>) -> bool {
        let is_of = |host: &Host| host.matches(reading.host);
        (self.hosts.is_empty() || self.hosts.iter().any(is_of))
            && (self.methods.is_empty() || self.methods.iter().any(|own| own == reading.method))
            && self.path.matches(reading)
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, String> {
        let (is_below, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        if name.is_empty() || host(name).as_deref() != Ok(name) {
            return Err(format!(
                "hosts: {text:?} must be a name in lower case without a port, such as shop.example.org or *.example.org"
            ));
        }
        Ok(if is_below { Self::Below(format!(".{name}")) } else { Self::Is(name.to_owned()) })
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Is(own) => own == name,
            Self::Below(end) => name.ends_with(end.as_str()) && name.len() > end.len(),
        }
    }
}

impl Path {
    /// A path with `{name}` for any one segment.
    ///
    /// # Errors
    /// A path that no request can have.
    pub(super) fn parse(text: &str, is_prefix: bool) -> Result<Self, String> {
        if text.contains('?') {
            return Err(format!("path: {text:?}: rules do not see the query"));
        }
        let path = plain(text).map_err(|Unclear(why)| format!("path: {text:?}: {why}"))?;
        let segments = path.iter().map(|text| Segment::parse(text));
        Ok(Self { segments: segments.collect::<Result<_, _>>()?, is_prefix })
    }

    /// A method of a gRPC service, `package.Service/Method`, or all of them, `package.Service/*`.
    ///
    /// # Errors
    /// Another form.
    pub(super) fn of_rpc(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b))
        };
        let names = text
            .split_once('/')
            .filter(|(service, method)| is_name(service) && (is_name(method) || *method == "*"));
        let (service, method) = names.ok_or_else(|| {
            format!("grpc: {text:?} must be package.Service/Method or package.Service/*")
        })?;
        let method = if method == "*" { Segment::Any } else { Segment::is(method) };
        Ok(Self { segments: vec![Segment::is(service), method], is_prefix: false })
    }

    fn matches(&self, reading: &Reading<'_>) -> bool {
        let Self { segments, is_prefix } = self;
        let found = reading.path;
        (segments.len() == found.len() || (*is_prefix && segments.len() < found.len()))
            && segments.iter().zip(found).all(|(own, found)| own.matches(found, reading.folded))
    }
}

impl Segment {
    fn is(text: &str) -> Self {
        Self::Is { text: text.to_owned(), lower: folded(text) }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let named = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        match named {
            Some(name) if !name.contains(['{', '}']) => Ok(Self::Any),
            None if !text.contains(['{', '}', '*']) => Ok(Self::is(text)),
            Some(_) | None => Err(format!(
                "path: {text:?} must be text, or {{name}} for any one segment; path_prefix is for all that follow"
            )),
        }
    }

    fn matches(&self, found: &str, folded: bool) -> bool {
        match self {
            Self::Is { lower, .. } if folded => lower == found,
            Self::Is { text, .. } => text == found,
            Self::Any => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::reading::{Readings, Request},
        *,
    };

    /// Whether the plain reading of a request matches.
    fn matches(target: &Target, method: &str, host: &str, path: &str) -> bool {
        let (host, method, path) = (host.as_bytes(), method.as_bytes(), path.as_bytes());
        let request = Request { host, method, path, ..Request::default() };
        target.matches(&Readings::of(&request).unwrap().iter().next().unwrap())
    }

    fn target(hosts: &[&str], methods: &[&str], path: Path) -> Result<Target, String> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let hosts: Vec<String> = owned(hosts);
        Target::new(&hosts, owned(methods), path)
    }

    #[test]
    fn paths_are_matched_by_whole_segments() {
        let path = |text| target(&[], &[], Path::parse(text, false).unwrap()).unwrap();
        let prefix = |text| target(&[], &[], Path::parse(text, true).unwrap()).unwrap();
        let get = |target: &Target, path| matches(target, "GET", "a", path);
        for matching in ["/orders/7", "/orders/7/", "/orders/a%20b", "/orders/7?x=/orders"] {
            assert!(get(&path("/orders/{id}"), matching), "{matching}");
        }
        for other in ["/orders", "/orders/7/items", "/order/7", "/Orders/7", "/"] {
            assert!(!get(&path("/orders/{id}"), other), "{other}");
        }
        assert!(get(&prefix("/public/"), "/public") && get(&prefix("/public"), "/public/a/b"));
        assert!(!get(&prefix("/public"), "/publicity") && !get(&prefix("/public"), "/"));
        assert!(get(&prefix("/"), "/") && get(&prefix("/"), "/a/b"));
        assert!(get(&path("/a%20b"), "/a b"), "rules may be written as requests are");
    }

    #[test]
    fn a_rule_of_an_rpc_matches_its_path() {
        let rpc = |text| target(&[], &["POST"], Path::of_rpc(text).unwrap()).unwrap();
        let post = |target: &Target, path| matches(target, "POST", "a", path);
        assert!(post(&rpc("shop.v1.Orders/List"), "/shop.v1.Orders/List"));
        assert!(!post(&rpc("shop.v1.Orders/List"), "/shop.v1.Orders/Get"));
        assert!(post(&rpc("shop.v1.Orders/*"), "/shop.v1.Orders/Get"));
        assert!(!post(&rpc("shop.v1.Orders/*"), "/shop.v1.OrdersAdmin/Get"));
        assert!(!matches(&rpc("shop.v1.Orders/*"), "GET", "a", "/shop.v1.Orders/Get"));
    }

    #[test]
    fn hosts_and_methods_narrow_a_rule() {
        let any = || Path::parse("/", true).unwrap();
        let rule = target(&["shop.example.org", "*.api.example.org"], &["GET", "HEAD"], any());
        let rule = rule.unwrap();
        for (method, host, expected) in [
            ("GET", "shop.example.org", true),
            ("HEAD", "SHOP.example.org:8443", true),
            ("GET", "v1.api.example.org", true),
            ("GET", "a.v1.api.example.org.", true),
            ("POST", "shop.example.org", false),
            ("GET", "api.example.org", false),
            ("GET", "xapi.example.org", false),
            ("GET", "shop.example.org.evil.test", false),
            ("GET", "", false),
        ] {
            assert_eq!(matches(&rule, method, host, "/"), expected, "{method} {host}");
        }
    }

    #[test]
    fn what_no_request_can_be_is_refused() {
        for path in
            ["", "orders", "/a//b", "/a/../b", "/a?x=1", "/a/*", "/a/{b", "/a/x{b}", "/a/**"]
        {
            assert!(Path::parse(path, false).is_err(), "{path}");
        }
        for rpc in
            ["", "Orders", "/shop.v1.Orders/List", "shop.v1.Orders/", "a/b/c", "*/*", "a b/C"]
        {
            assert!(Path::of_rpc(rpc).is_err(), "{rpc}");
        }
        let any = || Path::parse("/", true).unwrap();
        for host in ["", "*", "*.", "Shop.example.org", "shop.example.org:80", "a b", "a.*.b", "x."]
        {
            assert!(target(&[host], &[], any()).is_err(), "{host}");
        }
        for method in ["", "get", "GET,POST", "*"] {
            assert!(target(&[], &[method], any()).is_err(), "{method}");
        }
    }
}
