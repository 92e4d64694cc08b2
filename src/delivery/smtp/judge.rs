//! Classifies SMTP failures: what they mean for the message, and for all others.

use super::{
    error::{Error, Step},
    reply::Reply,
};
use crate::delivery::{Failure, FailureKind, failure::reason, mail::Mail};

/// The RFC 3463 (section 3.2) and RFC 7505 status codes for a mailbox that does not exist: `5.1.x`. Not among them are
/// 5.1.7 and 5.1.8, which are about the sender, 5.1.5 (it is valid) and 5.1.9 (a relay's).
const NO_MAILBOX: [u16; 6] = [0, 1, 2, 3, 4, 6];
const NULL_MX: u16 = 10;

/// Classifies a failure. Only a refused recipient concerns one message; a server that refuses the sender, the password or
/// the text would refuse everybody's.
pub(super) fn judge(error: &Error, mail: &Mail) -> Failure {
    let why = if let Error::Answered { step: Step::Auth, reply } = error {
        // Some servers repeat the refused command, with the password in it.
        format!("the mail server refuses user and password: {}", reply.codes())
    } else {
        scrubbed(&reason("the mail server", error), mail)
    };
    Failure::new(kind(error), why)
}

/// The class of an error. RFC 5321, section 4.2.1: 4xx is transient, 5xx permanent; but the latter is often a mistake in
/// the server's configuration.
fn kind(error: &Error) -> FailureKind {
    match error {
        Error::Connect(_) | Error::Tls(_) | Error::TooMuch => FailureKind::Away,
        Error::NotOffered | Error::NoMechanism { .. } => FailureKind::Setup,
        Error::NoUtf8 => FailureKind::Refused,
        Error::Late { step: Step::End } | Error::Broken { step: Step::End, .. } => {
            FailureKind::Unknown
        }
        Error::Late { .. } | Error::Broken { .. } => FailureKind::Away,
        Error::Answered { step, reply } => of_reply(*step, reply),
    }
}

fn of_reply(step: Step, reply: &Reply) -> FailureKind {
    let (passes, stays) = (reply.is(4), reply.is(5));
    match step {
        // The server closes the connection, for all messages.
        _ if reply.code == 421 => FailureKind::Away,
        // An invalid code: the server may have the mail.
        Step::End if !passes && !stays => FailureKind::Unknown,
        Step::Rcpt if stays => of_recipient(reply),
        Step::Rcpt => FailureKind::Waits,
        Step::Data | Step::Text | Step::End if passes => FailureKind::Waits,
        Step::Greeting | Step::Ehlo | Step::StartTls | Step::Auth | Step::Mail if passes => {
            FailureKind::Away
        }
        Step::Greeting
        | Step::Ehlo
        | Step::StartTls
        | Step::Auth
        | Step::Mail
        | Step::Data
        | Step::Text
        | Step::End => FailureKind::Setup,
    }
}

/// Servers report rate limits, quotas and policies by 550 and 554, too: unless the reply names the mailbox, retry.
fn of_recipient(reply: &Reply) -> FailureKind {
    match reply.enhanced() {
        Some((5, 1, NULL_MX)) => FailureKind::Refused,
        Some((5, 1, detail)) if NO_MAILBOX.contains(&detail) => FailureKind::Refused,
        // The server refuses the sender or wants a password: many say so only here.
        Some((5, 1, 7 | 8)) => FailureKind::Setup,
        _ if matches!(reply.code, 500..=504 | 530) => FailureKind::Setup,
        _ => FailureKind::Waits,
    }
}

/// Whether the server refused the password.
pub(super) fn is_wrong_login(error: &Error) -> bool {
    matches!(error, Error::Answered { step: Step::Auth, reply } if !reply.is(4))
}

/// Whether an idle connection has gone stale, and the server does not have the mail. A fresh one may work.
pub(super) fn is_stale(error: &Error) -> bool {
    match error {
        Error::Answered { reply, .. } => reply.code == 421,
        Error::Broken { step, .. } => *step != Step::End,
        Error::Late { step } => *step == Step::Mail,
        Error::Connect(_)
        | Error::Tls(_)
        | Error::NotOffered
        | Error::TooMuch
        | Error::NoMechanism { .. }
        | Error::NoUtf8 => false,
    }
}

/// Removes secrets that servers like to repeat: the recipient, in any form, and the code.
fn scrubbed(text: &str, mail: &Mail) -> String {
    let text = text.split(' ').map(|word| {
        let lower = word.to_lowercase();
        let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
        let says = |secret: &String| {
            // A short secret is a part of many words.
            let secret = secret.to_lowercase();
            bare == secret || (secret.chars().count() > 2 && lower.contains(&secret))
        };
        if word.contains('@') || mail.secrets.iter().any(says) { "…" } else { word }
    });
    text.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn mail(secrets: &[&str]) -> Mail {
        Mail {
            from: "auth@example.com".into(),
            to: "bob@example.com".into(),
            text: Vec::new(),
            secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
        }
    }

    fn answered(step: Step, text: &str) -> Error {
        let (code, text) = text.split_once(' ').unwrap_or((text, ""));
        Error::Answered {
            step,
            reply: Reply { code: code.parse().unwrap(), lines: vec![text.into()] },
        }
    }

    #[test]
    fn only_a_mailbox_that_there_is_not_is_for_good() {
        for (text, expected) in [
            ("550 5.1.1 nobody", FailureKind::Refused),
            ("553 5.1.3 bad syntax", FailureKind::Refused),
            ("556 5.1.10 null MX", FailureKind::Refused),
            ("550 5.4.5 daily quota exceeded", FailureKind::Waits),
            ("550 5.7.1 rate limited", FailureKind::Waits),
            ("554 5.7.1 relay access denied", FailureKind::Waits),
            ("552 5.2.2 mailbox full", FailureKind::Waits),
            ("550 no such user", FailureKind::Waits),
            ("550 4.1.1 both", FailureKind::Waits),
            ("450 4.1.1 nobody", FailureKind::Waits),
            ("450 5.1.1 nobody", FailureKind::Waits),
            ("451 4.7.1 greylisted", FailureKind::Waits),
            ("251 will forward to an odd step", FailureKind::Waits),
            ("550 5.1.8 sender's domain not found", FailureKind::Setup),
            ("530 5.7.0 authentication required", FailureKind::Setup),
            ("503 5.5.1 MAIL first", FailureKind::Setup),
            ("421 4.7.0 bye", FailureKind::Away),
        ] {
            assert_eq!(kind(&answered(Step::Rcpt, text)), expected, "{text}");
        }
    }

    #[test]
    fn what_a_server_refuses_of_us_keeps_the_message() {
        for step in [Step::Greeting, Step::Ehlo, Step::StartTls, Step::Auth, Step::Mail] {
            for text in ["550 5.1.1 no", "553 5.7.1 not yours", "535 5.7.8 wrong", "554"] {
                assert_eq!(kind(&answered(step, text)), FailureKind::Setup, "{step}: {text}");
            }
            assert_eq!(kind(&answered(step, "451 4.3.0 later")), FailureKind::Away, "{step}");
        }
        for step in [Step::Data, Step::Text, Step::End] {
            for text in ["550 5.1.1 no", "554 5.7.1 spam", "552 too large"] {
                assert_eq!(kind(&answered(step, text)), FailureKind::Setup, "{step}: {text}");
            }
            assert_eq!(kind(&answered(step, "452 4.3.1 full")), FailureKind::Waits, "{step}");
            assert_eq!(kind(&answered(step, "421 bye")), FailureKind::Away, "{step}");
        }
    }

    #[test]
    fn only_after_the_final_dot_the_outcome_is_unknown() {
        for step in [Step::Greeting, Step::Auth, Step::Mail, Step::Rcpt, Step::Data, Step::Text] {
            let source = io::ErrorKind::UnexpectedEof.into();
            assert_eq!(kind(&Error::Broken { step, source }), FailureKind::Away);
            assert_eq!(kind(&Error::Late { step }), FailureKind::Away);
        }
        let (step, source) = (Step::End, io::ErrorKind::InvalidData.into());
        assert_eq!(kind(&Error::Broken { step, source }), FailureKind::Unknown);
        assert_eq!(kind(&Error::Late { step }), FailureKind::Unknown);
        assert_eq!(kind(&answered(step, "354 go on")), FailureKind::Unknown);
        assert_eq!(kind(&Error::NoUtf8), FailureKind::Refused);
    }

    #[test]
    fn the_log_has_neither_the_recipient_nor_the_code_and_nothing_twice() {
        let mail = mail(&["bob", "012345", "x"]);
        let text = "550 5.1.1 <Bob@Example.com>: user bob unknown, +bob=example.com (x) 012345 in extra boxes";
        let failure = judge(&answered(Step::Rcpt, text), &mail);
        assert_eq!(
            failure.why,
            "the mail server: its reply to RCPT was 550 5.1.1 … user … unknown, … … … in extra boxes"
        );
    }
}
