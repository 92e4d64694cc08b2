//! Origins of web pages (RFC 6454), which browsers ask for before a page may read the answers of another host (CORS).

use url::Url;

/// The origins whose pages may call. None by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Any. Nothing but the bearer token tells who calls, and no page has that of another: there are no cookies.
    Any,
    /// These.
    These(Vec<String>),
}

impl Default for Origins {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Origins {
    /// Parses origins such as `https://app.example.com`, with commas between them, or `*` alone.
    ///
    /// # Errors
    /// A text that is no origin, or not written as browsers write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        text.split(',').map(str::trim).map(origin).collect::<Result<_, _>>().map(Self::These)
    }
}

fn origin(text: &str) -> Result<String, String> {
    // A star within a host is a letter to URLs, and a name that nobody has.
    let url = Url::parse(text).ok().filter(|_| !text.contains('*'));
    let url = url.filter(|url| ["http", "https"].contains(&url.scheme()));
    let Some(url) = url else {
        return Err(format!("must be origins such as https://app.example.com, not {text:?}"));
    };
    let origin = url.origin().ascii_serialization();
    if origin == text {
        Ok(origin)
    } else {
        Err(format!("must be {origin}, as browsers write it, not {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        let these = |origins: &[&str]| {
            Ok(Origins::These(origins.iter().map(|origin| (*origin).to_owned()).collect()))
        };
        assert_eq!(
            Origins::parse("https://app.example.com, http://localhost:3000"),
            these(&["https://app.example.com", "http://localhost:3000"])
        );
        assert_eq!(Origins::parse("*"), Ok(Origins::Any));
        for bad in [
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://app.example.com,",
            "https://app.example.com,*",
            "https://*.example.com",
            "null",
            "file:///x",
            "https://user@app.example.com",
        ] {
            assert!(Origins::parse(bad).is_err(), "{bad}");
        }
    }
}
