//! The table at the end.

use std::{fmt, time::Duration};

/// What was measured, beside what it should be.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Line>);

#[derive(Debug)]
enum Line {
    Title(String),
    Figure { name: String, measured: String, aim: String },
}

impl Report {
    /// Begins a scenario.
    pub(crate) fn title(&mut self, title: impl Into<String>) {
        self.0.push(Line::Title(title.into()));
    }

    /// Adds a figure that has no aim.
    pub(crate) fn add(&mut self, name: impl Into<String>, measured: impl Into<String>) {
        self.aim(name, measured, "");
    }

    /// Adds a figure that has one.
    pub(crate) fn aim(
        &mut self,
        name: impl Into<String>,
        measured: impl Into<String>,
        aim: impl Into<String>,
    ) {
        let (name, measured, aim) = (name.into(), measured.into(), aim.into());
        self.0.push(Line::Figure { name, measured, aim });
    }
}

impl Report {
    /// A line of JSON for each figure, for `scripts/measure`.
    pub(crate) fn json(&self) -> String {
        let (mut title, mut lines) = ("", Vec::new());
        for line in &self.0 {
            match line {
                Line::Title(text) => title = text,
                Line::Figure { name, measured, aim } => {
                    let line = serde_json::json!({"title": title, "name": name, "measured": measured, "aim": aim});
                    lines.push(line.to_string());
                }
            }
        }
        lines.join("\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            match line {
                Line::Title(title) => writeln!(f, "\n{title}")?,
                Line::Figure { name, measured, aim } => {
                    writeln!(f, "{}", format!("  {name:44} {measured:>34}   {aim}").trim_end())?;
                }
            }
        }
        Ok(())
    }
}

/// A duration in milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    if milliseconds < 10.0 {
        format!("{milliseconds:.2} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}

/// How much of `whole` it is.
pub(crate) fn percent(part: f64, whole: f64) -> String {
    if whole == 0.0 { "none".to_owned() } else { format!("{:.1} %", 100.0 * part / whole) }
}
