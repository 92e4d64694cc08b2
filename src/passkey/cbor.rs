//! A strict reader of CBOR (RFC 8949): the canonical form of CTAP 2 alone, which WebAuthn asks of all who write and lets all who
//! read insist on (section 2.4 of WebAuthn, section 8 of CTAP). What has one meaning has one encoding.

/// The deepest nesting: CTAP allows four levels in its messages; attestations within attestations have one more.
const DEPTH: usize = 8;

/// Why bytes are no CBOR, or not in its canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The bytes end within an item.
    #[error("the bytes end within an item")]
    Truncated,
    /// Bytes after the item.
    #[error("bytes follow the item")]
    Trailing,
    /// An item of indefinite length.
    #[error("a length is indefinite")]
    Indefinite,
    /// A number or length that has a shorter encoding.
    #[error("a number is longer than it need be")]
    NotShortest,
    /// A tag, a simple value without meaning, or a reserved encoding.
    #[error("an item is of a kind that is not used")]
    Kind,
    /// Nested too deep.
    #[error("the nesting is too deep")]
    TooDeep,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
    /// A map's key that is neither an integer nor a text.
    #[error("a key is neither integer nor text")]
    KeyKind,
    /// Keys of a map out of order.
    #[error("keys are out of order")]
    KeyOrder,
    /// A key of a map twice.
    #[error("a key is there twice")]
    KeyTwice,
}

/// An item.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item<'a> {
    Integer(i128),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// Booleans, null, undefined, floating point: nothing of ours has one.
    Simple,
}

impl<'a> Item<'a> {
    /// Reads bytes that are one item.
    ///
    /// # Errors
    /// [`CborError`].
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, CborError> {
        match Self::read_first(bytes)? {
            (item, []) => Ok(item),
            (_, _) => Err(CborError::Trailing),
        }
    }

    /// Reads the item that the bytes begin with. The rest follows it.
    ///
    /// # Errors
    /// [`CborError`].
    pub(super) fn read_first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), CborError> {
        let mut reader = Reader(bytes);
        let item = reader.item(DEPTH)?;
        Ok((item, reader.0))
    }

    /// The value of a map's key.
    pub(super) fn get(&self, key: &Item<'_>) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// The bytes that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let length = usize::try_from(length).map_err(|_longer_than_memory| CborError::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CborError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The major type, the additional information, and the number that stands in it or after it.
    fn head(&mut self) -> Result<(u8, u8, u64), CborError> {
        let (first, rest) = self.0.split_first().ok_or(CborError::Truncated)?;
        self.0 = rest;
        let (major, additional) = (first >> 5, first & 0b1_1111);
        let (length, least) = match additional {
            0..=23 => return Ok((major, additional, u64::from(additional))),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            31 => return Err(CborError::Indefinite),
            _ => return Err(CborError::Kind),
        };
        let number =
            self.take(length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        // What follows the head of a simple value is no number.
        if number < least && major != 7 {
            Err(CborError::NotShortest)
        } else {
            Ok((major, additional, number))
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item<'a>, CborError> {
        let (major, additional, number) = self.head()?;
        match major {
            0 => Ok(Item::Integer(i128::from(number))),
            1 => Ok(Item::Integer(-1 - i128::from(number))),
            2 => self.take(number).map(Item::Bytes),
            3 => self.text(number).map(Item::Text),
            4 => self.array(number, depth.checked_sub(1).ok_or(CborError::TooDeep)?),
            5 => self.map(number, depth.checked_sub(1).ok_or(CborError::TooDeep)?),
            7 if matches!(additional, 20..=23 | 25..=27) => Ok(Item::Simple),
            _ => Err(CborError::Kind),
        }
    }

    fn text(&mut self, length: u64) -> Result<&'a str, CborError> {
        std::str::from_utf8(self.take(length)?).map_err(|_other| CborError::Text)
    }

    // Neither makes room for as many as are announced: the bytes that are there bound them.
    fn array(&mut self, length: u64, depth: usize) -> Result<Item<'a>, CborError> {
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.item(depth)?);
        }
        Ok(Item::Array(items))
    }

    fn map(&mut self, length: u64, depth: usize) -> Result<Item<'a>, CborError> {
        let mut members = Vec::new();
        let mut last: &[u8] = &[];
        for _ in 0..length {
            let before = self.0;
            let key = self.key()?;
            let encoded = &before[..before.len() - self.0.len()];
            // Integers before texts, shorter ones first, then by their bytes: of such keys in their shortest form, that is the
            // order of their encodings.
            if encoded <= last {
                return Err(if encoded == last {
                    CborError::KeyTwice
                } else {
                    CborError::KeyOrder
                });
            }
            last = encoded;
            members.push((key, self.item(depth)?));
        }
        Ok(Item::Map(members))
    }

    fn key(&mut self) -> Result<Item<'a>, CborError> {
        match self.item(0) {
            Ok(key @ (Item::Integer(_) | Item::Text(_))) => Ok(key),
            // No depth is left for a map or an array.
            Ok(_) | Err(CborError::TooDeep) => Err(CborError::KeyKind),
            Err(error) => Err(error),
        }
    }
}
