//! A progress bar of bytes, shown only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

pub(super) fn bar() -> anyhow::Result<ProgressBar> {
    let style = "{bar:40} {bytes} of {total_bytes}  {elapsed} of {duration}";
    Ok(ProgressBar::new(0).with_style(ProgressStyle::with_template(style)?))
}

pub(super) fn show(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}
