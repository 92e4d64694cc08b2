//! The list of all settings, as data.

use serde_json::{Value, json};

use super::{Config, Listed, Problem, Settings, Shown, Source};

impl Config {
    /// What [`Config::list`] tells, for programs.
    pub fn list_as_json(settings: &Settings) -> Value {
        let (listed, others) = Self::list(settings);
        let settings: Vec<_> = listed.iter().map(datum).collect();
        let told =
            |Problem { setting, text, .. }: &Problem| json!({ "name": setting, "problem": text });
        let others: Vec<_> = others.iter().map(told).collect();
        json!({ "settings": settings, "problems": others })
    }
}

fn datum(listed: &Listed) -> Value {
    let Listed { setting, topic, value, source, problems } = listed;
    let is_part = matches!(value, Shown::Part(_));
    let (value, characters) = match value {
        Shown::Text(text) | Shown::Part(text) => (Some(text), None),
        Shown::Hidden { characters } => (None, Some(characters)),
        Shown::Nothing | Shown::Words(_) => (None, None),
    };
    let (source, path) = match source {
        Source::Flag => ("flag", None),
        Source::Environment => ("environment", None),
        Source::File(path) => ("file", Some(path)),
        Source::UnreadFile => ("file", None),
        Source::Default => ("default", None),
        Source::Computed => ("computed", None),
    };
    json!({
        "name": setting.name,
        "topic": topic,
        "help": setting.help,
        "default": setting.default.text(),
        "secret": setting.secret,
        "may_be_in_file": setting.file,
        "source": source,
        "path": path,
        "value": value,
        "is_part": is_part,
        "hidden_characters": characters,
        "problems": problems,
    })
}
