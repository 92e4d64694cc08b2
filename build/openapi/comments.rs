//! The comments of the protos as Markdown.

use std::collections::BTreeMap;

use protox::prost_reflect::{DescriptorPool, FileDescriptor};

use crate::PACKAGE;

/// What is needed to read comments.
pub(super) struct Comments {
    /// The fields whose names differ in JSON: `challenge_id` is `challengeId` there.
    json_names: BTreeMap<String, String>,
}

/// A comment's paragraphs.
pub(super) struct Text(pub(super) Vec<String>);

impl Comments {
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let ours = pool.all_messages().filter(|of| of.full_name().starts_with(PACKAGE));
        let fields = ours.flat_map(|of| of.fields().collect::<Vec<_>>());
        let names = fields.map(|of| (of.name().to_owned(), of.json_name().to_owned()));
        Self { json_names: names.filter(|(name, json)| name != json).collect() }
    }

    /// The comment before the declaration at `path` of `file`.
    pub(super) fn at(&self, file: &FileDescriptor, path: &[i32]) -> Text {
        let locations = file.file_descriptor_proto().source_code_info.iter();
        let mut locations = locations.flat_map(|info| &info.location);
        let here = locations.find(|location| location.path == path);
        let comment = here.map(|location| location.leading_comments()).unwrap_or_default();
        Text(paragraphs(comment).iter().map(|text| self.in_json(text)).collect())
    }

    /// With the fields as JSON names them. Names in quotes stay: they are values, or claims of a token.
    fn in_json(&self, text: &str) -> String {
        let is_mark = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let mut quoted = false;
        let words = text.split_inclusive(is_mark).map(|piece| {
            let word = piece.trim_end_matches(is_mark);
            let name = self.json_names.get(word).filter(|_| !quoted);
            quoted = piece.ends_with('"');
            name.map_or_else(|| piece.to_owned(), |name| piece.replacen(word, name, 1))
        });
        words.collect()
    }
}

impl Text {
    /// The first sentence, without its full stop.
    pub(super) fn summary(&self) -> String {
        let first = self.0.first().map_or("", String::as_str);
        let end = first.find(". ").unwrap_or(first.len());
        first[..end].trim_end_matches('.').to_owned()
    }

    /// All of it but the first sentence.
    pub(super) fn rest(&self) -> String {
        let whole = self.whole();
        let rest = whole.strip_prefix(&self.summary()).unwrap_or(&whole);
        rest.trim_start_matches('.').trim().to_owned()
    }

    pub(super) fn whole(&self) -> String {
        self.0.join("\n\n")
    }
}

/// The paragraphs, each on one line. What is said of errors begins one, also where no empty line is before it.
fn paragraphs(comment: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in comment.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() && !line.starts_with("Errors") => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            _ => paragraphs.push(line.to_owned()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}
