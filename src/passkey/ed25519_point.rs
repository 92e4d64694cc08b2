//! Whether 32 bytes are a public key of Ed25519 (RFC 8032, section 5.1.3).
//!
//! aws-lc takes any 32 bytes for a key, and finds out at each signature. A key is refused when it is registered: off the
//! curve it would verify nothing, and of small order it could verify what nobody signed. The arithmetic is of public values, so
//! its time may depend on them; it runs once a registration.

/// A number modulo p = 2^255 − 19: five limbs of 51 bits, the lowest first. Limbs may have a bit or two more on the way.
#[derive(Clone, Copy)]
struct Number([u128; 5]);

const LIMB: u128 = (1 << 51) - 1;

const ZERO: Number = Number([0; 5]);
const ONE: Number = Number([1, 0, 0, 0, 0]);

/// d of the curve −x² + y² = 1 + d·x²·y² (section 5.1).
const D: [u8; 32] = [
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
];

/// Whether these bytes are a point of the curve in its one encoding, and not one of the eight of small order.
pub(super) fn is_sound_point(bytes: &[u8; 32]) -> bool {
    let mut without_sign = *bytes;
    without_sign[31] &= 0x7f;
    let y = Number::from_bytes(&without_sign);
    // At least p: another encoding of a smaller number.
    if y.to_canonical() != y.0 {
        return false;
    }
    let (d, square) = (Number::from_bytes(&D), y.times(y));
    let dividend = square.minus(ONE);
    let divisor = d.times(square).plus(ONE);
    // x² = dividend / divisor, which has a root if dividend · divisor has one. The divisor is never 0.
    let is_on_curve = dividend.times(divisor).is_nonzero_square();
    // The identity and (0, −1) have x = 0, which is no square but 0 and refused with it. Points of order 4 have y = 0; those of
    // order 8 double to them, so that x² = −y², and then d·y⁴ + 2·y² − 1 = 0.
    let doubled = d.times(square).times(square).plus(square).plus(square).minus(ONE);
    is_on_curve && !y.is(ZERO) && !doubled.is(ZERO)
}

impl Number {
    /// Little-endian.
    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let limb = |index: usize| {
            let bits = 51 * index..51 * (index + 1);
            let bit = |place: usize| u128::from(bytes[place / 8] >> (place % 8) & 1);
            bits.enumerate().fold(0, |limb, (shift, place)| limb | bit(place) << shift)
        };
        Self(std::array::from_fn(limb))
    }

    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i])).carried()
    }

    fn minus(self, other: Self) -> Self {
        // 4·p, so that no limb is less than none.
        let four_p = |i| if i == 0 { 4 * (LIMB - 18) } else { 4 * LIMB };
        Self(std::array::from_fn(|i| self.0[i] + four_p(i) - other.0[i])).carried()
    }

    fn times(self, other: Self) -> Self {
        let mut product = ZERO;
        for (i, a) in self.0.into_iter().enumerate() {
            for (j, b) in other.0.into_iter().enumerate() {
                // 2^255 is 19.
                let factor = if i + j < 5 { 1 } else { 19 };
                product.0[(i + j) % 5] += a * b * factor;
            }
        }
        product.carried()
    }

    /// The same number with limbs of 51 bits, but for a bit in the second.
    fn carried(mut self) -> Self {
        for i in [0, 1, 2, 3, 4, 0] {
            let carry = self.0[i] >> 51;
            self.0[i] &= LIMB;
            self.0[(i + 1) % 5] += if i == 4 { carry * 19 } else { carry };
        }
        self
    }

    /// The limbs of the number between 0 and p.
    fn to_canonical(self) -> [u128; 5] {
        let number = self.carried().carried();
        // Plus 19, it reaches 2^255 if it was at least p.
        let mut raised = number;
        raised.0[0] += 19;
        for i in 0..4 {
            let carry = raised.0[i] >> 51;
            raised.0[i] &= LIMB;
            raised.0[i + 1] += carry;
        }
        if raised.0[4] >> 51 == 0 {
            return number.0;
        }
        raised.0[4] &= LIMB;
        raised.0
    }

    fn is(self, other: Self) -> bool {
        self.to_canonical() == other.to_canonical()
    }

    /// Euler's criterion: x^((p − 1) / 2) is 1, with (p − 1) / 2 = 2^254 − 10, whose bits are all ones but for the last four, 0110.
    fn is_nonzero_square(self) -> bool {
        let mut power = ONE;
        for place in (0..254).rev() {
            power = power.times(power);
            if ![0, 3].contains(&place) {
                power = power.times(self);
            }
        }
        power.is(ONE)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    fn point(y: u8) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = y;
        bytes
    }

    #[test]
    fn every_public_key_is_one_and_about_half_of_all_numbers_are_not() {
        for _ in 0..200 {
            let pair = Ed25519KeyPair::generate().unwrap();
            assert!(is_sound_point(pair.public_key().as_ref().try_into().unwrap()));
        }
        let sound = (0..=255).filter(|y| is_sound_point(&point(*y))).count();
        assert!((100..156).contains(&sound), "{sound} of 256");
    }

    #[test]
    fn points_of_small_order_and_second_encodings_are_none() {
        // The two of order 8 with an even x, by their y; the others of that order are their negatives.
        let order_8 = [
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ];
        let decode = |text: &str| -> [u8; 32] {
            std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        };
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let mut none = vec![point(0), point(1), minus_one];
        none.extend(order_8.map(decode));
        for mut bytes in none {
            assert!(!is_sound_point(&bytes), "{bytes:?}");
            bytes[31] |= 0x80;
            assert!(!is_sound_point(&bytes), "{bytes:?}");
        }
        // y + p for each y below 19.
        for y in 0..19 {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + y, 0x7f);
            assert!(!is_sound_point(&bytes), "{y} + p");
        }
        assert!(is_sound_point(&point(3)), "what has a small y may be sound");
    }
}
