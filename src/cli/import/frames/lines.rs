//! Lines: a row each. Blank ones are passed over.

use std::io::BufRead;

use super::{FileError, Frame, gathered::Gathered};

/// The lines of a file.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, line: 0 }
    }

    /// The next line, without its end; none at the end of the file.
    fn next_line(&mut self) -> Result<Option<Gathered>, FileError> {
        let mut gathered = Gathered::default();
        let mut any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(any.then_some(gathered));
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let (text, used) = end.map_or((chunk, chunk.len()), |end| (&chunk[..end], end + 1));
            gathered.push(text);
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(gathered));
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Frame, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line += 1;
            match self.next_line() {
                Ok(Some(gathered)) if gathered.is_blank() => {}
                Ok(Some(mut gathered)) => {
                    return Some(Ok(Frame { line: self.line, text: gathered.take() }));
                }
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
