//! Errors with all that caused them, for the log.

use std::{error::Error, fmt};

/// Writes an error and its sources on one line.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl fmt::Display + 'a {
    struct Chain<'a>(&'a (dyn Error + 'static));

    impl fmt::Display for Chain<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.0)?;
            let causes = std::iter::successors(self.0.source(), |&cause| cause.source());
            causes.into_iter().try_for_each(|cause| write!(f, ": {cause}"))
        }
    }

    Chain(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service;

    #[test]
    fn the_causes_follow_the_error() {
        let cause = std::io::Error::other("the wire is cut");
        let error = service::Error::StoreUnavailable(cause.into());
        assert_eq!(chain(&error).to_string(), "the store is unavailable: the wire is cut");
    }
}
