//! Text in columns.

/// Aligns rows in columns: the columns in `left` to the left, numbers to the right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]], left: &[usize]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if left.contains(&column) {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_at_the_right_and_names_at_the_left() {
        let rows = [["kernel", "ms", "note"], ["bmi", "9.5", "–"], ["portable", "117.0", ""]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let expected = "\
kernel       ms  note
bmi         9.5  –
portable  117.0
";
        assert_eq!(aligned(&rows, &[0, 2]), expected);
        assert_eq!(aligned::<3>(&[], &[]), "");
    }
}
