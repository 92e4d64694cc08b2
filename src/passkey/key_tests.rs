//! Keys and ids of new credentials: what is none.

use super::{
    Algorithm, CborError, NewCredential, Refused,
    authenticator_of_tests::{Authenticator, bytes, cose, integer, map, text},
    registration_tests::verify,
};

fn verify_key(id: &[u8], key: &[u8]) -> Result<NewCredential, Refused> {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let mut registration = authenticator.register("none");
    registration.parts.attested = Authenticator::attested(id, key);
    registration.parts.id = if id.is_empty() { vec![1] } else { id.to_vec() };
    registration.parts.id.truncate(1023);
    verify(&registration.json())
}

#[test]
fn ids_have_1_to_1023_bytes() {
    let key = Authenticator::new(Algorithm::EdDsa).key;
    assert_eq!(verify_key(&[], &key), Err(Refused::CredentialIdLength));
    assert_eq!(verify_key(&[1; 1024], &key), Err(Refused::CredentialIdLength));
    for length in [1, 16, 1023] {
        assert_eq!(verify_key(&vec![1; length], &key).unwrap().id.len(), length);
    }
}

#[test]
fn keys_have_the_parameters_of_their_algorithm_and_no_others() {
    let (x, y) = (bytes(&[1; 32]), bytes(&[2; 32]));
    let ec = |kty, alg, crv, x: &[u8], y: &[u8]| {
        cose(&[
            (1, integer(kty)),
            (3, integer(alg)),
            (-1, integer(crv)),
            (-2, x.to_vec()),
            (-3, y.to_vec()),
        ])
    };
    let okp = |kty, alg, crv, x: Vec<u8>| {
        cose(&[(1, integer(kty)), (3, integer(alg)), (-1, integer(crv)), (-2, x)])
    };
    for (key, refused) in [
        (vec![0x80], Refused::KeyParameters),
        (cose(&[(1, integer(2))]), Refused::KeyParameters),
        (cose(&[(1, integer(2)), (3, text("ES256"))]), Refused::KeyParameters),
        (ec(2, -35, 2, &x, &y), Refused::Algorithm),
        (ec(2, -47, 8, &x, &y), Refused::Algorithm),
        (ec(2, -9, 1, &x, &y), Refused::Algorithm),
        (
            cose(&[(1, integer(3)), (3, integer(-37)), (-1, x.clone()), (-2, y.clone())]),
            Refused::Algorithm,
        ),
        (
            cose(&[(1, integer(3)), (3, integer(-65535)), (-1, x.clone()), (-2, y.clone())]),
            Refused::Algorithm,
        ),
        (ec(1, -7, 1, &x, &y), Refused::KeyParameters),
        (ec(2, -8, 1, &x, &y), Refused::KeyParameters),
        (ec(2, -257, 1, &x, &y), Refused::KeyParameters),
        (ec(2, -7, 2, &x, &y), Refused::KeyParameters),
        (ec(2, -7, 6, &x, &y), Refused::KeyParameters),
        (ec(2, -7, 1, &bytes(&[1; 31]), &y), Refused::KeyParameters),
        (ec(2, -7, 1, &x, &bytes(&[1; 33])), Refused::KeyParameters),
        // A compressed point.
        (ec(2, -7, 1, &x, &[0xf5]), Refused::KeyParameters),
        (okp(2, -7, 1, x.clone()), Refused::KeyParameters),
        (okp(1, -8, 4, x.clone()), Refused::KeyParameters),
        (okp(2, -8, 6, x.clone()), Refused::KeyParameters),
        (okp(1, -8, 6, bytes(&[1; 33])), Refused::KeyParameters),
        (ec(1, -8, 6, &x, &y), Refused::KeyParameters),
        // Order, repetition, numbers that are longer than they need be.
        (
            map(&[(integer(3), integer(-7)), (integer(1), integer(2))]),
            Refused::Key(CborError::KeyOrder),
        ),
        (
            map(&[(integer(1), integer(2)), (integer(1), integer(2))]),
            Refused::Key(CborError::KeyTwice),
        ),
        (map(&[(integer(1), vec![0x18, 0x02])]), Refused::Key(CborError::NotShortest)),
        (vec![0xbf, 0xff], Refused::Key(CborError::Indefinite)),
        (Vec::new(), Refused::Key(CborError::Truncated)),
    ] {
        assert_eq!(verify_key(&[1], &key), Err(refused), "{key:x?}");
    }
}

#[test]
fn keys_that_are_no_keys_are_refused_before_they_are_stored() {
    let es256 = |x: &[u8], y: &[u8]| {
        cose(&[(1, integer(2)), (3, integer(-7)), (-1, integer(1)), (-2, bytes(x)), (-3, bytes(y))])
    };
    let eddsa =
        |x: &[u8]| cose(&[(1, integer(1)), (3, integer(-8)), (-1, integer(6)), (-2, bytes(x))]);
    let rs256 = |n: &[u8], e: &[u8]| {
        cose(&[(1, integer(3)), (3, integer(-257)), (-1, bytes(n)), (-2, bytes(e))])
    };
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] = 0xff >> (8 * n.len() - bits);
        n
    };
    let mut even = modulus(2048);
    even[255] = 0xfe;
    let long = [vec![0], modulus(2048)].concat();
    let f4 = [1, 0, 1];
    for key in [
        es256(&[1; 32], &[2; 32]),
        es256(&[0xff; 32], &[2; 32]),
        es256(&[0; 32], &[0; 32]),
        // y = 2 is on no point; y = 1 is the identity.
        eddsa(&[&[2][..], &[0; 31]].concat()),
        eddsa(&[&[1][..], &[0; 31]].concat()),
        rs256(&modulus(2047), &f4),
        rs256(&modulus(4097), &f4),
        rs256(&modulus(1024), &f4),
        rs256(&even, &f4),
        rs256(&long, &f4),
        rs256(&[], &f4),
        rs256(&modulus(2048), &[1]),
        rs256(&modulus(2048), &[3]),
        rs256(&modulus(2048), &[1, 0, 0]),
        rs256(&modulus(2048), &[1, 0, 2]),
        rs256(&modulus(2048), &[0, 1, 0, 1]),
        rs256(&modulus(2048), &[1, 0, 0, 0, 1]),
        rs256(&modulus(2048), &[]),
    ] {
        assert_eq!(verify_key(&[1], &key), Err(Refused::KeyValue), "{key:x?}");
    }
    for bits in [2048, 2049, 3072, 4096] {
        assert!(verify_key(&[1], &rs256(&modulus(bits), &f4)).is_ok(), "{bits}");
    }
}
