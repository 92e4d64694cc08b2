//! Reading the fields of a text, each with its bounds: nothing is decoded or allocated before its length is known.

use base64::{
    Engine as _, alphabet,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, NO_PAD, PAD, STANDARD, STANDARD_NO_PAD},
    },
};

use crate::Refused;

/// bcrypt's own alphabet. Some systems leave bits set behind the last byte: ignore them.
pub(crate) const BCRYPT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));
/// Padded or not.
const EITHER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The spellings of base64.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base64 {
    /// The standard alphabet, padded.
    Padded,
    /// The standard alphabet without padding: PHC strings.
    Unpadded,
    /// The standard alphabet, padded or not.
    Either,
    /// passlib's: unpadded, and `.` for `+`.
    Adapted,
    /// The standard or the URL-safe alphabet, padded or not.
    Any,
}

impl Base64 {
    fn decode(self, text: &str) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Self::Padded => STANDARD.decode(text),
            Self::Unpadded => STANDARD_NO_PAD.decode(text),
            Self::Either => EITHER.decode(text),
            Self::Adapted => STANDARD_NO_PAD.decode(text.replace('.', "+")),
            Self::Any => EITHER.decode(text.replace('-', "+").replace('_', "/")),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Padded => "base64 with padding",
            Self::Unpadded => "base64 without padding",
            Self::Either => "base64",
            Self::Adapted => "base64 without padding (\".\" or \"+\")",
            Self::Any => "base64 or base64url",
        }
    }
}

/// The parser of one format: its name goes into every refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader(pub(crate) &'static str);

/// A number's name in the text, and its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub(crate) name: &'static str,
    pub(crate) min: u32,
    pub(crate) under: &'static str,
    pub(crate) max: u32,
    pub(crate) over: &'static str,
}

impl Number {
    /// A number within its bounds.
    pub(crate) const fn check(&self, format: &'static str, value: u32) -> Result<u32, Refused> {
        if value < self.min {
            return Err(Refused::Parameter { format, name: self.name, bound: self.under });
        }
        if value > self.max {
            return Err(Refused::Parameter { format, name: self.name, bound: self.over });
        }
        Ok(value)
    }
}

impl Reader {
    pub(crate) const fn missing(self, field: &'static str) -> Refused {
        Refused::Truncated { format: self.0, field }
    }

    pub(crate) const fn out_of_bounds(self, name: &'static str, bound: &'static str) -> Refused {
        Refused::Parameter { format: self.0, name, bound }
    }

    pub(crate) const fn encoding(self, field: &'static str, encoding: &'static str) -> Refused {
        Refused::Encoding { format: self.0, field, encoding }
    }

    /// The text before `separator` and the text behind it. `next` is the field that the separator announces.
    pub(crate) fn split<'text>(
        self,
        text: &'text str,
        separator: char,
        next: &'static str,
    ) -> Result<(&'text str, &'text str), Refused> {
        text.split_once(separator).ok_or(self.missing(next))
    }

    /// A decimal number without sign or leading zeros.
    pub(crate) fn number(self, number: &Number, text: &str) -> Result<u32, Refused> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
            return Err(self.encoding(number.name, "a decimal number"));
        }
        let value = text.parse().unwrap_or(u32::MAX);
        number.check(self.0, value)
    }

    /// Bytes in base64, `min` to `max` of them.
    pub(crate) fn base64(
        self,
        field: &'static str,
        text: &str,
        spelling: Base64,
        (min, max): (usize, usize),
    ) -> Result<Vec<u8>, Refused> {
        if text.is_empty() && min > 0 {
            return Err(self.missing(field));
        }
        let bytes = spelling.decode(text);
        let bytes = bytes.map_err(|_alphabet| self.encoding(field, spelling.name()))?;
        self.length(field, &bytes, (min, max))?;
        Ok(bytes)
    }

    /// Lower or upper-case hexadecimal, `min` to `max` bytes.
    pub(crate) fn hex(
        self,
        field: &'static str,
        text: &str,
        (min, max): (usize, usize),
    ) -> Result<Vec<u8>, Refused> {
        let invalid = self.encoding(field, "hexadecimal");
        if !text.len().is_multiple_of(2) {
            return Err(invalid);
        }
        let digit =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        let bytes = bytes.ok_or(invalid)?;
        self.length(field, &bytes, (min, max))?;
        Ok(bytes)
    }

    /// Refuses a salt or digest that is too short or too long.
    pub(crate) fn length(
        self,
        field: &'static str,
        bytes: &[u8],
        (min, max): (usize, usize),
    ) -> Result<(), Refused> {
        if bytes.len() < min {
            return Err(self.out_of_bounds(field, "too short"));
        }
        if bytes.len() > max {
            return Err(self.out_of_bounds(field, "too long"));
        }
        Ok(())
    }

    /// A salt that is used as the text it is: printable ASCII without the separators of its format.
    pub(crate) fn plain_salt(self, text: &str, max: usize) -> Result<&str, Refused> {
        if text.is_empty() {
            return Err(self.missing("salt"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"$:".contains(&byte)) {
            return Err(self.encoding("salt", "printable ASCII"));
        }
        self.length("salt", text.as_bytes(), (1, max))?;
        Ok(text)
    }
}

/// `name=value` pairs between commas, read by name in any order.
#[derive(Debug)]
pub(crate) struct Fields<'text> {
    reader: Reader,
    pairs: Vec<(&'text str, &'text str)>,
}

impl<'text> Fields<'text> {
    /// Reads the pairs; each name must be one of `names` and there once.
    pub(crate) fn parse(reader: Reader, text: &'text str, names: &[&str]) -> Result<Self, Refused> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for pair in text.split(',') {
            let (name, value) = pair
                .split_once('=')
                .ok_or(reader.encoding("parameters", "a list of name=value"))?;
            if !names.contains(&name) {
                return Err(reader.out_of_bounds("a parameter", "of an unknown name"));
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(reader.out_of_bounds("a parameter", "there twice"));
            }
            pairs.push((name, value));
        }
        Ok(Self { reader, pairs })
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&'text str> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    pub(crate) fn number(&self, number: &Number) -> Result<u32, Refused> {
        let text = self.optional(number.name).ok_or(self.reader.missing(number.name))?;
        self.reader.number(number, text)
    }
}

/// Unpadded base64 in the standard alphabet, as PHC strings have it.
pub(crate) fn phc_base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}
