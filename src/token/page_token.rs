//! Page tokens: where the next page of a list begins.
//!
//! A caller can neither read nor make one: it is encrypted, and bound to its list. So a place in one list is no place in another, and no
//! token tells a row that its caller may not see.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{MasterKey, Place};

/// The position of a page in one list.
#[derive(Debug, Clone, Copy)]
pub struct PageToken<'a> {
    /// The RPC, and all that makes its list another one: filter and order.
    pub list: (&'a str, &'a str),
}

impl PageToken<'_> {
    /// The token of a position.
    ///
    /// # Errors
    /// The library's own.
    pub fn seal(
        self,
        key: &MasterKey,
        position: &[u8],
    ) -> Result<String, aws_lc_rs::error::Unspecified> {
        Ok(URL_SAFE_NO_PAD.encode(key.seal(&self.place(), position)?))
    }

    /// The position of a token; `None` if it is not ours, was changed, or is another list's.
    pub fn open(self, key: &MasterKey, text: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(key.open(&self.place(), &sealed).ok()?.to_vec())
    }

    fn place(&self) -> Place<'_> {
        let (rpc, query) = self.list;
        Place::PageToken { rpc, query }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::parse(&MasterKey::generate_text()).unwrap()
    }

    #[test]
    fn a_token_tells_its_position_in_its_own_list_alone() {
        let (key, list) = (key(), PageToken { list: ("ListUsers", "all") });
        let token = list.seal(&key, b"alice").unwrap();
        assert_eq!(list.open(&key, &token).as_deref(), Some(b"alice".as_slice()));
        assert!(!URL_SAFE_NO_PAD.decode(&token).unwrap().windows(5).any(|part| part == b"alice"));
        for other in [("ListUsers", "some"), ("ListEvents", "all"), ("ListUsersall", "")] {
            assert_eq!(PageToken { list: other }.open(&key, &token), None, "{other:?}");
        }
        assert_eq!(list.open(&self::key(), &token), None);
        // After the master key was replaced, a caller goes on.
        let both = self::key().reading(&key);
        assert!(list.open(&both, &token).is_some());
    }

    #[test]
    fn every_prefix_suffix_and_changed_bit_is_refused() {
        let (key, list) = (key(), PageToken { list: ("ListUsers", "all") });
        let token = list.seal(&key, b"alice").unwrap();
        for place in 0..token.len() {
            assert_eq!(list.open(&key, &token[..place]), None, "prefix {place}");
            assert!(place == 0 || list.open(&key, &token[place..]).is_none(), "suffix {place}");
            for bit in 0..7 {
                let mut changed = token.as_bytes().to_vec();
                changed[place] ^= 1 << bit;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(list.open(&key, &changed), None, "bit {bit} of {place}");
            }
        }
        assert_eq!(list.open(&key, &format!("{token}A")), None);
    }
}
