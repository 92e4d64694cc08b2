//! Which errors a method may give, as its comment says, and its service's.
//!
//! A comment names them as `CODE/REASON`, in a paragraph that begins with "Errors"; "or REASON" has the code of the one before. What
//! looks like a code or a reason and is none fails the build.

use protox::prost_reflect::MethodDescriptor;

use super::{
    Result,
    annotations::Rule,
    comments::{Comments, Text},
    errors::{Code, Reason, code_of, reason_of},
};

/// The errors of any call, which no comment names: reasons that are called as their codes.
const OF_ANY: [&str; 2] = ["DEADLINE_EXCEEDED", "INTERNAL"];

/// An error that a method may give.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub(super) code: &'static Code,
    pub(super) reason: &'static Reason,
}

impl Failure {
    /// As comments have it: `CODE/REASON`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.code.name, self.reason.name)
    }
}

/// Which of a service's methods a sentence in its comment is about.
type Audience = (&'static str, fn(&MethodDescriptor, &[Rule]) -> bool);

/// What a service's comment says after "Of", before the colon; fields have their names of JSON here, as in all comments.
const AUDIENCES: [Audience; 4] = [
    ("those that take the password again", |method, _| has(method, "second_factor")),
    ("those with a requestId", |method, _| has(method, "request_id")),
    ("those about one user", |_, rules| is_about_one_user(rules)),
    ("those that change one", |method, rules| {
        is_about_one_user(rules) && has(method, "validate_only")
    }),
];

fn has(method: &MethodDescriptor, field: &str) -> bool {
    method.input().get_field_by_name(field).is_some()
}

fn is_about_one_user(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| rule.template.starts_with("/v1/users/{"))
}

/// The errors of a method: what its comment says, and its service's. Any request can be malformed.
pub(super) fn failures(
    comments: &Comments,
    method: &MethodDescriptor,
    rules: &[Rule],
) -> Result<Vec<Failure>> {
    let service = method.parent_service();
    let texts = [
        Text(vec!["Errors: INVALID_ARGUMENT/INVALID_FIELD".to_owned()]),
        comments.at(&method.parent_file(), method.path()),
        comments.at(&service.parent_file(), service.path()),
    ];
    let mut failures = Vec::new();
    for paragraph in texts.iter().flat_map(|text| &text.0).filter(|of| of.starts_with("Errors")) {
        for sentence in paragraph.split(". Of ") {
            let (about, list) = sentence.split_once(": ").unwrap_or_default();
            if matches!(about, "Errors" | "Errors of all of them")
                || is_among(about, method, rules)?
            {
                read(list, method, &mut failures).map_err(|why| {
                    format!("the comment of {} on errors: {why}", method.full_name())
                })?;
            }
        }
    }
    Ok(failures)
}

/// The errors of any call.
pub(super) fn of_any() -> Result<Vec<Failure>> {
    let of = |name| Ok(Failure { code: code_of(name)?, reason: reason_of(name)? });
    OF_ANY.into_iter().map(of).collect()
}

fn is_among(about: &str, method: &MethodDescriptor, rules: &[Rule]) -> Result<bool> {
    let audience = AUDIENCES.iter().find(|(name, _)| *name == about);
    let (_, is_in) = audience.ok_or_else(|| {
        format!(
            "{}: build/openapi/errors.rs does not know {about:?}",
            method.parent_service().name()
        )
    })?;
    Ok(is_in(method, rules))
}

/// The codes and reasons in a list.
fn read(list: &str, method: &MethodDescriptor, failures: &mut Vec<Failure>) -> Result<()> {
    let mut last = None;
    let mut add = |failure: Failure| {
        if !failures.iter().any(|other| other.name() == failure.name()) {
            failures.push(failure);
        }
    };
    for word in list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '/') {
        let pair = word.split_once('/').filter(|(code, _)| is_upper(code));
        if let Some((code, reason)) = pair {
            let (code, reason) = (code_of(code)?, reason_of(reason)?);
            last = Some(code);
            add(Failure { code, reason });
        } else if is_loud(word) && !is_known(word, method) {
            let code = last.ok_or_else(|| format!("{word} is no code"))?;
            add(Failure { code, reason: reason_of(word)? });
        }
    }
    Ok(())
}

/// In the spelling of codes and reasons.
fn is_loud(word: &str) -> bool {
    is_upper(word) && (word.contains('_') || code_of(word).is_ok() || reason_of(word).is_ok())
}

fn is_upper(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// A setting, or the value of an enum.
fn is_known(word: &str, method: &MethodDescriptor) -> bool {
    let mut enums = method.parent_pool().all_enums();
    word.starts_with("COUNTERSIGN_") || enums.any(|of| of.get_value_by_name(word).is_some())
}
