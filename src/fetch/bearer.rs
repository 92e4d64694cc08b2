//! Bearer tokens of ours for servers that publish keys to those alone who have one, as Kubernetes' API server does.

use std::{fs, path::Path};

use http::HeaderValue;
use zeroize::Zeroizing;

use super::error::FetchError;

/// The header `authorization`, from the file of a token.
pub(super) fn header(file: &Path) -> Result<HeaderValue, FetchError> {
    let token = fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|error| FetchError::Token(file.to_owned(), error))?;
    let value = Zeroizing::new(format!("Bearer {}", token.trim()));
    let mut header = HeaderValue::from_str(&value)
        .map_err(|_characters| FetchError::MalformedToken(file.to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_without_the_end_of_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "abc.def\n").unwrap();
        let value = header(&file).unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer abc.def");
        assert!(value.is_sensitive());
        fs::write(&file, "abc\ndef").unwrap();
        assert!(matches!(header(&file), Err(FetchError::MalformedToken(_))));
        assert!(matches!(header(&folder.path().join("none")), Err(FetchError::Token(..))));
    }
}
