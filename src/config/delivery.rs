//! How messages reach people.

use std::{fs, path::Path, sync::Arc};

use super::{Profile, reader::Reader, settings as name};
use crate::delivery::{
    Delivery, Hello, HookUrl, Mailbox, Secret, Smtp, SmtpUrl, Templates, Trust, Webhook,
};

/// The settings that only one delivery reads, and which one that is.
const OF_ONE: [(&str, Kind); 6] = [
    (name::SMTP_URL, Kind::Smtp),
    (name::SMTP_FROM, Kind::Smtp),
    (name::SMTP_HELLO, Kind::Smtp),
    (name::TEMPLATES, Kind::Smtp),
    (name::WEBHOOK_URL, Kind::Webhook),
    (name::WEBHOOK_SECRET, Kind::Webhook),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Log,
    Smtp,
    Webhook,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Smtp => "smtp",
            Self::Webhook => "webhook",
        }
    }
}

impl Reader<'_> {
    pub(super) fn delivery(&mut self, profile: Profile) -> Delivery {
        if profile == Profile::Production {
            self.require(
                name::DELIVERY,
                "must be set with Postgres: smtp, webhook, or log, which writes the codes to the log",
            );
        }
        let kind = self.read(name::DELIVERY, Some(Kind::Log), |text| {
            let kinds = [Kind::Log, Kind::Smtp, Kind::Webhook];
            let kind = kinds.into_iter().find(|kind| kind.as_str() == text);
            kind.map(Some).ok_or_else(|| "must be log, smtp or webhook".to_owned())
        });
        self.nothing_unused(kind);
        let delivery = match kind {
            Some(Kind::Smtp) => self.smtp(),
            Some(Kind::Webhook) => self.webhook(),
            Some(Kind::Log) | None => None,
        };
        // Without one there is a problem, or it is the log.
        delivery.unwrap_or(Delivery::Log)
    }

    /// A setting that nothing reads is a mistake: of whoever believes that it does something.
    fn nothing_unused(&mut self, kind: Option<Kind>) {
        let given = |name: &str| self.settings.get(name).is_some();
        let only = |kind: Kind| format!("is of use with {}={} only", name::DELIVERY, kind.as_str());
        let mut unused: Vec<_> = OF_ONE
            .into_iter()
            .filter(|(name, of)| kind.is_some_and(|kind| kind != *of) && given(name))
            .map(|(name, of)| (name, only(of)))
            .collect();
        if kind == Some(Kind::Log) && given(name::DELIVERY_CA) {
            let text = format!("is of use with {}=smtp or webhook only", name::DELIVERY);
            unused.push((name::DELIVERY_CA, text));
        }
        for (name, text) in unused {
            self.problems.add(name, text);
        }
    }

    fn smtp(&mut self) -> Option<Delivery> {
        let example = "smtps://user:password@mail.example.com";
        self.require(name::SMTP_URL, &format!("must be set with smtp: {example}"));
        let from = "Countersign <auth@example.com>";
        self.require(name::SMTP_FROM, &format!("must be set with smtp: {from}"));
        let url = self.read(name::SMTP_URL, None, |text| SmtpUrl::parse(text).map(Some));
        let from = self.read(name::SMTP_FROM, None, |text| match text.parse::<Mailbox>() {
            Ok(mailbox) => Ok(Some(mailbox)),
            Err(error) => Err(format!("must be a mailbox such as {from}: {error}")),
        });
        let hello = self
            .read(name::SMTP_HELLO, Some(Hello::of_host()), |text| Hello::parse(text).map(Some));
        let templates = self.templates();
        let (trust, hello) = (self.trust(), hello?);
        let smtp = Smtp::new(url?, from?, templates?, &trust?).map(|smtp| smtp.named(hello));
        self.ready(name::SMTP_URL, smtp.map(|smtp| Delivery::Smtp(Arc::new(smtp))))
    }

    fn webhook(&mut self) -> Option<Delivery> {
        self.require(name::WEBHOOK_URL, "must be set with webhook: https://…");
        let secret = "must be set with webhook: at least 24 bytes in base64, as `openssl rand -base64 32` prints them";
        self.require(name::WEBHOOK_SECRET, secret);
        let url = self.read(name::WEBHOOK_URL, None, |text| HookUrl::parse(text).map(Some));
        let secret = self.read(name::WEBHOOK_SECRET, None, |text| Secret::parse(text).map(Some));
        let trust = self.trust();
        let webhook = Webhook::new(url?, secret?, &trust?);
        self.ready(name::WEBHOOK_URL, webhook.map(|webhook| Delivery::Webhook(Arc::new(webhook))))
    }

    fn ready<E: std::fmt::Display>(
        &mut self,
        name: &str,
        delivery: Result<Delivery, E>,
    ) -> Option<Delivery> {
        delivery.map_err(|error| self.problems.add(name, format!("is of no use: {error}"))).ok()
    }

    fn templates(&mut self) -> Option<Templates> {
        let folder = self.settings.get(name::TEMPLATES).map(Path::new);
        match Templates::load(folder) {
            Ok(templates) => Some(templates),
            Err(problems) => {
                for problem in problems {
                    self.problems.add(name::TEMPLATES, problem);
                }
                None
            }
        }
    }

    fn trust(&mut self) -> Option<Trust> {
        self.read(name::DELIVERY_CA, Some(Trust::default()), |path| {
            let pem = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
            Trust::parse(&pem).map(Some)
        })
    }
}
