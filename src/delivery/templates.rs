//! The texts of mails: subject, plain text and HTML for each kind. Operators replace them by files of the same names.

use std::{fs, path::Path, time::Duration};

use minijinja::{Environment, Error, UndefinedBehavior, Value, context};

use super::{
    Cause, Content, EmailChanged, Message, Notice, SeenSession, Undo,
    notice::{Template, templates},
};
use crate::domain::{CodePurpose, Timestamp};

/// The templates of codes, by purpose.
const CODES: &[Template] =
    templates!("login", "verify_email", "reset_password", "change_email", "email_login");

/// The templates of messages with a code that undoes what they tell of.
const UNDOABLE: &[Template] = templates!("email_changed", "deletion_requested");

/// The characters of a device's name that are shown.
const LONGEST_NAME: usize = 64;

/// All built-in templates.
fn embedded() -> impl Iterator<Item = Template> {
    CODES.iter().chain(UNDOABLE).chain(Notice::TEMPLATES).copied()
}

/// Validated templates. Values are escaped in HTML: usernames are attacker-controlled.
#[derive(Debug, Clone)]
pub struct Templates(Environment<'static>);

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// A single line (no header injection).
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Templates {
    /// Loads the templates of `folder`, where there is one, in place of the built-in ones.
    ///
    /// # Errors
    /// All problems, with the name of the file and the line.
    pub fn load(folder: Option<&Path>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (kind, part, built_in) in embedded() {
            let name = format!("{kind}.{part}");
            let text = match folder.map(|folder| fs::read_to_string(folder.join(&name))) {
                Some(Ok(text)) => text,
                Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                    problems.push(format!("{name}: {error}"));
                    continue;
                }
                Some(Err(_)) | None => built_in.to_owned(),
            };
            if let Err(error) = environment.add_template_owned(name, text) {
                problems.push(described(&error));
            }
        }
        problems.extend(folder.map(strangers).unwrap_or_default());
        let templates = Self(environment);
        problems.extend(samples().iter().flat_map(|sample| templates.problems(sample)));
        if problems.is_empty() { Ok(templates) } else { Err(problems) }
    }

    /// Problems of a template: unknown names, also in branches that no message may reach, and errors of rendering a sample.
    fn problems(&self, sample: &Message) -> Vec<String> {
        let (kind, values) = (sample.content.kind(), values(sample, sample.created_at));
        let mut problems = Vec::new();
        for (_, part, _) in embedded().filter(|(of, ..)| *of == kind) {
            // A missing template is reported already.
            let Ok(template) = self.0.get_template(&format!("{kind}.{part}")) else { continue };
            let known = |name: &String| {
                values.get_attr(name).is_ok_and(|value| !value.is_undefined())
                    || self.0.globals().any(|(global, _)| global == name)
            };
            let names = template.undeclared_variables(false);
            let unknown: Vec<_> = names.iter().filter(|name| !known(name)).collect();
            for name in &unknown {
                let line = template.source().lines().position(|line| line.contains(*name));
                let line = line.map_or(1, |index| index + 1);
                problems.push(format!("{kind}.{part}:{line}: there is no {name} in this message"));
            }
            if unknown.is_empty()
                && let Err(error) = template.render(values.clone())
            {
                problems.push(described(&error));
            }
        }
        problems
    }

    /// Renders a message.
    pub(super) fn render(&self, message: &Message, now: Timestamp) -> Result<Words, Error> {
        let (kind, values) = (message.content.kind(), values(message, now));
        let part = |part| self.0.get_template(&format!("{kind}.{part}"))?.render(values.clone());
        // A line break in the subject would inject another header.
        let subject = part("subject.txt")?.replace(char::is_control, " ");
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Words { subject, text: part("txt")?, html: part("html")? })
    }
}

/// The variables of templates.
fn values(message: &Message, now: Timestamp) -> Value {
    let username = defused(&message.username);
    // Always defined, and empty where it is unknown: templates test it by `{% if address %}`.
    let address = message.address.map(|address| address.to_string());
    match &message.content {
        Content::Code { code, expires_at, .. } => {
            // Rounded, and at least 1: the mail will be read some time after it was written.
            let minutes = ((expires_at.since(now).as_secs() + 30) / 60).max(1);
            context! { username, address, code => code.expose(), minutes }
        }
        Content::Notice(_) => {
            context! { username, address, time => shown(message.created_at) }
        }
        Content::EmailChanged(changed) => {
            let undo = changed.undo.as_ref();
            context! {
                username,
                address,
                time => shown(message.created_at),
                new_address => defused(&changed.masked_address),
                undo_code => undo.map(|undo| undo.code.shown().to_string()),
                undo_until => undo.map(|undo| shown(undo.expires_at)),
                sessions => changed.sessions.iter().map(of_session).collect::<Vec<_>>(),
                more_sessions => changed.more_sessions,
            }
        }
        Content::DeletionRequested(undo) => {
            context! {
                username,
                address,
                time => shown(message.created_at),
                undo_code => undo.code.shown().to_string(),
                undo_until => shown(undo.expires_at),
            }
        }
    }
}

/// A session in a list of them. Its name is what whoever logged in has called the device: shortened, and on one line.
fn of_session(session: &SeenSession) -> Value {
    let words = session.device_name.replace(char::is_control, " ");
    let name: String = words.chars().take(LONGEST_NAME).collect();
    let address = session.address.map(|address| address.to_string());
    context! { device_name => defused(name.trim()), address, last_used => shown(session.last_used_at) }
}

fn shown(time: Timestamp) -> String {
    humantime::format_rfc3339_seconds(time.into()).to_string()
}

/// A username that mail clients cannot turn into a link (phishing). An attacker chooses it and may register with a victim's
/// address: "visit evil.example" would come from us. The zero-width space after each character of links is invisible.
fn defused(username: &str) -> String {
    const BREAK: char = '\u{200b}';
    let mut defused = String::with_capacity(username.len());
    for c in username.chars() {
        defused.push(c);
        // Other scripts have full stops of their own that some programs accept in a domain.
        if matches!(c, '.' | ':' | '/' | '@' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{2024}') {
            defused.push(BREAK);
        }
    }
    defused
}

/// A message of each kind.
fn samples() -> Vec<Message> {
    let created_at = Timestamp::from_unix_micros(0);
    let expires_at = created_at.plus(Duration::from_secs(600));
    let code = crate::domain::OneTimeCode::generate(&mut rand::rng());
    let codes =
        CodePurpose::ALL.map(|purpose| Content::Code { purpose, code: code.clone(), expires_at });
    let changes = EmailChanged::samples(created_at);
    let changes = changes.map(|changed| Content::EmailChanged(Box::new(changed)));
    let undo = Undo::of(crate::domain::UndoCode::generate(&mut rand::rng()), created_at);
    let deletion = [Content::DeletionRequested(undo)];
    let contents =
        codes.into_iter().chain(changes).chain(deletion).chain(Notice::ALL.map(Content::Notice));
    contents
        .map(|content| Message {
            username: "sample".into(),
            destination: "sample@example.com".into(),
            address: None,
            content,
            created_at,
            cause: Cause::default(),
        })
        .collect()
}

/// Files that look like templates but have an unknown name: a typing error.
fn strangers(folder: &Path) -> Vec<String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return vec![format!("cannot be read: {error}")],
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let looks_so = |name: &String| name.ends_with(".txt") || name.ends_with(".html");
    let is_one =
        |name: &String| embedded().any(|(kind, part, _)| *name == format!("{kind}.{part}"));
    let mut strangers: Vec<_> = names
        .filter(|name| looks_so(name) && !is_one(name))
        .map(|name| format!("{name}: no message has this template"))
        .collect();
    strangers.sort();
    strangers
}

fn described(error: &Error) -> String {
    let (name, line) = (error.name().unwrap_or_default(), error.line().unwrap_or(1));
    let kind = error.kind();
    match error.detail() {
        Some(detail) => format!("{name}:{line}: {kind}: {detail}"),
        None => format!("{name}:{line}: {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{DELETION_REQUESTED, EMAIL_CHANGED, message::tests::all};

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn every_purpose_of_a_code_has_templates() {
        let words: std::collections::HashSet<_> = CODES.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(words, CodePurpose::ALL.map(CodePurpose::as_str).into());
    }

    #[test]
    fn every_kind_has_words_of_its_own() {
        let templates = Templates::load(None).unwrap();
        for message in all() {
            let words = templates.render(&message, message.created_at).unwrap();
            let has_code = matches!(message.content, Content::Code { .. });
            for text in [&words.text, &words.html] {
                assert_eq!(text.contains("012345"), has_code, "{text}");
            }
            // Locked screens show it, and logs of mail servers keep it.
            assert!(!words.subject.contains("012345"), "{}", words.subject);
            let title = format!("<title>{}</title>", words.subject);
            for part in ["<html lang=\"en\">", "<meta charset=\"utf-8\">", title.as_str()] {
                assert!(words.html.contains(part), "{part}: {}", words.html);
            }
            assert!(words.text.contains("alice") && words.html.contains("alice"));
            assert!(!has_code || words.text.contains("5 minutes"), "{}", words.text);
        }
    }

    #[test]
    fn every_kind_says_which_address_asked_where_that_is_known() {
        let templates = Templates::load(None).unwrap();
        for message in all() {
            let words = |message: &Message| {
                let words = templates.render(message, message.created_at).unwrap();
                [words.text, words.html]
            };
            let said = match message.content {
                Content::Code { .. } => " It was asked for from 192.0.2.1.",
                Content::Notice(_) | Content::EmailChanged(_) | Content::DeletionRequested(_) => {
                    " from 192.0.2.1."
                }
            };
            for text in words(&message) {
                assert!(text.contains(said), "{text}");
            }
            for text in words(&Message { address: None, ..message }) {
                assert!(!text.contains(" from .") && !text.contains("none"), "{text}");
            }
        }
    }

    #[test]
    fn a_former_address_hears_how_to_undo_the_change_and_who_is_in() {
        let templates = Templates::load(None).unwrap();
        let mut told = all().into_iter().filter(|told| told.content.kind() == EMAIL_CHANGED);
        let (can, can_not) = (told.next().unwrap(), told.next().unwrap());
        let words = |told: &Message| {
            let words = templates.render(told, told.created_at).unwrap();
            [words.text, words.html].map(|text| text.replace('\u{200b}', ""))
        };
        for text in words(&can) {
            for part in [
                "to m***@example.net (2027-01-15T08:00:00Z)",
                "until 2027-01-22T08:00:00Z",
                "ABCDEF-GHJKMN-PQRSTV-WXYZ23",
                "a device without a name, last used 2027-01-15T08:00:00Z",
                "a phone, from 198.51.100.7, last used 2027-01-15T08:00:00Z",
                "and 3 more",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        for text in words(&can_not) {
            assert!(!text.contains("undo") && !text.contains("Logged in"), "{text}");
        }
    }

    #[test]
    fn a_user_who_has_gone_hears_how_to_come_back_and_until_when() {
        let templates = Templates::load(None).unwrap();
        let told = all().into_iter().find(|told| told.content.kind() == DELETION_REQUESTED);
        let told = told.unwrap();
        let words = templates.render(&told, told.created_at).unwrap();
        for text in [words.text, words.html] {
            for part in ["ABCDEF-GHJKMN-PQRSTV-WXYZ23", "Until 2027-01-22T08:00:00Z"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        assert!(!words.subject.contains("ABCDEF"));
    }

    #[test]
    fn the_name_of_a_device_is_short_and_makes_no_link() {
        let templates = Templates::load(None).unwrap();
        let mut told = all().into_iter().find(|told| told.content.kind() == EMAIL_CHANGED).unwrap();
        if let Content::EmailChanged(changed) = &mut told.content {
            changed.sessions[0].device_name = format!("a\r\nb.example <b>{}", "x".repeat(100));
        }
        let words = templates.render(&told, told.created_at).unwrap();
        assert!(words.text.contains("\n- a  b.\u{200b}example <b>xxx"), "{}", words.text);
        assert!(words.html.contains("&lt;b&gt;xxx") && !words.html.contains(&"x".repeat(64)));
    }

    #[test]
    fn templates_may_use_the_address_or_not() {
        let folder = folder(&[
            ("login.txt", "{{ code }}{% if address %} {{ address }}{% endif %}"),
            ("login.html", "{{ code }}"),
        ]);
        let templates = Templates::load(Some(folder.path())).unwrap();
        let words = templates.render(&all()[0], all()[0].created_at).unwrap();
        assert_eq!((words.text.as_str(), words.html.as_str()), ("012345 192.0.2.1", "012345"));
    }

    #[test]
    fn what_people_chose_is_escaped_in_html_and_adds_no_header() {
        let folder = folder(&[("login.subject.txt", "{{ username }}\r\nBcc: {{ code }}\n")]);
        let templates = Templates::load(Some(folder.path())).unwrap();
        let username = "<b>a</b>\r\nBcc: m@example.com\u{2028}\u{0}".to_owned();
        let message = Message { username, ..all()[0].clone() };
        let words = templates.render(&message, message.created_at).unwrap();
        let break_ = '\u{200b}';
        assert_eq!(
            words.subject,
            format!("<b>a</{break_}b> Bcc:{break_} m@{break_}example.{break_}com Bcc: 012345")
        );
        assert!(
            words.html.contains("&lt;b&gt;a&lt;") && !words.html.contains("<b>a"),
            "{}",
            words.html
        );
    }

    #[test]
    fn a_name_that_looks_like_a_link_or_an_address_is_none_in_a_mail() {
        let templates = Templates::load(None).unwrap();
        for username in
            ["evil.example", "www.evil.example/x", "https://evil.example", "m@evil.example"]
        {
            for message in all() {
                let message = Message { username: username.into(), ..message };
                let words = templates.render(&message, message.created_at).unwrap();
                for text in [&words.subject, &words.text, &words.html] {
                    for part in ["evil.example", "www.evil", "//evil", "m@evil"] {
                        assert!(!text.contains(part), "{text}");
                    }
                }
                let shown = words.text.replace('\u{200b}', "");
                assert!(shown.contains(&format!("Hello {username},")), "{shown}");
            }
        }
    }

    #[test]
    fn files_replace_what_is_built_in_one_by_one() {
        let folder = folder(&[("login.txt", "{{ code }}!"), ("README.md", "{{ no template }}")]);
        let templates = Templates::load(Some(folder.path())).unwrap();
        let words = templates.render(&all()[0], all()[0].created_at).unwrap();
        assert_eq!(words.text, "012345!");
        assert!(words.html.contains("<strong>012345</strong>"));
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_with_file_and_line() {
        let folder = folder(&[
            ("login.txt", "Hello\n{{ usrname }}"),
            ("login.html", "<p>\n\n{% if username %}"),
            ("login.subject.txt", "{{ username|shout }}"),
            ("verify_email.txt", "{{ code }}\n{% if username == 'x' %}{{ nobody }}{% endif %}"),
            ("password_changed.txt", "{{ code }}"),
            ("logn.txt", ""),
        ]);
        let problems = Templates::load(Some(folder.path())).map(|_| ()).unwrap_err();
        for expected in [
            "login.txt:2: there is no usrname",
            "login.html:3: ",
            "login.subject.txt:1: unknown filter",
            "verify_email.txt:2: there is no nobody",
            "password_changed.txt:1: there is no code",
            "logn.txt: no message",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(expected)),
                "{expected}: {problems:#?}"
            );
        }
        assert_eq!(problems.len(), 6, "{problems:#?}");
        assert!(Templates::load(Some(&folder.path().join("nowhere"))).is_err());
    }
}
