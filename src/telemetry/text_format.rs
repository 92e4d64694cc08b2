//! Metrics in Prometheus' text format 0.0.4, converted from the OpenMetrics text that our library writes. Older parsers,
//! such as that of `promtool check metrics`, reject OpenMetrics: it has more types, units, exemplars, and other names for
//! families.

use std::fmt::Write as _;

/// Rewrites a text in OpenMetrics 1.0.0.
///
/// # Errors
/// Never in practice: writing to memory.
pub fn text_format(openmetrics: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::with_capacity(openmetrics.len());
    // A family's help comes before its type, and the type decides the family's name.
    let mut help = "";
    for line in openmetrics.lines() {
        match line.strip_prefix("# ").map(|rest| rest.split_once(' ').unwrap_or((rest, ""))) {
            Some(("HELP", rest)) => help = rest,
            Some(("TYPE", rest)) => {
                let (name, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
                let (suffix, kind) = classic(kind);
                if let Some((_, help)) = help.split_once(' ').filter(|(of, _)| *of == name) {
                    writeln!(text, "# HELP {name}{suffix} {help}")?;
                }
                writeln!(text, "# TYPE {name}{suffix} {kind}")?;
            }
            // Units, and the end.
            Some(_) => {}
            None => writeln!(text, "{}", without_exemplar(line))?,
        }
    }
    Ok(text)
}

/// The suffix of the family's samples that becomes part of its name, and its type in 0.0.4.
fn classic(kind: &str) -> (&'static str, &str) {
    match kind {
        "counter" => ("_total", kind),
        "info" => ("_info", "gauge"),
        "stateset" => ("", "gauge"),
        "gaugehistogram" => ("", "histogram"),
        "unknown" => ("", "untyped"),
        known => ("", known),
    }
}

/// A sample up to its exemplar, which begins with a number sign that is in no label's value.
fn without_exemplar(sample: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (place, c) in sample.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted => return sample[..place].trim_end(),
            _ => {}
        }
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_gets_the_name_and_the_type_that_0_0_4_knows() {
        let openmetrics = "\
# HELP rpcs RPCs that ended.
# TYPE rpcs counter
rpcs_total{code=\"OK\"} 3 # {trace_id=\"a\"} 1.0 1.5
# HELP took_seconds How long.
# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_sum 1.5
took_seconds_count 2
took_seconds_bucket{le=\"+Inf\"} 2 # {trace_id=\"b\"} 0.7
# HELP build What this is.
# TYPE build info
build_info{version=\"1 # 2\\\"#\"} 1
# TYPE odd unknown
odd 1
# HELP pool Connections.
# TYPE pool gauge
pool 4
# EOF
";
        let expected = "\
# HELP rpcs_total RPCs that ended.
# TYPE rpcs_total counter
rpcs_total{code=\"OK\"} 3
# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_sum 1.5
took_seconds_count 2
took_seconds_bucket{le=\"+Inf\"} 2
# HELP build_info What this is.
# TYPE build_info gauge
build_info{version=\"1 # 2\\\"#\"} 1
# TYPE odd untyped
odd 1
# HELP pool Connections.
# TYPE pool gauge
pool 4
";
        assert_eq!(text_format(openmetrics).unwrap(), expected);
    }
}
