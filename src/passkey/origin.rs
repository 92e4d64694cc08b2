//! Origins: the pages and apps that may ask for our passkeys, as client data names them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

/// What Android writes before the digest of an app's certificate.
const ANDROID: &str = "android:apk-key-hash:";

/// Checks an origin of our own: an Android app, a page of `rp_id` or below it, or a page on this machine.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_origin(text: &str, rp_id: &str) -> Result<(), String> {
    if let Some(hash) = text.strip_prefix(ANDROID) {
        return check_android(text, hash);
    }
    let host = host(text)?;
    if is_within(&host, rp_id) {
        return Ok(());
    }
    Err(format!("{text}: browsers give it no passkeys of {rp_id}: list it as a related origin"))
}

/// Checks an origin of another site that shares our passkeys (section 5.11).
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_related_origin(text: &str, rp_id: &str) -> Result<(), String> {
    if !text.starts_with("https:") {
        return Err(format!("{text}: must be of https"));
    }
    let host = host(text)?;
    if is_within(&host, rp_id) {
        return Err(format!("{text}: is within {rp_id}: list it among the origins"));
    }
    Ok(())
}

/// The digest is the SHA-256 of the certificate that the app is signed with.
fn check_android(text: &str, hash: &str) -> Result<(), String> {
    match URL_SAFE_NO_PAD.decode(hash) {
        Ok(hash) if hash.len() == 32 => Ok(()),
        Ok(_) | Err(_) => {
            Err(format!("{text}: must end with a SHA-256 in base64url, without padding"))
        }
    }
}

/// The host of a page's origin, which must be written as browsers write it: it is compared as a text.
fn host(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_none| format!("{text}: is no origin"))?;
    // A star is a letter to URLs, and hosts are compared whole.
    let host = url.host_str().filter(|host| !host.contains('*'));
    let host = host.ok_or_else(|| format!("{text}: is no origin of a page"))?;
    match (url.scheme(), host) {
        // Browsers take a page on their own machine for as safe as one by https; other names of it have no passkeys.
        ("https", _) | ("http", "localhost") => {}
        (_, _) => return Err(format!("{text}: must be of https, or http://localhost")),
    }
    let written = url.origin().ascii_serialization();
    if written != text {
        return Err(format!("{text}: must be {written}, as browsers write it"));
    }
    Ok(host.to_owned())
}

/// Whether a host is the RP id or below it (section 5.1.3).
fn is_within(host: &str, rp_id: &str) -> bool {
    let parent = host.strip_suffix(rp_id);
    // Nothing is below `localhost`.
    parent
        .is_some_and(|labels| labels.is_empty() || (labels.ends_with('.') && rp_id != "localhost"))
}
