//! SMTP errors, each with its step.

use std::{fmt, io};

use super::reply::Reply;

/// A step of a dialogue, named by the server's reply at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The text of the mail, up to the final dot.
    Text,
    /// After the final dot: the server may have the mail.
    End,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "reply to EHLO",
            Self::StartTls => "reply to STARTTLS",
            Self::Auth => "reply to AUTH",
            Self::Mail => "reply to MAIL",
            Self::Rcpt => "reply to RCPT",
            Self::Data => "reply to DATA",
            Self::Text => "taking of the mail",
            Self::End => "reply to the mail",
        })
    }
}

/// The reason why a mail was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no TLS")]
    Tls(#[source] io::Error),
    #[error("it does not offer STARTTLS")]
    NotOffered,
    #[error("more than its reply came before TLS: somebody on the way may have added it")]
    TooMuch,
    #[error("{offered} to log in, and this service speaks PLAIN and LOGIN")]
    NoMechanism { offered: String },
    #[error("it does not take addresses that are not ASCII (SMTPUTF8)")]
    NoUtf8,
    #[error("there was no {step} in time")]
    Late { step: Step },
    #[error("its {step} was cut or is none")]
    Broken { step: Step, source: io::Error },
    #[error("its {step} was {reply}")]
    Answered { step: Step, reply: Reply },
}
