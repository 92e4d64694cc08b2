//! What `config show` tells of each setting: its value, where that comes from, and its problems. Never a secret.

use url::Url;

use super::{
    Config, DefaultValue, MasterKeySource, Problem, Problems, Profile, Setting, Settings, Source,
    password_settings::{HASH_QUEUE, HASH_THREADS},
    settings::{DATABASE_URL, HTTP_RPCS, MASTER_KEY, TOPICS, WEBHOOK_URL},
    tracing_settings::{ENDPOINT, TRACES_ENDPOINT},
};

/// A setting, and what it is set to.
#[derive(Debug)]
pub struct Listed {
    /// The setting.
    pub setting: Setting,
    /// Its topic.
    pub topic: &'static str,
    /// Its value.
    pub value: Shown,
    /// Where that comes from.
    pub source: Source,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// A value, as far as it may be shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// There is none.
    Nothing,
    /// The text in force.
    Text(String),
    /// The part of it that is no secret.
    Part(String),
    /// What the default stands for, in words.
    Words(&'static str),
    /// A secret, or a text that may hold one.
    Hidden {
        /// Its length.
        characters: usize,
    },
}

impl Config {
    /// Every setting, and the problems that belong to none: names that are no settings.
    pub fn list(settings: &Settings) -> (Vec<Listed>, Vec<Problem>) {
        let (config, Problems(mut problems)) = Self::examine(settings);
        let mut listed = Vec::new();
        for (topic, of_topic) in TOPICS {
            for setting in of_topic.iter().copied() {
                let is_its = |problem: &Problem| {
                    problem.setting == setting.name || problem.setting == setting.file_name()
                };
                let (its, others) = problems.into_iter().partition(is_its);
                problems = others;
                let (value, source) = config.value(settings, setting, &its);
                let problems = its.into_iter().map(|problem| problem.text).collect();
                listed.push(Listed { setting, topic, value, source, problems });
            }
        }
        (listed, problems)
    }

    fn value(&self, given: &Settings, setting: Setting, problems: &[Problem]) -> (Shown, Source) {
        if let (Some(text), Some(source)) = (given.get(setting), given.source(setting)) {
            let is_hidden = problems.iter().any(|problem| problem.is_of_value);
            let shown = if is_hidden { hidden(text) } else { self.shown(given, setting, text) };
            return (shown, source.clone());
        }
        if problems.iter().any(|problem| problem.setting == setting.file_name()) {
            return (Shown::Nothing, Source::UnreadFile);
        }
        if let Some(text) = setting.default.of(self.profile) {
            return (Shown::Text(text.to_owned()), Source::Default);
        }
        match (self.computed(setting), setting.default) {
            (Some(text), _) => (Shown::Text(text), Source::Computed),
            (None, DefaultValue::Computed(words)) if setting != MASTER_KEY => {
                (Shown::Words(words), Source::Computed)
            }
            (
                None,
                DefaultValue::Computed(_)
                | DefaultValue::Value(_)
                | DefaultValue::InDevelopment(_)
                | DefaultValue::ByProfile(..)
                | DefaultValue::PerThread(_)
                | DefaultValue::Absent,
            ) => (Shown::Nothing, Source::Default),
        }
    }

    /// A value that is valid. Of the URLs that hold secrets in some of their parts the others are shown.
    fn shown(&self, given: &Settings, setting: Setting, text: &str) -> Shown {
        let place = match setting {
            DATABASE_URL => self.database.place(),
            WEBHOOK_URL | ENDPOINT | TRACES_ENDPOINT => origin(text),
            _ => text.to_owned(),
        };
        if given.is_confidential(setting, &place) {
            return hidden(text);
        }
        if place == text { Shown::Text(place) } else { Shown::Part(place) }
    }

    /// The value that was computed, where it is more than its default's words.
    fn computed(&self, setting: Setting) -> Option<String> {
        match (setting, &self.master_key) {
            (HTTP_RPCS, _) => Some(if self.listen.http_rpcs { "on" } else { "off" }.to_owned()),
            (HASH_THREADS, _) => Some(self.password.threads.to_string()),
            (HASH_QUEUE, _) => Some(self.password.queue.to_string()),
            (MASTER_KEY, MasterKeySource::MadeAt(path)) if self.profile == Profile::Development => {
                Some(format!("in {}, made at the first start", path.display()))
            }
            _ => None,
        }
    }
}

fn hidden(text: &str) -> Shown {
    Shown::Hidden { characters: text.chars().count() }
}

/// The server of a URL. What comes after it, if anything does, is often the secret of a webhook, or a provider's token.
fn origin(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return String::new() };
    let origin = url.origin().ascii_serialization();
    if text.trim_end_matches('/') == origin { text.to_owned() } else { origin + "/…" }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{
        super::{
            account_settings::*, settings::*, token_settings::*, tracing_settings::PROTOCOL,
            values::tests::settings,
        },
        *,
    };

    fn of(environment: &[(&str, &str)], setting: Setting) -> (Shown, Source) {
        let (listed, _) = Config::list(&settings(&["--audience", "shop"], environment));
        let found = listed.into_iter().find(|listed| listed.setting == setting).unwrap();
        (found.value, found.source)
    }

    fn text(text: &str) -> Shown {
        Shown::Text(text.to_owned())
    }

    #[test]
    fn each_value_is_told_with_its_source() {
        let environment =
            [(DATABASE_URL.name, "sqlite://data/x.db"), (ISSUER.name, "https://auth.example.com")];
        for (setting, value, source) in [
            (ISSUER, text("https://auth.example.com"), Source::Environment),
            (AUDIENCE, text("shop"), Source::Flag),
            (OTP_TTL, text("5m"), Source::Default),
            (REFLECTION, text("on"), Source::Default),
            (ADMIN_ADDR, Shown::Nothing, Source::Default),
            (HTTP_RPCS, text("on"), Source::Computed),
            (TEMPLATES, Shown::Words("built in"), Source::Computed),
            (MASTER_KEY, text("in data/master.key, made at the first start"), Source::Computed),
        ] {
            assert_eq!(of(&environment, setting), (value, source), "{}", setting.name);
        }
    }

    #[test]
    fn of_the_database_and_of_a_webhook_the_place_is_told() {
        let database = [(DATABASE_URL.name, "postgres://u:hunter2@db:5433/auth?sslmode=require")];
        let (value, _) = of(&database, DATABASE_URL);
        assert_eq!(value, Shown::Part("postgres://db:5433/auth".to_owned()));
        let hook = [
            (DATABASE_URL.name, "sqlite://x.db"),
            (DELIVERY.name, "webhook"),
            (WEBHOOK_URL.name, "https://hooks.example.com/services/T0/hunter2"),
        ];
        assert_eq!(of(&hook, DATABASE_URL).0, text("sqlite://x.db"));
        assert_eq!(of(&hook, WEBHOOK_URL).0, Shown::Part("https://hooks.example.com/…".to_owned()));
        assert_eq!(of(&database, MASTER_KEY).0, Shown::Nothing, "none is made with Postgres");
    }

    #[test]
    fn of_a_collector_the_place_is_told_and_no_token_after_it() {
        let part = |text: &str| Shown::Part(text.to_owned());
        for (url, shown) in [
            ("http://collector:4318", text("http://collector:4318")),
            ("https://collector/", text("https://collector/")),
            ("https://otlp.example.com/v1/otlp/canary-hunter2", part("https://otlp.example.com/…")),
            (
                "https://otlp.example.com:443?api_key=canary-hunter2",
                part("https://otlp.example.com/…"),
            ),
            ("http://collector:4318/?api_key=canary-hunter2", part("http://collector:4318/…")),
        ] {
            for setting in [ENDPOINT, TRACES_ENDPOINT] {
                assert_eq!(of(&[(setting.name, url)], setting).0, shown, "{} {url}", setting.name);
                let grpc = [(PROTOCOL.name, "grpc"), (setting.name, url)];
                let told = format!("{:?}", Config::list(&settings(&[], &grpc)));
                assert!(!told.contains("canary"), "{} {url}: {told}", setting.name);
            }
        }
    }

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for (setting, value) in [
            (MASTER_KEY, key),
            // Of the wrong length, or in the wrong place.
            (MASTER_KEY, "AAAA"),
            (OTP_TTL, "a day"),
            (TEMPLATES, "/nowhere"),
            (AUDIENCE, "https://user:hunter2@example.com"),
            (TOTP_ISSUER, key),
        ] {
            let (listed, _) =
                Config::list(&settings(&[], &[(MASTER_KEY_OLD.name, key), (setting.name, value)]));
            let found = listed.into_iter().find(|listed| listed.setting == setting).unwrap();
            assert_eq!(found.value, Shown::Hidden { characters: value.len() }, "{}", setting.name);
        }
    }

    #[test]
    fn a_file_is_named_once_it_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "anyone = watch\n").unwrap();
        let path = file.path().to_str().unwrap();
        let read = of(&[("COUNTERSIGN_CALLERS_FILE", path)], CALLERS);
        assert_eq!(read, (text("anyone = watch"), Source::File(path.to_owned())));
        let unread = of(&[("COUNTERSIGN_CALLERS_FILE", "hunter2")], CALLERS);
        assert_eq!(unread, (Shown::Nothing, Source::UnreadFile));
    }

    /// All that `config` prints is made of this: right, malformed and in the wrong place, in each setting in turn.
    #[test]
    fn no_secret_is_told_whatever_setting_it_is_in() {
        const CANARY: &str = "canary-hunter2";
        let key = STANDARD.encode(CANARY.repeat(3));
        let told = |environment: &[(&str, &str)]| {
            let given = settings(&[], environment);
            let (config, problems) = Config::examine(&given);
            let (config, problems) = (config.warnings(), format!("{problems}"));
            // Without the table itself.
            let (listed, others) = Config::list(&given);
            let listed = listed.iter().map(|Listed { value, source, problems, .. }| {
                format!("{value:?} {source:?} {problems:?}")
            });
            format!("{} {others:?} {config:?} {problems}", listed.collect::<String>())
        };
        for base in
            [(DELIVERY.name, "smtp"), (DELIVERY.name, "webhook"), (JWT_ALGORITHM.name, "HS256")]
        {
            for setting in all_settings().filter(|setting| setting.name != base.0) {
                for secret in [
                    "postgres://user:canary-hunter2@db/x",
                    "postgres://user:canary-hunter2/x",
                    "postgre://user:canary-hunter2@db",
                    "sqlite://user:canary-hunter2@db",
                    "smtps://user:canary-hunter2@mail.example.com",
                    "https://user:canary-hunter2@example.com/",
                    "user:canary-hunter2@example.com = watch",
                    &key,
                ] {
                    // Under another name as well, so that the key is known to be one.
                    let known = (MIGRATE_URL.name, key.as_str());
                    let told_of = told(&[known, base, (setting.name, secret)]);
                    for canary in [CANARY, &key] {
                        assert!(!told_of.contains(canary), "{} {secret}: {told_of}", setting.name);
                    }
                    let file = setting.file_name();
                    if setting.file {
                        let told_of = told(&[base, (&file, secret)]);
                        assert!(!told_of.contains(CANARY), "{file} {secret}: {told_of}");
                    }
                }
            }
        }
    }
}
