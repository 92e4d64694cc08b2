//! What a source names of other modules: by `use`, and by paths in its code.

use std::collections::{HashMap, HashSet};

use super::tokens::{Token, tokens};

/// The names of a source.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// What `use` brings in, by the name that it has here. Traits that are brought in as `_` are in [`unnamed`](Self::unnamed).
    pub(super) imports: HashMap<String, Vec<String>>,
    /// What `use` brings in without a name: `as _` and `*`.
    pub(super) unnamed: Vec<Vec<String>>,
    /// Paths of two words or more, outside `use`.
    pub(super) paths: Vec<Vec<String>>,
    /// All words outside `use`.
    pub(super) words: HashSet<String>,
}

/// The names in the source `text`.
pub(super) fn names(text: &str) -> Names {
    let tokens = tokens(text);
    let (mut found, mut rest) = (Names::default(), tokens.as_slice());
    while let [first, after @ ..] = rest {
        rest = match first {
            Token::Word(word) if word == "use" => {
                let end = after.iter().position(|token| *token == Token::Mark(';'));
                let (tree, after) = after.split_at(end.unwrap_or(after.len()));
                imports(&mut tree.iter().peekable(), &[], &mut found);
                after
            }
            // A module that is declared is not used by that.
            Token::Word(word) if word == "mod" => after.get(1..).unwrap_or_default(),
            // Who may see it, not what is used.
            Token::Word(word) if word == "pub" && after.first() == Some(&Token::Mark('(')) => {
                let end = after.iter().position(|token| *token == Token::Mark(')'));
                end.map_or(after, |end| &after[end..])
            }
            Token::Word(_) => {
                let (path, after) = path(rest);
                found.words.extend(path.iter().cloned());
                if path.len() > 1 {
                    found.paths.push(path);
                }
                after
            }
            Token::Text(_) | Token::Mark(_) => after,
        };
    }
    found
}

/// The path at the start of `rest`, and what follows it.
fn path(mut rest: &[Token]) -> (Vec<String>, &[Token]) {
    let mut path = Vec::new();
    while let [Token::Word(word), after @ ..] = rest {
        path.push(word.clone());
        rest = after;
        match rest {
            [Token::Mark(':'), Token::Mark(':'), after @ ..] => rest = after,
            _ => break,
        }
    }
    (path, rest)
}

type Tree<'a> = std::iter::Peekable<std::slice::Iter<'a, Token>>;

/// The branches of a tree of `use`, all of which begin with `stem`; up to its end or that of its braces.
fn imports(tree: &mut Tree<'_>, stem: &[String], found: &mut Names) {
    let mut path = stem.to_vec();
    let mut name = None;
    let mut branches = false;
    while let Some(token) = tree.next() {
        match token {
            Token::Word(word) if word == "as" => {
                name = tree.next().and_then(|token| match token {
                    Token::Word(name) => Some(name.clone()),
                    Token::Text(_) | Token::Mark(_) => None,
                });
            }
            Token::Word(word) => path.push(word.clone()),
            Token::Mark('*') => name = Some("_".to_owned()),
            Token::Mark('{') => {
                imports(tree, &path, found);
                branches = true;
            }
            Token::Mark(end @ (',' | '}')) => {
                if !branches {
                    add(found, stem, path, name.take());
                }
                path = stem.to_vec();
                branches = false;
                if *end == '}' {
                    return;
                }
            }
            Token::Text(_) | Token::Mark(_) => {}
        }
    }
    if !branches {
        add(found, stem, path, name);
    }
}

fn add(found: &mut Names, stem: &[String], mut path: Vec<String>, name: Option<String>) {
    if path.len() == stem.len() && name.is_none() {
        return;
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
    if name == "_" {
        found.unnamed.push(path);
    } else {
        found.imports.insert(name, path);
    }
}

#[test]
fn this_test_sees_what_a_source_names() {
    let found = names(
        "pub use self::{a::{self, B as C}, d::E as _};\npub(in crate::m) use super::f;\n\
         fn g(x: super::H) { f::i::<J>(); let k = \"use super::l;\"; }",
    );
    let words = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
    let imports = [("a", "self::a"), ("C", "self::a::B"), ("f", "super::f")];
    assert_eq!(found.imports, imports.map(|(name, path)| (name.to_owned(), words(path))).into());
    assert_eq!(found.unnamed, [words("self::d::E")]);
    assert_eq!(found.paths, [words("super::H"), words("f::i")]);
    assert!(found.words.contains("J") && !found.words.contains("l"), "{found:?}");
}
