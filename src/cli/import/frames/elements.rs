//! The elements of lists within JSON, found without holding the JSON in memory.
//!
//! It follows strings and brackets alone. Whether an element is JSON is seen when it is parsed: one that is not spoils no
//! other.

use std::io::BufRead;

use super::{
    FileError, Frame,
    gathered::{Gathered, Text},
};

/// Where rows are: names of members from the root, and `*` for each element of a list.
pub(crate) type Path = &'static [&'static str];

/// A list or an object that is open.
#[derive(Debug)]
enum Open {
    List,
    /// With the name of the member that is being read.
    Object {
        name: Vec<u8>,
        before_colon: bool,
    },
}

/// The elements at some paths.
#[derive(Debug)]
pub(crate) struct Elements<R> {
    input: R,
    scanner: Scanner,
}

#[derive(Debug)]
struct Scanner {
    paths: Vec<Path>,
    open: Vec<Open>,
    line: u64,
    in_string: bool,
    escaped: bool,
    in_scalar: bool,
    /// The row that is being read: its line, how many were open around it, and which of the paths it is at.
    row: Option<(u64, usize, usize)>,
    gathered: Gathered,
}

/// What a byte means for the row.
enum Step {
    On,
    /// The row ends with this byte.
    Ends,
    /// The row ended before this byte.
    Ended,
}

impl<R: BufRead> Elements<R> {
    pub(crate) fn new(input: R, paths: Vec<Path>) -> Self {
        let scanner = Scanner {
            paths,
            open: Vec::new(),
            line: 1,
            in_string: false,
            escaped: false,
            in_scalar: false,
            row: None,
            gathered: Gathered::default(),
        };
        Self { input, scanner }
    }

    /// The next element, and the index of its path.
    pub(crate) fn next_element(&mut self) -> Result<Option<(usize, Frame)>, FileError> {
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return self.scanner.end();
            }
            let (used, frame) = self.scanner.scan(chunk)?;
            self.input.consume(used);
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }
}

impl Scanner {
    /// Reads up to the end of a row, or of the chunk. Says how many bytes it has read.
    fn scan(&mut self, chunk: &[u8]) -> Result<(usize, Option<(usize, Frame)>), FileError> {
        let mut begin = 0;
        for (place, byte) in chunk.iter().enumerate() {
            let had_row = self.row.is_some();
            let step = self.step(*byte)?;
            if !had_row && self.row.is_some() {
                begin = place;
            }
            let end = match step {
                Step::On => continue,
                Step::Ends => place + 1,
                Step::Ended => place,
            };
            self.gathered.push(&chunk[begin..end]);
            return Ok((place + 1, self.take()));
        }
        if self.row.is_some() {
            self.gathered.push(&chunk[begin..]);
        }
        Ok((chunk.len(), None))
    }

    fn take(&mut self) -> Option<(usize, Frame)> {
        let (line, _, path) = self.row.take()?;
        Some((path, Frame { line, text: self.gathered.take() }))
    }

    fn end(&mut self) -> Result<Option<(usize, Frame)>, FileError> {
        match (&self.row, self.open.is_empty() && !self.in_string) {
            (Some(_), false) => Err(FileError::CutOff { line: self.line, what: "a row" }),
            (None, false) => Err(FileError::CutOff { line: self.line, what: "its list" }),
            (_, true) => Ok(None),
        }
    }

    fn step(&mut self, byte: u8) -> Result<Step, FileError> {
        if byte == b'\n' {
            self.line += 1;
        }
        if self.in_string {
            return Ok(self.step_in_string(byte));
        }
        let ended =
            self.in_scalar && matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
        let ended = ended && {
            self.in_scalar = false;
            self.at_row_depth()
        };
        let step = match byte {
            b'"' => {
                self.in_string = true;
                self.begin_value();
                Step::On
            }
            b'{' | b'[' => {
                self.begin_value();
                if self.open.len() >= DEEPEST {
                    return Err(self.malformed(byte));
                }
                self.open.push(if byte == b'[' {
                    Open::List
                } else {
                    Open::Object { name: Vec::new(), before_colon: true }
                });
                Step::On
            }
            b'}' | b']' => return self.close(byte, ended),
            b',' | b':' => {
                if let Some(Open::Object { name, before_colon }) = self.open.last_mut() {
                    *before_colon = byte == b',';
                    if byte == b',' {
                        name.clear();
                    }
                }
                Step::On
            }
            b' ' | b'\t' | b'\r' | b'\n' => Step::On,
            _ => {
                if !self.in_scalar {
                    self.in_scalar = true;
                    self.begin_value();
                }
                Step::On
            }
        };
        Ok(if ended { Step::Ended } else { step })
    }

    fn step_in_string(&mut self, byte: u8) -> Step {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
            return if self.at_row_depth() { Step::Ends } else { Step::On };
        }
        // Names that lead to rows are short, and have no escapes.
        if let Some(Open::Object { name, before_colon: true }) = self.open.last_mut()
            && name.len() <= LONGEST_NAME
        {
            name.push(byte);
        }
        Step::On
    }

    fn close(&mut self, byte: u8, ended: bool) -> Result<Step, FileError> {
        let fits = match self.open.pop() {
            Some(Open::List) => byte == b']',
            Some(Open::Object { .. }) => byte == b'}',
            None => false,
        };
        if !fits {
            return Err(self.malformed(byte));
        }
        Ok(if ended {
            Step::Ended
        } else if self.at_row_depth() {
            Step::Ends
        } else {
            Step::On
        })
    }

    fn malformed(&self, byte: u8) -> FileError {
        FileError::Malformed { line: self.line, found: char::from(byte) }
    }

    /// Whether what has just ended is the row itself.
    fn at_row_depth(&self) -> bool {
        self.row.is_some_and(|(_, depth, _)| self.open.len() == depth)
    }

    /// A value begins here, or a name.
    fn begin_value(&mut self) {
        let is_name = matches!(self.open.last(), Some(Open::Object { before_colon: true, .. }));
        if self.row.is_none()
            && !is_name
            && let Some(path) = self.path()
        {
            self.row = Some((self.line, self.open.len(), path));
        }
    }

    /// Which of the paths leads here.
    fn path(&self) -> Option<usize> {
        self.paths.iter().position(|path| {
            path.len() == self.open.len()
                && path.iter().zip(&self.open).all(|(step, open)| match open {
                    Open::List => *step == "*",
                    Open::Object { name, .. } => step.as_bytes() == name,
                })
        })
    }
}

const LONGEST_NAME: usize = 64;

/// How many lists and objects may be open: more than a parser takes, and few enough to remember.
const DEEPEST: usize = 1_000;

impl<R: BufRead> Iterator for Elements<R> {
    type Item = Result<Frame, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_element().transpose()?.map(|(_, frame)| frame))
    }
}

impl Frame {
    /// The bytes, where they were kept.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.text {
            Text::Whole(bytes) => Some(bytes),
            Text::TooLarge => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::frames::LARGEST;

    const USERS: Path = &["users", "*"];
    const ALL: Path = &["*"];

    fn found(text: &str, path: Path) -> (Vec<(u64, String)>, Option<String>) {
        let mut elements =
            Elements::new(std::io::BufReader::with_capacity(3, text.as_bytes()), vec![path]);
        let mut found = Vec::new();
        loop {
            match elements.next_element() {
                Ok(Some((_, frame))) => {
                    let text = frame.bytes().map_or("too large".into(), String::from_utf8_lossy);
                    found.push((frame.line, text.into_owned()));
                }
                Ok(None) => return (found, None),
                Err(error) => return (found, Some(error.to_string())),
            }
        }
    }

    fn texts(text: &str, path: Path) -> Vec<String> {
        let (found, error) = found(text, path);
        assert_eq!(error, None);
        found.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn finds_the_elements_of_the_list_and_of_no_other() {
        let text = r#"{"roles":{"users":["no"]},"users": [ {"a":"]}\"{"} , {"b":[{"users":[1]}]},{}],"x":[[]]}"#;
        assert_eq!(texts(text, USERS), [r#"{"a":"]}\"{"}"#, r#"{"b":[{"users":[1]}]}"#, "{}"]);
        assert_eq!(
            texts(" [1, null ,\"a\\\"]\",[2],true\n]", ALL),
            ["1", "null", "\"a\\\"]\"", "[2]", "true"]
        );
        assert!(texts("[]", ALL).is_empty() && texts("{\"users\":null}", USERS).is_empty());
    }

    /// A value whose shape follows from a number.
    fn made(seed: &mut u64, depth: u32) -> serde_json::Value {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (kind, count) = (*seed >> 33 & 7, *seed >> 40 & 3);
        match kind {
            0 => serde_json::Value::Null,
            1 => (count == 1).into(),
            2 => serde_json::json!(-1.5e3),
            3 | 4 => ["]}", "\\\"", "a\nb,", "{[:"][usize::try_from(count).unwrap()].into(),
            5 if depth > 0 => (0..count).map(|_| made(seed, depth - 1)).collect(),
            _ if depth > 0 => {
                let names = ["users", "\"", "}"].into_iter().take(usize::try_from(count).unwrap());
                names
                    .map(|name| (name.to_owned(), made(seed, depth - 1)))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }
            _ => 7.into(),
        }
    }

    #[test]
    fn finds_what_a_parser_of_the_whole_finds() {
        for number in 0..2_000 {
            let mut seed = number;
            let list: Vec<_> = (0..number % 5).map(|_| made(&mut seed, 4)).collect();
            let document = serde_json::json!({"a": made(&mut seed, 4), "users": list, "z": made(&mut seed, 4)});
            for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
                let found = texts(&text, USERS);
                let found: Vec<serde_json::Value> =
                    found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
                assert_eq!(found, list, "{text}");
            }
        }
    }

    #[test]
    fn goes_on_with_the_next_document() {
        assert_eq!(texts("[1,2]\n[3]", ALL), ["1", "2", "3"]);
    }

    #[test]
    fn says_on_which_line_each_begins() {
        let (found, _) = found("{\"users\": [\n{\n\"a\":1},\n\n{}]}", USERS);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 5]);
    }

    #[test]
    fn what_is_cut_off_is_seen_at_the_end_and_all_before_is_there() {
        for (text, rows, what) in [
            ("[{},\n{\"a\":", 1, "ends on line 2 in the middle of a row"),
            ("[{},\n{\"a", 1, "ends on line 2 in the middle of a row"),
            ("[{},{}\n", 2, "ends on line 2 in the middle of its list"),
            ("[{}}", 1, "line 1: '}'"),
            ("[]]", 0, "line 1: ']'"),
            (&"[".repeat(2_000), 0, "line 1: '['"),
        ] {
            let (found, error) = found(text, ALL);
            assert_eq!(found.len(), rows, "{text}");
            assert!(error.unwrap().contains(what), "{text}");
        }
    }

    #[test]
    fn an_element_is_bounded_while_it_is_read() {
        let text = format!("[{{\"a\":\"{}\"}},{{}}]", "x".repeat(LARGEST));
        assert_eq!(texts(&text, ALL), ["too large", "{}"]);
    }
}
