//! The QR codes, read by a decoder that knows nothing of how they were made.

use rqrr::PreparedImage;
use rstest::rstest;

use super::begin;
use crate::harness::{
    Backend, Server,
    server::{PASSWORD, registration},
};

/// A picture in black and white.
struct Picture {
    width: usize,
    height: usize,
    is_light: Vec<bool>,
}

impl Picture {
    fn of_png(png: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(frame.color_type, png::ColorType::Grayscale);
        let (width, height) = (frame.width as usize, frame.height as usize);
        Self { width, height, is_light: pixels.iter().map(|pixel| *pixel > 127).collect() }
    }

    /// As it looks on a terminal with light letters on a dark ground.
    fn of_text(text: &str) -> Self {
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let halves = |half: fn(char) -> bool| {
            move |line: &Vec<char>| line.iter().map(|c| half(*c)).collect::<Vec<_>>()
        };
        let upper = halves(|c| matches!(c, '█' | '▀'));
        let lower = halves(|c| matches!(c, '█' | '▄'));
        let rows: Vec<_> = lines.iter().flat_map(|line| [upper(line), lower(line)]).collect();
        let width = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == width), "every line is as long");
        Self { width, height: rows.len(), is_light: rows.concat() }
    }

    /// The text of the one QR code in it, each pixel four times as wide and high.
    fn read(&self) -> String {
        let at = |x: usize, y: usize| self.is_light[y / 4 * self.width + x / 4];
        let mut image =
            PreparedImage::prepare_from_greyscale(4 * self.width, 4 * self.height, |x, y| {
                if at(x, y) { 255 } else { 0 }
            });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }
}

#[rstest]
#[tokio::test]
async fn both_qr_codes_hold_the_uri_with_issuer_user_and_secret(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.totp_issuer = "Example & Co".into();
    })
    .await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let begun = begin(&server, &tokens, PASSWORD).await.unwrap();
    let expected = format!(
        "otpauth://totp/Example%20%26%20Co:{}?secret={}&issuer=Example%20%26%20Co",
        user.username, begun.secret
    );
    assert_eq!(begun.otpauth_uri, expected);
    assert_eq!(begun.secret.len(), 32, "160 bits in base32");
    assert_eq!(Picture::of_png(&begun.qr_png).read(), expected);
    assert_eq!(Picture::of_text(&begun.qr_text).read(), expected);
    let another = begin(&server, &tokens, PASSWORD).await.unwrap();
    assert_ne!(begun.secret, another.secret);
}

/// Each of their letters takes twelve characters in the URI.
#[tokio::test]
async fn the_longest_names_have_a_qr_code_too() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.policy.totp_issuer = "𐐨".repeat(16);
    })
    .await;
    let mut request = registration(false);
    request.username = "𐐨".repeat(64);
    let user = server.register(request).await.unwrap();
    let tokens = server.session(&user).await;
    let begun = begin(&server, &tokens, PASSWORD).await.unwrap();
    assert_eq!(Picture::of_png(&begun.qr_png).read(), begun.otpauth_uri);
    assert_eq!(Picture::of_text(&begun.qr_text).read(), begun.otpauth_uri);
}
