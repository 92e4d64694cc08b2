//! Authenticator data (section 6.1): what the authenticator says, and signs.

use aws_lc_rs::digest::{SHA256, digest};

use super::{Refused, RelyingParty, UserVerification, cbor::Item, sizes::CREDENTIAL_ID};

const USER_PRESENT: u8 = 1 << 0;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED_CREDENTIAL: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// Authenticator data, taken apart.
pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; 32],
    flags: u8,
    pub(super) sign_count: u32,
    pub(super) attested: Option<AttestedCredential<'a>>,
}

/// A new credential (section 6.5.1).
pub(super) struct AttestedCredential<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) id: &'a [u8],
    /// The COSE key as it stands there, and as it reads.
    pub(super) key_bytes: &'a [u8],
    pub(super) key: Item<'a>,
}

impl<'a> AuthenticatorData<'a> {
    /// Takes it apart. Flags without a meaning yet are ignored; extensions must be a map, and are not read.
    ///
    /// # Errors
    /// Bytes that are missing, left over, or no CBOR.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        let mut rest = bytes;
        let rp_id_hash = take(&mut rest)?;
        let [flags] = *take(&mut rest)?;
        let sign_count = u32::from_be_bytes(*take(&mut rest)?);
        let attested = match flags & ATTESTED_CREDENTIAL {
            0 => None,
            _ => Some(AttestedCredential::parse(&mut rest)?),
        };
        if flags & EXTENSIONS != 0 {
            let (extensions, after) = Item::read_first(rest).map_err(Refused::Extensions)?;
            if !matches!(extensions, Item::Map(_)) {
                return Err(Refused::ExtensionsKind);
            }
            rest = after;
        }
        match rest {
            [] => Ok(Self { rp_id_hash, flags, sign_count, attested }),
            _ => Err(Refused::AuthenticatorDataTrailing),
        }
    }

    /// Checks what is the same in both ceremonies (steps 14 to 17 of section 7.1, 15 to 18 of section 7.2).
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn verify(
        &self,
        relying_party: &RelyingParty,
        verification: UserVerification,
    ) -> Result<(), Refused> {
        if digest(&SHA256, relying_party.id().as_bytes()).as_ref() != self.rp_id_hash.as_slice() {
            return Err(Refused::RelyingParty);
        }
        if !self.has(USER_PRESENT) {
            return Err(Refused::UserPresence);
        }
        if verification == UserVerification::Required && !self.user_verified() {
            return Err(Refused::UserVerification);
        }
        if self.backed_up() && !self.backup_eligible() {
            return Err(Refused::BackupState);
        }
        Ok(())
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the authenticator knows who its user is.
    pub(super) fn user_verified(&self) -> bool {
        self.has(USER_VERIFIED)
    }

    /// Whether the credential may be copied to other devices.
    pub(super) fn backup_eligible(&self) -> bool {
        self.has(BACKUP_ELIGIBLE)
    }

    /// Whether it has been.
    pub(super) fn backed_up(&self) -> bool {
        self.has(BACKED_UP)
    }
}

impl<'a> AttestedCredential<'a> {
    fn parse(rest: &mut &'a [u8]) -> Result<Self, Refused> {
        let aaguid = *take(rest)?;
        let length = usize::from(u16::from_be_bytes(*take(rest)?));
        if !CREDENTIAL_ID.contains(&length) {
            return Err(Refused::CredentialIdLength);
        }
        let (id, key_on) =
            rest.split_at_checked(length).ok_or(Refused::AuthenticatorDataTruncated)?;
        let (key, after) = Item::read_first(key_on).map_err(Refused::Key)?;
        let key_bytes = &key_on[..key_on.len() - after.len()];
        *rest = after;
        Ok(Self { aaguid, id, key_bytes, key })
    }
}

fn take<'a, const LENGTH: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; LENGTH], Refused> {
    let (taken, after) = rest.split_first_chunk().ok_or(Refused::AuthenticatorDataTruncated)?;
    *rest = after;
    Ok(taken)
}
