//! A message as a mail.

use lettre::{
    Address,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::{Content, Failure, FailureKind, Message, Templates, failure::reason};
use crate::domain::{Timestamp, ascii_domain};

/// A mail, ready for SMTP.
#[derive(Clone)]
pub(super) struct Mail {
    /// The sender's address.
    pub(super) from: String,
    /// The recipient's.
    pub(super) to: String,
    /// Headers and bodies.
    pub(super) text: Vec<u8>,
    /// Words that a server may repeat and the log must not: the recipient's local part, the code.
    pub(super) secrets: Vec<String>,
}

/// Composes the mail. Its `Message-ID` is the same for every try, so that a mail server can drop duplicates.
pub(super) fn compose(
    id: Uuid,
    message: &Message,
    templates: &Templates,
    from: &Mailbox,
    now: Timestamp,
) -> Result<Mail, Failure> {
    let failed = |kind, what: &str, error: &(dyn std::error::Error + 'static)| {
        Failure::new(kind, reason(what, error))
    };
    // An operator's template may fail for this message.
    let words = templates
        .render(message, now)
        .map_err(|error| failed(FailureKind::Setup, "no words for it", &error))?;
    let to = on_the_wire(&message.destination)?;
    let sender = on_the_wire(from.email.as_ref())?;
    let mut mail = lettre::Message::builder()
        .from(Mailbox::new(from.name.clone(), sender.clone()))
        // Without the username: it is not needed, and may be an attacker's.
        .to(Mailbox::new(None, to.clone()))
        .subject(words.subject)
        .date(now.into())
        .message_id(Some(format!("<{id}@{}>", sender.domain())))
        // Suppresses out-of-office replies: RFC 3834, and its equivalent for Exchange.
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Auto-Response-Suppress", "All"));
    if let Some(id) = &message.cause.request_id {
        mail = mail.raw_header(header("X-Request-ID", id.as_str()));
    }
    let mail = mail
        .multipart(MultiPart::alternative_plain_html(words.text, words.html))
        .map_err(|error| failed(FailureKind::Refused, "no mail can be made", &error))?;
    let mut secrets = vec![to.user().to_owned()];
    match &message.content {
        Content::Code { code, .. } => secrets.push(code.expose().to_owned()),
        Content::EmailChanged(_) | Content::DeletionRequested(_) | Content::Notice(_) => {
            secrets.extend(message.content.undo().map(|undo| undo.code.shown().to_string()));
        }
        Content::Device(_) => {}
    }
    Ok(Mail { from: sender.to_string(), to: to.to_string(), text: mail.formatted(), secrets })
}

/// An address for SMTP without SMTPUTF8, as far as possible: the domain in A-labels (RFC 5890).
fn on_the_wire(address: &str) -> Result<Address, Failure> {
    // Without the address: the text is logged.
    let bad = || Failure::new(FailureKind::Refused, "an address is none that mail can go to");
    let (local, domain) = address.rsplit_once('@').ok_or_else(bad)?;
    let domain = ascii_domain(domain).ok_or_else(bad)?;
    Address::new(local, domain).map_err(|_that_holds_it| bad())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.into())
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
        let mail = String::from_utf8(mail.text).unwrap();
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
                "X-Auto-Response-Suppress",
                "X-Request-ID",
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
            assert!(mail.is_ok(), "{address}");
        }
    }

    #[test]
    fn a_domain_goes_out_in_ascii_and_a_local_part_as_it_is() {
        let templates = Templates::load(None).unwrap();
        let from = "Auth <auth@bücher.example>".parse().unwrap();
        for (destination, to) in [
            ("Bob@Bücher.example", "Bob@xn--bcher-kva.example"),
            ("bob@faß.example", "bob@xn--fa-hia.example"),
            ("bób@bücher.example", "bób@xn--bcher-kva.example"),
        ] {
            let message = Message { destination: destination.into(), ..all()[0].clone() };
            let mail = compose(Uuid::nil(), &message, &templates, &from, message.created_at);
            let mail = mail.ok().unwrap();
            assert_eq!((mail.from.as_str(), mail.to.as_str()), ("auth@xn--bcher-kva.example", to));
            let text = String::from_utf8(mail.text).unwrap();
            assert!(text.contains(&format!("To: {to}\r\n")), "{text}");
            assert!(text.contains("@xn--bcher-kva.example>\r\n"), "{text}");
            assert_eq!(text.is_ascii(), to.is_ascii());
        }
    }
}
