//! QR codes.

use png::{BitDepth, ColorType, Encoder, EncodingError};
use qrcode::{Color, EcLevel, QrCode, render::unicode::Dense1x2, types::QrError};
use zeroize::Zeroizing;

/// Pixels along a module's edge.
const SCALE: usize = 8;

/// Light modules around the code (ISO/IEC 18004: four).
const QUIET: usize = 4;

/// The reason why there is no QR code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is too long for one.
    #[error("the text does not fit into a QR code")]
    TooLong(#[from] QrError),
    /// The image library's own.
    #[error("the image can't be written")]
    Image(#[from] EncodingError),
}

/// A text as a QR code, in both forms. It is as secret as the text.
pub struct Qr {
    /// A PNG image, black on white.
    pub png: Zeroizing<Vec<u8>>,
    /// Lines of block characters for a terminal with light letters on a dark ground.
    pub text: Zeroizing<String>,
}

impl std::fmt::Debug for Qr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Qr(..)")
    }
}

impl Qr {
    /// Draws `text`.
    ///
    /// # Errors
    /// A text that is too long.
    pub fn of(text: &str) -> Result<Self, Error> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
        // Terminals print in light colours, so the dark modules are the blanks.
        let mut lines = code.render::<Dense1x2>();
        lines.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
        Ok(Self { png: png(&code)?, text: Zeroizing::new(lines.build()) })
    }
}

/// A pixel is one bit, white where it is set.
fn png(code: &QrCode) -> Result<Zeroizing<Vec<u8>>, EncodingError> {
    let modules = code.width() + 2 * QUIET;
    let side = modules * SCALE;
    let dark = |x: usize, y: usize| {
        let inside = |place: usize| place.checked_sub(QUIET).filter(|place| *place < code.width());
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    // With eight pixels a module, a module is a byte.
    let mut rows = Zeroizing::new(Vec::with_capacity(modules * side));
    for y in 0..modules {
        let row: Vec<u8> = (0..modules).map(|x| if dark(x, y) { 0 } else { u8::MAX }).collect();
        for _ in 0..SCALE {
            rows.extend_from_slice(&row);
        }
    }
    let mut image = Zeroizing::new(Vec::new());
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = Encoder::new(&mut *image, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    encoder.write_header()?.write_image_data(&rows)?;
    Ok(image)
}
