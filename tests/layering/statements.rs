//! SQL: its columns are named, it stands where it belongs, and it goes through the doors of its store.

use super::source::{code, strings};

/// A prepared statement with a star fails on older replicas once a newer release adds a column: `SELECT *`, `RETURNING *`,
/// `users.*`, in whatever case and over however many lines. `COUNT(*)` counts rows.
#[test]
fn no_statement_names_its_columns_by_a_star() {
    let mut statements = 0;
    for (name, text) in code() {
        for sql in strings(&text).into_iter().filter(|text| is_sql(text)) {
            statements += 1;
            assert!(!has_star(&sql), "src/{name} has a star in `{sql}`: name the columns");
        }
    }
    assert!(statements > 150, "the statements were not found: {statements}");
}

fn is_sql(text: &str) -> bool {
    let words = ["SELECT", "INSERT", "UPDATE", "DELETE", "RETURNING", "FROM", "JOIN"];
    // `user_delete` is the name of an operation.
    let other = |c: char| !c.is_alphanumeric() && c != '_';
    text.to_uppercase().split(other).any(|word| words.contains(&word))
}

fn has_star(sql: &str) -> bool {
    let sql: String = sql.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    sql.match_indices('*').any(|(place, _)| {
        let before = sql[..place].trim_end();
        before.ends_with('.')
            || before.ends_with(',')
            || ["SELECT", "RETURNING", "DISTINCT", "ALL"].iter().any(|word| before.ends_with(word))
    })
}

#[test]
fn this_test_sees_stars() {
    for star in [
        "SELECT * FROM users",
        "select  *\n from users",
        "DELETE FROM users RETURNING *",
        "SELECT users.* FROM users",
        "SELECT id, * FROM users",
        "SELECT DISTINCT * FROM users",
    ] {
        assert!(is_sql(star) && has_star(star), "{star}");
    }
    assert!(!has_star("SELECT COUNT(*), 2 * turn FROM outbox"));
    let text = "let a = \"SELECT \\\n     *\"; let c = '\"'; let b = r#\"x \"y\" z\"#; f(\"\\\"\")";
    assert_eq!(strings(text), ["SELECT       *", "x \"y\" z", "\\\""]);
}

/// A statement by another way than the doors of its store would be neither measured nor given up, and its connection not judged.
#[test]
fn statements_go_through_the_doors_and_each_operation_has_a_name_of_its_own() {
    let (mut names, mut broken) = (Vec::new(), Vec::new());
    for (file, text) in code().into_iter().filter(|(file, _)| file.starts_with("store/")) {
        if file.starts_with("store/queries/") {
            let around = [".acquire(", "reader", "pool", "fetch_all(self", "execute(self"];
            broken.extend(
                around
                    .iter()
                    .filter(|way| text.contains(**way))
                    .map(|way| format!("src/{file} goes past the doors by `{way}`")),
            );
        }
        // As rustfmt breaks it, or on one line.
        let calls: String = text.split_whitespace().collect();
        let doors = [
            "self.read(\"",
            "self.write(\"",
            "self.write_at_once(\"",
            "self.read_within(CHECK_PATIENCE,\"",
        ];
        for door in doors {
            for (place, _) in calls.match_indices(door) {
                let name = calls[place + door.len()..].split('"').next().unwrap_or_default();
                names.push((name.to_owned(), file.clone()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(names.len() > 70, "the operations were not found: {names:?}");
    names.sort();
    for pair in names.windows(2) {
        // Each database checks itself by its own write.
        let same = pair[0].0 == pair[1].0 && pair[0].0 != "write_check";
        assert!(!same, "{pair:?} have one name");
    }
    let odd =
        names.iter().find(|(name, _)| !name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    assert_eq!(odd, None);
}

/// A door needs statements of several topics, and nothing needs a door.
#[test]
fn a_door_has_no_statement_and_a_statement_is_no_door() {
    let (mut doors, mut broken) = (0, Vec::new());
    for (file, text) in code() {
        let Some(name) = file.strip_prefix("store/queries/") else { continue };
        let implements = text.contains("impl") && text.contains("for Backend {");
        if name.starts_with("statements/") {
            if implements {
                broken.push(format!("src/{file} implements a trait"));
            }
        } else {
            doors += usize::from(implements || text.contains("impl Backend {"));
            if let Some(sql) = strings(&text).into_iter().find(|text| is_sql(text)) {
                broken.push(format!("src/{file} has a statement: {sql}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(doors > 12, "the doors were not found");
}
