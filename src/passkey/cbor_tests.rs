//! What is CBOR in its canonical form, and what is not. Examples are those of RFC 8949 (appendix A) where it has one.

use super::{
    CborError,
    cbor::Item::{self, Array, Bytes, Integer, Map, Simple, Text},
};

#[test]
fn items_are_read_as_the_rfc_has_them() {
    for (bytes, item) in [
        (&[0x00][..], Integer(0)),
        (&[0x17], Integer(23)),
        (&[0x18, 0x18], Integer(24)),
        (&[0x19, 0x03, 0xe8], Integer(1000)),
        (&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Integer(u64::MAX.into())),
        (&[0x20], Integer(-1)),
        (&[0x39, 0x01, 0x00], Integer(-257)),
        (&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Integer(-18446744073709551616)),
        (&[0x44, 1, 2, 3, 4], Bytes(&[1, 2, 3, 4])),
        (&[0x62, 0xc3, 0xbc], Text("ü")),
        (&[0x83, 1, 2, 3], Array(vec![Integer(1), Integer(2), Integer(3)])),
        (&[0xa1, 0x61, 0x61, 0x80], Map(vec![(Text("a"), Array(Vec::new()))])),
        (&[0xf4], Simple),
        (&[0xf6], Simple),
        (&[0xf9, 0x00, 0x00], Simple),
        (&[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a], Simple),
    ] {
        assert_eq!(Item::read(bytes), Ok(item), "{bytes:x?}");
    }
}

#[test]
fn a_meaning_has_one_encoding() {
    for (bytes, error) in [
        (&[][..], CborError::Truncated),
        (&[0x18], CborError::Truncated),
        (&[0x42, 1], CborError::Truncated),
        (&[0x82, 1], CborError::Truncated),
        (&[0xa1, 1], CborError::Truncated),
        (&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], CborError::Truncated),
        (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], CborError::Truncated),
        (&[0x00, 0x00], CborError::Trailing),
        (&[0x5f, 0x41, 1, 0xff], CborError::Indefinite),
        (&[0x7f, 0xff], CborError::Indefinite),
        (&[0x9f, 0xff], CborError::Indefinite),
        (&[0xbf, 0xff], CborError::Indefinite),
        (&[0xff], CborError::Indefinite),
        (&[0x18, 0x17], CborError::NotShortest),
        (&[0x19, 0x00, 0xff], CborError::NotShortest),
        (&[0x1a, 0x00, 0x00, 0xff, 0xff], CborError::NotShortest),
        (&[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], CborError::NotShortest),
        (&[0x58, 0x01, 0x00], CborError::NotShortest),
        (&[0x78, 0x01, 0x61], CborError::NotShortest),
        (&[0x98, 0x00], CborError::NotShortest),
        (&[0xb8, 0x00], CborError::NotShortest),
        (&[0x1c], CborError::Kind),
        (&[0xc0, 0x00], CborError::Kind),
        (&[0xe0], CborError::Kind),
        (&[0xf8, 0x20], CborError::Kind),
        (&[0x61, 0xff], CborError::Text),
        (&[0x63, 0xed, 0xa0, 0x80], CborError::Text),
        (&[0xa1, 0x40, 0x00], CborError::KeyKind),
        (&[0xa1, 0x80, 0x00], CborError::KeyKind),
        (&[0xa1, 0xf4, 0x00], CborError::KeyKind),
        (&[0xa2, 0x02, 0x00, 0x01, 0x00], CborError::KeyOrder),
        (&[0xa2, 0x20, 0x00, 0x01, 0x00], CborError::KeyOrder),
        (&[0xa2, 0x61, 0x61, 0x00, 0x01, 0x00], CborError::KeyOrder),
        (&[0xa2, 0x62, 0x61, 0x61, 0x00, 0x61, 0x62, 0x00], CborError::KeyOrder),
        (&[0xa2, 0x01, 0x00, 0x01, 0x00], CborError::KeyTwice),
        (&[0xa2, 0x61, 0x61, 0x00, 0x61, 0x61, 0x00], CborError::KeyTwice),
    ] {
        assert_eq!(Item::read(bytes), Err(error), "{bytes:x?}");
    }
}

#[test]
fn nesting_has_a_bound() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
    assert!(Item::read(&nested(8)).is_ok());
    assert_eq!(Item::read(&nested(9)), Err(CborError::TooDeep));
    assert_eq!(Item::read(&nested(16_000)), Err(CborError::TooDeep));
    let maps = [[0xa1, 0x00].repeat(9), vec![0x00]].concat();
    assert_eq!(Item::read(&maps), Err(CborError::TooDeep));
}
