//! How messages reach people.

use std::{fs, path::Path, sync::Arc};

use super::{Profile, reader::Reader, setting::Setting, settings};
use crate::{
    delivery::{
        Delivery, Hello, HookUrl, Inbox, Mailbox, Secret, Smtp, SmtpUrl, Templates, Webhook,
    },
    dial::Trust,
};

/// The settings that only one delivery reads, and which one.
const OF_ONE: [(Setting, Kind); 6] = [
    (settings::SMTP_URL, Kind::Smtp),
    (settings::SMTP_FROM, Kind::Smtp),
    (settings::SMTP_HELLO, Kind::Smtp),
    (settings::TEMPLATES, Kind::Smtp),
    (settings::WEBHOOK_URL, Kind::Webhook),
    (settings::WEBHOOK_SECRET, Kind::Webhook),
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
                settings::DELIVERY,
                "must be set with Postgres: smtp, webhook, or log, which writes the codes to the log",
            );
        }
        // A missing delivery in production is the problem: the rest is read as in development.
        let kind = self.read_in(Profile::Development, settings::DELIVERY, |text| {
            let kinds = [Kind::Log, Kind::Smtp, Kind::Webhook];
            let kind = kinds.into_iter().find(|kind| kind.as_str() == text);
            kind.ok_or_else(|| "must be log, smtp or webhook".to_owned())
        });
        // An invalid delivery has no settings of its own to check.
        self.nothing_unused(kind);
        let delivery = match kind {
            Some(Kind::Smtp) => self.smtp(),
            Some(Kind::Webhook) => self.webhook(),
            Some(Kind::Log) | None => None,
        };
        let inbox = (profile == Profile::Development).then(Inbox::default);
        // No delivery: a problem was reported, or it is the log.
        delivery.unwrap_or(Delivery::Log(inbox))
    }

    /// A setting that is never read is a mistake: an operator believes that it does something.
    fn nothing_unused(&mut self, kind: Option<Kind>) {
        let given = |setting| self.settings.get(setting).is_some();
        let only = |kind: Kind| {
            format!("is of use with {}={} only", settings::DELIVERY.name, kind.as_str())
        };
        let mut unused: Vec<_> = OF_ONE
            .into_iter()
            .filter(|(setting, of)| kind.is_some_and(|kind| kind != *of) && given(*setting))
            .map(|(setting, of)| (setting, only(of)))
            .collect();
        if kind == Some(Kind::Log) && given(settings::DELIVERY_CA) {
            let text = format!("is of use with {}=smtp or webhook only", settings::DELIVERY.name);
            unused.push((settings::DELIVERY_CA, text));
        }
        for (setting, text) in unused {
            // Nobody has parsed it.
            self.problems.add_of_value(setting, text);
        }
    }

    fn smtp(&mut self) -> Option<Delivery> {
        let example = "smtps://user:password@mail.example.com";
        self.require(settings::SMTP_URL, &format!("must be set with smtp: {example}"));
        let from = "Countersign <auth@example.com>";
        self.require(settings::SMTP_FROM, &format!("must be set with smtp: {from}"));
        let url = self.given(settings::SMTP_URL, SmtpUrl::parse);
        let from = self.given(settings::SMTP_FROM, |text| match text.parse::<Mailbox>() {
            Ok(mailbox) => Ok(mailbox),
            Err(error) => Err(format!("must be a mailbox such as {from}: {error}")),
        });
        let hello = self.given(settings::SMTP_HELLO, Hello::parse).unwrap_or_else(Hello::of_host);
        let templates = self.templates();
        let trust = self.trust(settings::DELIVERY_CA);
        let smtp = Smtp::new(url?, from?, templates?, &trust?).map(|smtp| smtp.named(hello));
        self.ready(settings::SMTP_URL, smtp.map(|smtp| Delivery::Smtp(Arc::new(smtp))))
    }

    fn webhook(&mut self) -> Option<Delivery> {
        self.require(settings::WEBHOOK_URL, "must be set with webhook: https://…");
        let secret = "must be set with webhook: at least 24 bytes in base64, as `openssl rand -base64 32` prints them";
        self.require(settings::WEBHOOK_SECRET, secret);
        let url = self.given(settings::WEBHOOK_URL, HookUrl::parse);
        let secret = self.given(settings::WEBHOOK_SECRET, Secret::parse);
        let trust = self.trust(settings::DELIVERY_CA);
        let webhook = Webhook::new(url?, secret?, &trust?);
        self.ready(
            settings::WEBHOOK_URL,
            webhook.map(|webhook| Delivery::Webhook(Arc::new(webhook))),
        )
    }

    fn ready<E: std::fmt::Display>(
        &mut self,
        setting: Setting,
        delivery: Result<Delivery, E>,
    ) -> Option<Delivery> {
        delivery.map_err(|error| self.problems.add(setting, format!("is invalid: {error}"))).ok()
    }

    fn templates(&mut self) -> Option<Templates> {
        let folder = self.settings.get(settings::TEMPLATES).map(Path::new);
        match Templates::load(folder) {
            Ok(templates) => Some(templates),
            Err(problems) => {
                for problem in problems {
                    self.problems.add_of_value(settings::TEMPLATES, problem);
                }
                None
            }
        }
    }

    /// The authorities in the file that `setting` names, beside the public ones.
    pub(super) fn trust(&mut self, setting: Setting) -> Option<Trust> {
        if self.settings.get(setting).is_none() {
            return Some(Trust::default());
        }
        self.given(setting, |path| {
            let pem = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
            Trust::parse(&pem)
        })
    }
}
