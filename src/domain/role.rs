//! Roles of users.

use super::{InvalidField, Permission};

/// The most roles of a user: every access token carries them.
const MOST: usize = 32;

/// The most characters of a role.
const LONGEST: usize = 64;

/// The role of administrators.
pub const ADMIN: &str = "admin";

/// The role of those who look at users and events, and change nothing.
pub const ADMIN_VIEWER: &str = "admin.viewer";

/// Parses the roles of a user; one that is given twice counts once.
///
/// # Errors
/// More than 32, and one that has other characters than letters, digits, `.`, `-`, `_` and `:`, or more than 64.
pub fn roles(texts: &[String]) -> Result<Vec<String>, InvalidField> {
    let is_role = |text: &String| {
        (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b))
    };
    if texts.len() > MOST {
        let problem = format!("must be at most {MOST}");
        return Err(InvalidField::new("roles", problem).with("max_items", MOST));
    }
    if !texts.iter().all(is_role) {
        let problem = format!(
            "must each have 1 to {LONGEST} letters, digits, dots, dashes, underscores and colons"
        );
        return Err(InvalidField::new("roles", problem).with("max_characters", LONGEST));
    }
    let mut roles: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if !roles.contains(text) {
            roles.push(text.clone());
        }
    }
    Ok(roles)
}

/// Whether users with these roles have a permission. Exporting hashes takes a permission that no role gives.
pub fn roles_permit(roles: &[String], permission: Permission) -> bool {
    let has = |role| roles.iter().any(|own| own == role);
    match permission {
        Permission::Admin => has(ADMIN),
        Permission::AdminRead => has(ADMIN) || has(ADMIN_VIEWER),
        Permission::Introspect
        | Permission::Watch
        | Permission::Authorize
        | Permission::Register
        | Permission::ExportHashes => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Result<Vec<String>, InvalidField> {
        roles(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn roles_are_few_short_and_plain() {
        assert_eq!(of(&["admin", "team:a-1", "admin"]).unwrap(), ["admin", "team:a-1"]);
        assert!(of(&[&"a".repeat(64)]).is_ok() && of(&[&"a".repeat(65)]).is_err());
        for bad in ["", "a b", "ä", "a,b", "a\n"] {
            assert_eq!(of(&[bad]).unwrap_err().field, "roles", "{bad:?}");
        }
        let many: Vec<_> = (0..33).map(|number| number.to_string()).collect();
        assert!(roles(&many[..32]).is_ok() && roles(&many).is_err());
    }

    #[test]
    fn administrators_change_and_viewers_look() {
        for (own, admin, read) in [
            (ADMIN, true, true),
            (ADMIN_VIEWER, false, true),
            ("admin.", false, false),
            ("Admin", false, false),
        ] {
            let own = [own.to_owned()];
            assert_eq!(roles_permit(&own, Permission::Admin), admin, "{own:?}");
            assert_eq!(roles_permit(&own, Permission::AdminRead), read, "{own:?}");
            for other in Permission::ALL {
                let is_about_users = matches!(other, Permission::Admin | Permission::AdminRead);
                assert!(is_about_users || !roles_permit(&own, other), "{other:?}");
            }
        }
        assert!(!roles_permit(&[], Permission::AdminRead));
    }
}
