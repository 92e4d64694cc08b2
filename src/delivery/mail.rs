//! A message as a mail.

use lettre::{
    Address,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::{Failure, Message, Templates, reason};
use crate::domain::Timestamp;

/// Writes the mail. Its `Message-ID` is the same for every try: a mail server that gets it twice can tell.
pub(super) fn compose(
    id: Uuid,
    message: &Message,
    templates: &Templates,
    from: &Mailbox,
    now: Timestamp,
) -> Result<lettre::Message, Failure> {
    // An operator's template may fail for what this one says.
    let words = templates
        .render(message, now)
        .map_err(|error| Failure::Refused(reason("no words for it", &error)))?;
    let to = message
        .destination
        .parse::<Address>()
        .map_err(|error| Failure::Refused(reason("no mail address", &error)))?;
    let builder = lettre::Message::builder()
        .from(from.clone())
        // Without the username: it is not needed, and whoever chose it may mean ill.
        .to(Mailbox::new(None, to))
        .subject(words.subject)
        .date(now.into())
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        // No answer from whoever is on holiday (RFC 3834).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ));
    builder
        .multipart(MultiPart::alternative_plain_html(words.text, words.html))
        .map_err(|error| Failure::Refused(reason("no mail can be made", &error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::message::tests::all;

    #[test]
    fn no_name_or_template_adds_a_header() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("login.subject.txt"), "{{ username }}\r\nBcc: x")
            .unwrap();
        let templates = Templates::load(Some(folder.path())).unwrap();
        let from = "Countersign <auth@example.com>".parse().unwrap();
        let username = "a\r\nBcc: m@example.com\r\n\r\n<script>".to_owned();
        let message = Message { username, ..all()[0].clone() };
        let mail = compose(Uuid::nil(), &message, &templates, &from, message.created_at).unwrap();
        let mail = String::from_utf8(mail.formatted()).unwrap();
        let (headers, _body) = mail.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = headers
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type"
            ]
        );
        assert!(!mail.contains("<script>a"), "{mail}");
    }

    #[test]
    fn every_address_that_users_may_have_gets_mail() {
        let templates = Templates::load(None).unwrap();
        let from = "auth@example.com".parse().unwrap();
        for address in ["a+tag@example.co.uk", "o'hara@example.com", "用户@例子.广告"] {
            assert!(crate::domain::Email::parse(address).is_ok());
            let message = Message { destination: address.into(), ..all()[0].clone() };
            let mail = compose(Uuid::nil(), &message, &templates, &from, message.created_at);
            assert!(mail.is_ok(), "{address}: {mail:?}");
        }
    }
}
