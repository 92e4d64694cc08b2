//! Permissions: what callers may do beside what is open to all.

/// A permission. The names are in policies and in the scopes of service accounts: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Ask whether a token is active.
    Introspect,
    /// Follow the revocations.
    Watch,
    /// Ask whether a request may pass (Envoy's `ext_authz`).
    Authorize,
    /// Manage users and service accounts.
    Admin,
    /// Look at users, service accounts and events.
    AdminRead,
    /// Create users.
    Register,
    /// Export the hashes of passwords.
    ExportHashes,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 7] = [
        Self::Introspect,
        Self::Watch,
        Self::Authorize,
        Self::Admin,
        Self::AdminRead,
        Self::Register,
        Self::ExportHashes,
    ];

    /// The permission of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::Watch => "watch",
            Self::Authorize => "authorize",
            Self::Admin => "admin",
            Self::AdminRead => "admin.read",
            Self::Register => "register",
            Self::ExportHashes => "export_hashes",
        }
    }

    /// Whether who has this permission has `other`, too: managing takes looking.
    pub fn includes(self, other: Self) -> bool {
        self == other || (self == Self::Admin && other == Self::AdminRead)
    }
}
