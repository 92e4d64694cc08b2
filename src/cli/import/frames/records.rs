//! The records of a CSV file (RFC 4180): fields may be quoted, and quoted ones may hold line ends.
//!
//! Cut here and not by a library, so that a row is bounded while it is read, and one bad record spoils no other.

use std::io::BufRead;

use super::{FileError, Frame, gathered::Gathered};

/// The records of a CSV file, the header among them.
#[derive(Debug)]
pub(crate) struct Records<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Records<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, line: 1 }
    }

    fn next_record(&mut self) -> Result<Option<(u64, Gathered)>, FileError> {
        let (first, mut gathered, mut any, mut quoted) =
            (self.line, Gathered::default(), false, false);
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                let what = "a quoted field that begins there or before";
                let cut_off = || FileError::CutOff { line: first, what };
                return if quoted { Err(cut_off()) } else { Ok(any.then_some((first, gathered))) };
            }
            any = true;
            let mut end = None;
            for (place, byte) in chunk.iter().enumerate() {
                match byte {
                    // A doubled quote ends and begins: it changes nothing.
                    b'"' => quoted = !quoted,
                    b'\n' => {
                        self.line += 1;
                        if !quoted {
                            end = Some(place);
                            break;
                        }
                    }
                    _ => {}
                }
            }
            let used = end.map_or(chunk.len(), |end| end + 1);
            gathered.push(&chunk[..end.unwrap_or(used)]);
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some((first, gathered)));
            }
        }
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Frame, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_record() {
                Ok(Some((_, gathered))) if gathered.is_blank() => {}
                Ok(Some((line, mut gathered))) => {
                    return Some(Ok(Frame { line, text: gathered.take() }));
                }
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The fields of a record, unquoted. None where the quotes are not those of RFC 4180.
pub(crate) fn fields(record: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = record.trim_end_matches(['\r', '\n']);
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(fields),
        }
    }
}

/// A field behind its opening quote, and what follows its closing one.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (text, after) = rest.split_once('"')?;
        field.push_str(text);
        let Some(next) = after.strip_prefix('"') else { return Some((field, after)) };
        field.push('"');
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::frames::{LARGEST, Text};

    fn records(text: &str) -> Vec<(u64, String)> {
        // A buffer of one byte: no state is lost between two reads.
        let input = std::io::BufReader::with_capacity(1, text.as_bytes());
        let frame = |frame: Result<Frame, FileError>| match frame.unwrap() {
            Frame { line, text: Text::Whole(text) } => (line, String::from_utf8(text).unwrap()),
            Frame { line, text: Text::TooLarge } => (line, "too large".to_owned()),
        };
        Records::new(input).map(frame).collect()
    }

    #[test]
    fn cuts_at_line_ends_that_are_not_quoted() {
        let text = "a,b\r\n\n1,\"x\ny \"\"z\"\"\"\n2,\n";
        let cut = [(1, "a,b\r"), (3, "1,\"x\ny \"\"z\"\"\""), (5, "2,")];
        assert_eq!(records(text), cut.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_record_is_bounded_while_it_is_read() {
        let text = format!("a\n\"{}\"\nb\n", "x".repeat(LARGEST));
        assert_eq!(records(&text)[1..], [(2, "too large".to_owned()), (3, "b".to_owned())]);
    }

    #[test]
    fn a_quote_without_end_is_found_at_the_end() {
        let last = Records::new("a\n1,\"x\n2\n".as_bytes()).last().unwrap();
        assert!(matches!(last, Err(FileError::CutOff { line: 2, .. })), "{last:?}");
    }

    #[test]
    fn fields_are_unquoted() {
        let read = fields("1,\"x, \"\"y\"\"\",,\"\"\r").unwrap();
        assert_eq!(read, ["1", "x, \"y\"", "", ""]);
        for record in ["\"a", "\"a\"b", "\"a\" ,b"] {
            assert_eq!(fields(record), None, "{record}");
        }
    }
}
