//! Our own JSON lines: a row on each, in the names of the RPC's row. So are the rows of a file of rejects, within `row`.

use serde_json::Value;

use crate::cli::import::{object::Object, problem::Problem};

/// The members of a line in a file of rejects.
pub(crate) const UNWRAPPED: [&str; 5] = ["line", "number", "field", "problem", "row"];

/// Takes the row out of a line of a file of rejects. Another line is passed on as it is.
///
/// # Errors
/// A reject whose row is still no JSON object.
pub(crate) fn unwrap(mut object: Object) -> Result<Object, Problem> {
    let is_reject = object.contains_key("row") && object.contains_key("problem");
    if !is_reject {
        return Ok(object);
    }
    match object.remove("row") {
        Some(Value::Object(row)) => Ok(row),
        // The text of a line that was no JSON, mended within its quotes.
        Some(Value::String(text)) => serde_json::from_str(&text)
            .map_err(|error| Problem::new("row", format!("is no JSON object: {error}"))),
        _ => Err(Problem::new("row", "must be a JSON object")),
    }
}
