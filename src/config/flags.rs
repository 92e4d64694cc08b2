//! The flags of the settings on the command line.

use clap::Arg;

use super::{
    reads::Reads,
    setting::Setting,
    settings::{all_settings, topic},
};

/// The flags of all settings. The command's help shows only those that it reads.
pub(super) fn arguments(reads: Reads) -> impl Iterator<Item = Arg> {
    all_settings().flat_map(move |setting| arguments_of(setting, reads))
}

/// The flag of the value, unless it is secret, and that of the file, if there may be one. Hidden if the command does
/// not read the setting, and always from the short help.
fn arguments_of(setting: Setting, reads: Reads) -> impl Iterator<Item = Arg> {
    let argument = move |name, flag, help: &str| {
        argument(setting, name, flag, help).hide(!reads.contains(setting))
    };
    let flag = flag(setting);
    let value =
        (!setting.secret).then(|| argument(setting.name.to_owned(), flag.clone(), setting.help));
    let file = setting.file.then(|| {
        let help = format!("File with {}: {}", setting.name, setting.help);
        argument(setting.file_name(), format!("{flag}-file"), &help)
    });
    value.into_iter().chain(file)
}

/// `--grpc-addr` for `COUNTERSIGN_GRPC_ADDR`.
fn flag(setting: Setting) -> String {
    let name = setting.name.strip_prefix("COUNTERSIGN_").unwrap_or(setting.name);
    name.to_lowercase().replace('_', "-")
}

fn argument(setting: Setting, name: String, flag: String, help: &str) -> Arg {
    let help = format!("{help} [env: {name}] [default: {}]", setting.default.text());
    Arg::new(name)
        .long(flag)
        .help(help)
        .help_heading(topic(setting))
        .value_name("VALUE")
        .hide_short_help(true)
        .global(true)
}
