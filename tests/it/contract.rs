//! What the contract owes to those who generate code from it: names that every generator spells in the same way.

use countersign::pb::DESCRIPTORS;
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    OneofDescriptorProto,
};

/// Fields from before the rule. They stay, deprecated, beside another one with a name that keeps to it.
const OLD_FIELDS: [&str; 2] = ["RegisterRequest.is_2fa_enabled", "User.is_2fa_enabled"];

/// Types and RPCs from before the rule. Every generator makes a name of them that can be called, if not the same one: `Verify2FA`
/// is `Verify2FA` in Go, Python, C#, PHP and Node (there also `verify2Fa`), `verify2FA` in Java and Connect, `verify2_fa` in Rust
/// and Ruby.
const OLD_TYPES: [&str; 3] = ["AuthService.Verify2FA", "Verify2FARequest", "Verify2FAResponse"];

fn files() -> Vec<FileDescriptorProto> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    files.into_iter().filter(|file| file.package().starts_with("auth.")).collect()
}

/// Whether a word is letters (such as `is_letter` accepts), and then perhaps digits.
fn is_word(word: &str, is_letter: fn(&char) -> bool) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    !letters.is_empty() && letters.chars().all(|c| is_letter(&c))
}

/// Lower case, words between single underscores. A digit that begins a word or stands within one is where generators disagree:
/// `is_2fa_enabled` is `is_2faEnabled` for protobuf.js, `is2faEnabled` in JSON and `Is_2FaEnabled` in Go.
fn is_field_name(name: &str) -> bool {
    name.split('_').all(|word| is_word(word, char::is_ascii_lowercase))
}

fn is_value_name(name: &str) -> bool {
    name.split('_').all(|word| is_word(word, char::is_ascii_uppercase))
}

/// A capital first, no underscores, and a digit only at the end of a word of letters.
fn is_type_name(name: &str) -> bool {
    let mut previous = ' ';
    let in_order = name.chars().all(|c| {
        let after_digit = previous.is_ascii_digit();
        let ends_word = !after_digit || c.is_ascii_digit() || c.is_ascii_uppercase();
        previous = c;
        c.is_ascii_alphanumeric() && ends_word
    });
    let acronym_after_digit = name.as_bytes().windows(3).any(|at| {
        at[0].is_ascii_digit() && at[1].is_ascii_uppercase() && at[2].is_ascii_uppercase()
    });
    in_order && !acronym_after_digit && name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The names that break the rule: of fields and oneofs, and of everything else.
#[derive(Debug, Default, PartialEq, Eq)]
struct Odd {
    fields: Vec<String>,
    types: Vec<String>,
}

/// Whether a oneof stands for one field that is `optional`.
fn is_optional(message: &DescriptorProto, oneof: &OneofDescriptorProto) -> bool {
    let name = oneof.name().trim_start_matches('_');
    message.field.iter().any(|field| field.proto3_optional() && field.name() == name)
}

impl Odd {
    fn file(&mut self, file: &FileDescriptorProto) {
        for message in &file.message_type {
            self.message(message.name(), message);
        }
        for of in &file.enum_type {
            self.enumeration(of.name(), of);
        }
        for service in &file.service {
            self.typed(service.name(), service.name());
            for method in &service.method {
                self.typed(method.name(), &format!("{}.{}", service.name(), method.name()));
            }
        }
    }

    fn message(&mut self, path: &str, message: &DescriptorProto) {
        self.typed(message.name(), path);
        let fields = message.field.iter().map(|field| field.name());
        // `optional` is a oneof that generators do not show.
        let shown = message.oneof_decl.iter().filter(|oneof| !is_optional(message, oneof));
        let oneofs = shown.map(|oneof| oneof.name());
        let odd = fields.chain(oneofs).filter(|name| !is_field_name(name));
        self.fields.extend(odd.map(|name| format!("{path}.{name}")));
        for nested in &message.nested_type {
            self.message(&format!("{path}.{}", nested.name()), nested);
        }
        for of in &message.enum_type {
            self.enumeration(&format!("{path}.{}", of.name()), of);
        }
    }

    fn enumeration(&mut self, path: &str, of: &EnumDescriptorProto) {
        self.typed(of.name(), path);
        let odd = of.value.iter().map(|value| value.name()).filter(|name| !is_value_name(name));
        self.types.extend(odd.map(|name| format!("{path}.{name}")));
    }

    fn typed(&mut self, name: &str, path: &str) {
        if !is_type_name(name) {
            self.types.push(path.to_owned());
        }
    }
}

/// What the files import of others: the first four lie in `third_party/`, and the others come with every protoc.
const IMPORTS: [&str; 7] = [
    "buf/validate/validate.proto",
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/field_info.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
];

#[test]
fn every_name_of_the_contract_is_one_that_all_generators_spell_alike() {
    let mut odd = Odd::default();
    for file in files() {
        odd.file(&file);
    }
    odd.fields.sort();
    odd.types.sort();
    assert_eq!(odd.fields, OLD_FIELDS, "a new field needs another name; these two only grow old");
    assert_eq!(odd.types, OLD_TYPES, "a new type, RPC or value needs another name");
}

#[test]
fn the_fields_that_break_the_rule_are_deprecated() {
    for path in OLD_FIELDS {
        let (message, name) = path.split_once('.').unwrap();
        let messages = files().into_iter().flat_map(|file| file.message_type);
        let message = messages.into_iter().find(|found| found.name() == message).unwrap();
        let field = message.field.iter().find(|field| field.name() == name).unwrap();
        assert!(field.options.as_ref().is_some_and(|said| said.deprecated()), "{path}");
    }
}

/// Whoever generates code in these languages has no choice of names but by options of the file.
#[test]
fn every_file_says_where_its_code_belongs() {
    let files = files();
    assert_eq!(files.len(), 11);
    for file in &files {
        let said = file.options.as_ref().unwrap();
        let names = [
            (said.csharp_namespace(), "Countersign.Auth.V1"),
            (said.go_package(), "countersign/auth/v1;authv1"),
            (said.java_package(), "countersign.auth.v1"),
            (said.objc_class_prefix(), "CSA"),
            (said.php_metadata_namespace(), "Countersign\\Auth\\V1\\GPBMetadata"),
            (said.php_namespace(), "Countersign\\Auth\\V1"),
            (said.ruby_package(), "Countersign::Auth::V1"),
            (said.swift_prefix(), "Countersign"),
        ];
        for (found, wanted) in names {
            assert_eq!(found, wanted, "{}", file.name());
        }
        assert!(said.java_multiple_files(), "{}", file.name());
        // Otherwise protoc makes a name of the file's, and another one if a message has that already.
        let class = said.java_outer_classname();
        let taken = file.message_type.iter().any(|message| message.name() == class);
        assert!(class.ends_with("Proto") && !taken, "{}: {class}", file.name());
    }
}

/// Whoever copies the files has to copy all that they import. Which options they use, `scripts/contract_rules.py` says: the types that
/// decode here drop those that they don't know.
#[test]
fn the_files_import_nothing_that_users_would_have_to_look_for() {
    for file in files() {
        assert_eq!(file.syntax(), "proto3", "{}", file.name());
        let foreign = file.dependency.iter().filter(|name| !name.starts_with("auth/v1/"));
        let foreign: Vec<_> = foreign.filter(|name| !IMPORTS.contains(&name.as_str())).collect();
        assert!(foreign.is_empty(), "{} imports {foreign:?}", file.name());
    }
}

#[test]
fn the_rule_knows_names_that_generators_spell_differently() {
    for good in ["two_factor", "x509", "sha256_digest", "jwks_json", "x"] {
        assert!(is_field_name(good), "{good}");
    }
    for bad in ["is_2fa_enabled", "sha256sum", "_id", "id_", "a__b", "2fa", "userId", "a_1", "ä"] {
        assert!(!is_field_name(bad), "{bad}");
    }
    for good in ["Login", "GetJwks", "Sha256", "Sha256Digest"] {
        assert!(is_type_name(good), "{good}");
    }
    for bad in ["Verify2FA", "Verify_2FA", "login", "Verify2fa", "2FA", ""] {
        assert!(!is_type_name(bad), "{bad}");
    }
    for (name, good) in [("FACTOR_TOTP", true), ("FACTOR_2FA", false), ("FACTOR_", false)] {
        assert_eq!(is_value_name(name), good, "{name}");
    }
}
