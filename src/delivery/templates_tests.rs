//! Tests of the texts of mails.

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
            Content::Notice(_)
            | Content::Device(_)
            | Content::EmailChanged(_)
            | Content::DeletionRequested(_) => " from 192.0.2.1.",
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
fn the_name_of_a_device_is_short_and_makes_no_link() {
    let templates = Templates::load(None).unwrap();
    let mut told = all().into_iter().find(|told| told.content.kind() == EMAIL_CHANGED).unwrap();
    if let Content::EmailChanged(changed) = &mut told.content {
        changed.sessions[0].device_name = format!("a\r\nb.example <b>{}", "x".repeat(100));
    }
    let words = templates.render(&told, told.created_at).unwrap();
    assert!(words.text.contains("\n- a  b.\u{200b}example <b>xxx"), "{}", words.text);
    assert!(words.html.contains("&lt;b&gt;xxx") && !words.html.contains(&"x".repeat(64)));
    for what in DeviceNotice::ALL {
        let device_name = format!("a\r\nb.example <b>{}", "x".repeat(100));
        let content = Content::Device(Box::new(AboutDevice { what, device_name }));
        let told = Message { content, ..told.clone() };
        let words = templates.render(&told, told.created_at).unwrap();
        assert!(words.text.contains(" a  b.\u{200b}example <b>xxx"), "{}", words.text);
        assert!(words.html.contains("&lt;b&gt;xxx") && !words.html.contains(&"x".repeat(64)));
    }
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
    for username in ["evil.example", "www.evil.example/x", "https://evil.example", "m@evil.example"]
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
