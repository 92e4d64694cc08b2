//! The costs, one line a field.

use std::{fmt, time::Duration};

/// What a field's dearest text costs.
pub(crate) struct Row {
    /// The RPC and the field.
    pub(crate) name: String,
    /// What is answered to a text of the greatest size.
    pub(crate) answer: String,
    /// With a text that fills the request.
    pub(crate) request: Duration,
    /// With one that fills the field, if that is refused for what it says.
    pub(crate) field: Option<Duration>,
}

/// All of them, and what is too much.
pub(crate) struct Table {
    most: Duration,
    rows: Vec<Row>,
}

impl Row {
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
        writeln!(f, "{:42} {:>8} {:>8}  answer", "RPC and field", "request", "field")?;
        for row in &self.rows {
            let field = row.field.map_or_else(|| "–".to_owned(), milliseconds);
            let mark = if row.dearest() > self.most { "  TOO DEAR" } else { "" };
            let (name, answer) = (&row.name, &row.answer);
            let request = milliseconds(row.request);
            writeln!(f, "{name:42} {request:>8} {field:>8}  {answer}{mark}")?;
        }
        let (too_dear, most) = (self.too_dear(), milliseconds(self.most));
        writeln!(f, "\n{too_dear} of {} cost more than {most} ms", self.rows.len())
    }
}
