//! The texts of mails: subject, plain text and HTML for each kind. Operators replace them by files of the same names.

use std::{fs, path::Path, time::Duration};

use minijinja::{Environment, Error, UndefinedBehavior, Value, context};

use super::{
    AboutDevice, Cause, Content, DeviceNotice, EmailChanged, Message, Notice, SeenSession, Undo,
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
    let about_devices = DeviceNotice::TEMPLATES;
    CODES.iter().chain(UNDOABLE).chain(about_devices).chain(Notice::TEMPLATES).copied()
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
        Content::Device(about) => context! {
            username,
            address,
            time => shown(message.created_at),
            device_name => named(&about.device_name),
        },
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

/// A session in a list of them.
fn of_session(session: &SeenSession) -> Value {
    let device_name = named(&session.device_name);
    let address = session.address.map(|address| address.to_string());
    context! { device_name, address, last_used => shown(session.last_used_at) }
}

/// What whoever logged in has called the device: shortened, on one line, and no link.
fn named(device_name: &str) -> String {
    let words = device_name.replace(char::is_control, " ");
    let name: String = words.chars().take(LONGEST_NAME).collect();
    defused(name.trim())
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
    let devices = DeviceNotice::ALL.map(|what| AboutDevice { what, device_name: "sample".into() });
    let devices = devices.map(|about| Content::Device(Box::new(about)));
    let notices = Notice::ALL.map(Content::Notice);
    let contents = codes.into_iter().chain(changes).chain(deletion).chain(devices).chain(notices);
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
#[path = "templates_tests.rs"]
mod templates_tests;
