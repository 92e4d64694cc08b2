#!/usr/bin/env bash
# Does aws-lc-rs refuse a public key that is no point of its curve when the key is parsed, for Ed25519 as for P-256?
#
# Guess: yes. `ParsedPublicKey::new` returns a `Result` and says that it validates the key, and ECDSA keys off their curve are refused.
#
# Seen: of an Ed25519 key only the length is looked at. 32 bytes whose y is that of no point (RFC 8032, section 5.1.3: there is no x) are
# a key; every signature by it is then wrong, which shows at the first login and not at the registration. So whoever stores keys of
# others (passkeys, JWKs of clients) must decode the point beforehand to tell them at once.
#
#   P-256, a point on the curve:          Ok
#   P-256, the same with another y:       refused
#   Ed25519, a point:                     Ok
#   Ed25519, y = 2, which no point has:   Ok
#   Ed25519, 31 bytes:                    refused
#
# Versions: aws-lc-rs 1.19.0. Seen on 2026-11-30.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"
[dependencies]
aws-lc-rs = { version = "=1.19.0", default-features = false, features = ["aws-lc-sys", "alloc"] }
[workspace]
TOML
cat >"$work/src/main.rs" <<'RUST'
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey,
};

fn main() {
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let point = p256.public_key().as_ref().to_vec();
    let mut off_the_curve = point.clone();
    off_the_curve[64] ^= 1;
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let mut no_point = [0_u8; 32];
    no_point[0] = 2;
    let said = |name: &str, is_taken: bool| println!("{name}: {}", if is_taken { "Ok" } else { "refused" });
    said("P-256, a point on the curve", ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point).is_ok());
    said("P-256, the same with another y", ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &off_the_curve).is_ok());
    said("Ed25519, a point", ParsedPublicKey::new(&ED25519, ed25519.public_key().as_ref()).is_ok());
    said("Ed25519, y = 2, which no point has", ParsedPublicKey::new(&ED25519, no_point).is_ok());
    said("Ed25519, 31 bytes", ParsedPublicKey::new(&ED25519, &no_point[..31]).is_ok());
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml" | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
P-256, a point on the curve: Ok
P-256, the same with another y: refused
Ed25519, a point: Ok
Ed25519, y = 2, which no point has: Ok
Ed25519, 31 bytes: refused
SEEN
# That y = 2 is of no point: x^2 = (y^2 - 1) / (d y^2 + 1) has no root modulo p (Euler's criterion).
python3 - <<'PY'
p = 2**255 - 19
d = -121665 * pow(121666, -1, p) % p
square = (2 * 2 - 1) * pow(d * 2 * 2 + 1, -1, p) % p
assert pow(square, (p - 1) // 2, p) == p - 1, "there is such a point"
PY
echo "as it was"
