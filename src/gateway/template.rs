//! Path templates of google.api.http: `/v1/users/{user_id}/sessions:revoke`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A path template. A variable is one whole segment; what google.api.http allows beyond that we do not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// As it is written.
    text: String,
    segments: Vec<Segment>,
    /// The custom method behind the last colon (AIP-136).
    verb: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// The path of a field, such as `user.id`.
    Variable(String),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// A template that does not begin with a slash, or has a wildcard.
    pub(super) fn parse(text: &str) -> Result<Self, UnknownTemplate> {
        let unknown = || UnknownTemplate(text.to_owned());
        let path = text.strip_prefix('/').ok_or_else(unknown)?;
        let (path, verb) = split_verb(path);
        let segments = path.split('/').map(|segment| match segment.strip_prefix('{') {
            None if !segment.is_empty() && !segment.contains(['{', '}', '*']) => {
                Ok(Segment::Literal(segment.to_owned()))
            }
            Some(field) => match field.strip_suffix('}') {
                Some(field) if !field.contains(['=', '*', '{', '}']) => {
                    Ok(Segment::Variable(field.to_owned()))
                }
                _ => Err(unknown()),
            },
            None => Err(unknown()),
        });
        let segments = segments.collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), segments, verb: verb.map(str::to_owned) })
    }

    /// The template as it is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The fields of its variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Variable(field) => Some(field.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The values of the variables in a path that it matches, by field.
    pub(super) fn matches<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, Cow<'a, str>)>> {
        let (path, verb) = match &self.verb {
            None => (path, None),
            Some(_) => split_verb(path),
        };
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut values = Vec::new();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(text) if text == part => {}
                // A colon begins a custom method: a variable has none that is not percent-encoded.
                Segment::Variable(field) if !part.is_empty() && !part.contains(':') => {
                    values.push((field.as_str(), percent_decode_str(part).decode_utf8().ok()?));
                }
                Segment::Literal(_) | Segment::Variable(_) => return None,
            }
        }
        let is_whole = parts.next().is_none() && verb == self.verb.as_deref();
        is_whole.then_some(values)
    }
}

/// A path without its custom method, and that.
fn split_verb(path: &str) -> (&str, Option<&str>) {
    match path.rsplit_once(':') {
        Some((path, verb)) if !verb.contains('/') => (path, Some(verb)),
        _ => (path, None),
    }
}

/// A template in the contract that is not understood here.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the path template {0:?} is not of literals and {{variables}}")]
pub(crate) struct UnknownTemplate(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn values(template: &str, path: &str) -> Option<Vec<(String, String)>> {
        let template = Template::parse(template).unwrap();
        let values = template.matches(path)?;
        Some(values.into_iter().map(|(field, value)| (field.into(), value.into_owned())).collect())
    }

    #[test]
    fn a_path_matches_in_all_segments_and_in_the_custom_method() {
        let of = |field: &str, value: &str| Some(vec![(field.to_owned(), value.to_owned())]);
        assert_eq!(values("/v1/users", "/v1/users"), Some(vec![]));
        assert_eq!(values("/v1/users/{id}", "/v1/users/7"), of("id", "7"));
        assert_eq!(values("/v1/users/{user.id}", "/v1/users/a%2Fb%3A"), of("user.id", "a/b:"));
        assert_eq!(values("/v1/users/{id}:unlock", "/v1/users/7:unlock"), of("id", "7"));
        assert_eq!(values("/v1/users:find", "/v1/users:find"), Some(vec![]));
        for (template, path) in [
            ("/v1/users", "/v1/users/"),
            ("/v1/users", "/v1/users:find"),
            ("/v1/users", "//v1/users"),
            ("/v1/users/{id}", "/v1/users/"),
            ("/v1/users/{id}", "/v1/users"),
            ("/v1/users/{id}", "/v1/users/7:unlock"),
            ("/v1/users/{id}", "/v1/users/7/sessions"),
            ("/v1/users/{id}", "/v1/users/%ff"),
            ("/v1/users/{id}:unlock", "/v1/users/7"),
            ("/v1/users/{id}:unlock", "/v1/users/7:lock"),
            ("/v1/users/{id}:unlock", "/v1/users/7:x:unlock"),
            ("/v1/users:find", "/v1/users"),
        ] {
            assert_eq!(values(template, path), None, "{template} {path}");
        }
    }

    #[test]
    fn what_it_does_not_match_is_refused_when_it_is_parsed() {
        for bad in
            ["", "v1/users", "/v1/*", "/v1/{id=*}", "/v1/{id", "/v1//x", "/v1/a{b}", "/v1/{a}{b}"]
        {
            assert_eq!(Template::parse(bad), Err(UnknownTemplate(bad.to_owned())));
        }
    }
}
