//! `countersign config show`.

use std::io::Write as _;

use crate::{
    cli::table::aligned,
    config::{Config, Listed, Problem, Settings, Shown, Source},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How: a table, lines for a shell, or data for programs
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Table,
    Env,
    Json,
}

pub(super) fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<()> {
    let (listed, others) = Config::list(settings);
    let text = match arguments.format {
        Format::Table => table(&listed, &others),
        Format::Env => env(&listed, &others),
        Format::Json => format!("{:#}\n", Config::list_as_json(settings)),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn table(listed: &[Listed], others: &[Problem]) -> String {
    let mut rows = Vec::new();
    let mut topic = "";
    for setting in listed {
        if setting.topic != topic {
            topic = setting.topic;
            rows.push(row(topic, "", ""));
        }
        let (name, source) = (format!("  {}", setting.setting.name), source(&setting.source));
        let value = in_words(&setting.value);
        let mut lines = value.lines();
        rows.push(row(&name, &source, lines.next().unwrap_or_default()));
        rows.extend(lines.map(|line| row("", "", line)));
        rows.extend(setting.problems.iter().map(|problem| row("", "", &format!("! {problem}"))));
    }
    if !others.is_empty() {
        rows.push(row("No settings", "", ""));
    }
    for Problem { setting, text, .. } in others {
        rows.push(row(&format!("  {setting}"), "", &format!("! {text}")));
    }
    aligned(&rows, &[0, 1, 2])
}

fn row(name: &str, source: &str, value: &str) -> [String; 3] {
    [name, source, value].map(str::to_owned)
}

fn source(source: &Source) -> String {
    match source {
        Source::Flag => "flag".to_owned(),
        Source::Environment => "environment".to_owned(),
        Source::File(path) => format!("file {}", visible(path)),
        Source::UnreadFile => "file".to_owned(),
        Source::Default => "default".to_owned(),
        Source::Computed => "computed".to_owned(),
    }
}

fn in_words(value: &Shown) -> String {
    match value {
        Shown::Nothing => "-".to_owned(),
        Shown::Text(text) | Shown::Part(text) => visible(text),
        Shown::Words(words) => format!("({words})"),
        Shown::Hidden { characters } => format!("(set, {characters} characters)"),
    }
}

/// Control characters would reach the terminal.
fn visible(text: &str) -> String {
    let escaped = |c: char| {
        if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.into() }
    };
    text.chars().map(escaped).collect()
}

/// Lines for a shell: what is set, as it was set; the rest as comments.
fn env(listed: &[Listed], others: &[Problem]) -> String {
    let mut text = String::new();
    let mut topic = "";
    for Listed { setting, topic: of, value, source, problems } in listed {
        if *of != topic {
            topic = of;
            text += &format!("{}# {topic}\n", if text.is_empty() { "" } else { "\n" });
        }
        for problem in problems {
            text += &format!("# {} {problem}\n", setting.name);
        }
        text += &match source {
            Source::File(path) => format!("{}_FILE={}\n", setting.name, quoted(path)),
            Source::Flag | Source::Environment => assignment(setting.name, value),
            Source::UnreadFile | Source::Default | Source::Computed => comment(setting.name, value),
        };
    }
    for Problem { setting, text: problem, .. } in others {
        text += &format!("# {setting} {problem}\n");
    }
    text
}

fn assignment(name: &str, value: &Shown) -> String {
    match value {
        Shown::Text(text) => format!("{name}={}\n", quoted(text)),
        Shown::Nothing | Shown::Part(_) | Shown::Words(_) | Shown::Hidden { .. } => {
            comment(name, value)
        }
    }
}

fn comment(name: &str, value: &Shown) -> String {
    format!("# {name}={}\n", in_words(value).replace('\n', " "))
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
