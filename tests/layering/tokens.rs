//! Enough of Rust's lexer to tell code from strings and comments.

/// A piece of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a keyword or a number.
    Word(String),
    /// A string literal, as it is written.
    Text(String),
    /// A character that is none of these.
    Mark(char),
}

/// The tokens of a source, without comments, characters and white space.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let (mut found, mut rest) = (Vec::new(), source);
    while let Some(first) = rest.chars().next() {
        rest = if first.is_whitespace() {
            rest.trim_start()
        } else if rest.starts_with("//") {
            rest.find('\n').map_or("", |end| &rest[end..])
        } else if let Some((text, after)) = string(rest) {
            found.push(Token::Text(text.to_owned()));
            after
        } else if let Some(after) = character(rest) {
            after
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            &rest[end..]
        } else {
            found.push(Token::Mark(first));
            &rest[first.len_utf8()..]
        };
    }
    found
}

/// The string literal at the start of `rest`, and what follows it.
fn string(rest: &str) -> Option<(&str, &str)> {
    let unprefixed = rest.trim_start_matches(['b', 'r', 'c']);
    let is_raw = rest[..rest.len() - unprefixed.len()].contains('r');
    let opened = if is_raw { unprefixed.trim_start_matches('#') } else { unprefixed };
    let close = format!("\"{}", "#".repeat(unprefixed.len() - opened.len()));
    let inside = opened.strip_prefix('"')?;
    let mut end = 0;
    loop {
        end += inside[end..].find(close.as_str())?;
        let escapes = inside[..end].len() - inside[..end].trim_end_matches('\\').len();
        if is_raw || escapes % 2 == 0 {
            return Some((&inside[..end], &inside[end + close.len()..]));
        }
        end += 1;
    }
}

/// What follows the character literal at the start of `rest`; a lifetime is none.
fn character(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('\'')?;
    if let Some(escaped) = inside.strip_prefix('\\') {
        let after = escaped.get(1..)?;
        return after.find('\'').map(|end| &after[end + 1..]);
    }
    let mut characters = inside.chars();
    characters.next()?;
    characters.as_str().strip_prefix('\'')
}

#[test]
fn this_test_tells_code_from_strings_and_comments() {
    let source = r##"let a: &'static str = "x\"y"; // "no"
        let b = r#"p "q""#; let c = ['"', '\'', 'é']; let d = b"z"; break_it(1)"##;
    let found = tokens(source);
    let texts = found.iter().filter_map(|token| match token {
        Token::Text(text) => Some(text.as_str()),
        Token::Word(_) | Token::Mark(_) => None,
    });
    assert_eq!(texts.collect::<Vec<_>>(), ["x\\\"y", "p \"q\"", "z"]);
    assert!(found.contains(&Token::Word("break_it".into())), "{found:?}");
    assert!(!found.contains(&Token::Word("no".into())), "{found:?}");
}
