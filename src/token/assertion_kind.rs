//! The kinds of assertions of others.

/// The rules that an assertion and its keys must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertionKind {
    /// A JWT by a service's own key (RFC 7523), or by an OpenID Connect issuer, as Kubernetes is one.
    Jwt,
    /// A JWT-SVID (SPIFFE): its `kid` is required, EdDSA is not allowed, its keys are those for `jwt-svid`.
    JwtSvid,
}
