//! The costs, one line a field.

use std::{fmt, time::Duration};

/// What a field's dearest texts cost.
pub(crate) struct Row {
    /// The RPC and the field.
    name: String,
    /// What is answered to a text of the greatest size.
    pub(crate) answer: String,
    /// A whole call with a text that fills the request.
    call: Duration,
    /// What the text is of that.
    request: Duration,
    /// What a text is that fills the field, if it is refused for what it says.
    field: Option<Duration>,
}

/// All of them, and what is too much.
pub(crate) struct Table {
    most: Duration,
    rows: Vec<Row>,
}

impl Row {
    pub(crate) fn new(name: String) -> Self {
        let (call, request) = (Duration::ZERO, Duration::ZERO);
        Self { name, answer: String::new(), call, request, field: None }
    }

    /// Keeps what costs most.
    pub(crate) fn add(&mut self, fills_request: bool, call: Duration, text: Duration) {
        if fills_request {
            self.call = self.call.max(call);
            self.request = self.request.max(text);
        } else {
            self.field = Some(self.field.unwrap_or_default().max(text));
        }
    }

    fn dearest(&self) -> Duration {
        self.request.max(self.field.unwrap_or_default())
    }
}

impl Table {
    pub(crate) fn new(most: Duration) -> Self {
        Self { most, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// How many cost too much.
    pub(crate) fn too_dear(&self) -> usize {
        self.rows.iter().filter(|row| row.dearest() > self.most).count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
        let heads = ["RPC and field", "call", "text", "own size", "answer"];
        let [name, call, text, own, answer] = heads;
        writeln!(f, "{name:38} {call:>8} {text:>8} {own:>8}  {answer}")?;
        for row in &self.rows {
            let own = row.field.map_or_else(|| "–".to_owned(), milliseconds);
            let mark = if row.dearest() > self.most { "  TOO DEAR" } else { "" };
            let (call, text) = (milliseconds(row.call), milliseconds(row.request));
            let Row { name, answer, .. } = row;
            writeln!(f, "{name:38} {call:>8} {text:>8} {own:>8}  {answer}{mark}")?;
        }
        let (too_dear, most) = (self.too_dear(), milliseconds(self.most));
        writeln!(f, "\n{too_dear} of {} texts cost more than {most} ms", self.rows.len())
    }
}
