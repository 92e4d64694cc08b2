//! Rate limits against brute force, password spraying and credential stuffing: which budgets an attempt is charged to,
//! and how each is limited (ADR 14).
//!
//! Strangers are counted by account and source together, under ceilings of the account, the source and the service. A
//! known device, and a session, have budgets of their own, in which strangers have no part.

use std::net::IpAddr;

use uuid::Uuid;

use super::Limits;
use crate::{
    domain::{Challenge, Email, Factor, LoginName, Policy, Source, ThrottleRule, User},
    store::{Charge, Credentials},
    token::Purpose,
};

/// Rows that share the count of the whole service, against contention: every attempt would lock the same row.
const SHARDS: u32 = 16;

/// The limit of an organisation's /48, in multiples of a customer's /64.
const SITE: u32 = 4;

/// Mails that strangers can request without a password, for one mailbox in an hour. The other kinds have budgets of
/// their own, so that these block no registration and no login.
const MAILS_ASKED_FOR: u32 = 30;

/// Mails of registrations, for one mailbox in an hour.
const MAILS_OF_REGISTRATIONS: u32 = 40;

/// Mails with the codes of logins, to strangers or to all known devices, and notices of changes: each for one mailbox
/// in an hour.
const MAILS_OF_THE_ACCOUNT: u32 = 60;

/// The key under which attempts are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) struct Budget {
    /// A digest: the store learns neither account nor name.
    key: [u8; 32],
    /// The address of a stranger; `None` for a known device or a session.
    stranger: Option<Option<IpAddr>>,
}

/// Costs that a source causes to others; each kind is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) enum Waste {
    /// Failed logins and codes, and names that were found taken.
    Failures,
    /// Mails that were asked for without a password.
    Mails,
}

impl Waste {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Failures => b"failures",
            Self::Mails => b"mails",
        }
    }
}

/// The first half of a digest.
fn half(key: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&key[..16]);
    half
}

impl Policy {
    /// Limits an hour, of one source and of all together; `None` where unlimited.
    fn waste_limits(&self) -> [Option<u32>; 2] {
        [self.source_failures, self.service_failures].map(|limit| (limit > 0).then_some(limit))
    }
}

impl Limits {
    /// The first half of the keys of all budgets of one subject: an account, or a mailbox. So an administrator can forget the failures of
    /// one, by a range of keys, and the store still does not learn whose they are.
    fn subject(&self, kind: &[u8], who: &[u8]) -> [u8; 16] {
        half(self.key(b"subject", &[kind, who]))
    }

    fn account(&self, user_id: Uuid) -> [u8; 16] {
        self.subject(b"account", user_id.as_bytes())
    }

    /// The subjects of a user's budgets: those of the account, for strangers, known devices and sessions, and those of the mailbox, for
    /// its codes and mails. Budgets of sources and of the service are nobody's.
    pub(in crate::service) fn subjects(&self, user: &User) -> Vec<[u8; 16]> {
        let mailbox = Email::mailbox_of(&user.email);
        vec![self.account(user.id), self.subject(b"mailbox", mailbox.as_bytes())]
    }

    /// The key of a subject's budget.
    fn key_of(&self, subject: [u8; 16], label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut key = self.key(label, parts);
        key[..subject.len()].copy_from_slice(&subject);
        key
    }

    fn key(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let parts: Vec<_> = [label].into_iter().chain(parts.iter().copied()).collect();
        self.master_key.digest(Purpose::Budget, &parts)
    }

    /// The budget of an account's passwords: a known device's, a session's, or the strangers' at an address. New
    /// credentials begin with new budgets.
    pub(in crate::service) fn account_budget(
        &self,
        user_id: Uuid,
        credential_version: i64,
        device_id: Option<Uuid>,
        address: Option<IpAddr>,
    ) -> Budget {
        let (version, device) = (credential_version.to_be_bytes(), device_id.unwrap_or_default());
        let parts: [&[u8]; 3] = [user_id.as_bytes(), &version, device.as_bytes()];
        let stranger = device_id.is_none().then_some(address);
        Budget { key: self.key_of(self.account(user_id), b"account", &parts), stranger }
    }

    /// The budget for a login. An unknown name gets a budget like an account's: throttling must not reveal accounts
    /// (user enumeration).
    pub(in crate::service) fn login_budget(
        &self,
        name: &LoginName,
        found: Option<&Credentials>,
        device_id: Option<Uuid>,
        address: Option<IpAddr>,
    ) -> Budget {
        if let Some(found) = found {
            let (user_id, version) = (found.user.id, found.credential_version);
            return self.account_budget(user_id, version, device_id, address);
        }
        let (label, key): (&[u8], _) = match name {
            LoginName::Username(key) => (b"username", key),
            LoginName::Email(key) => (b"email", key),
        };
        Budget { key: self.key(label, &[key.as_bytes()]), stranger: Some(address) }
    }

    /// The charges of a password attempt. Failures of the first delay the next attempt.
    pub(super) fn password_charges(&self, budget: &Budget) -> Vec<Charge> {
        let Some(address) = budget.stranger else {
            return vec![Charge { key: budget.key, rule: ThrottleRule::Passwords }];
        };
        let source = Source::from(address).to_bytes();
        let own = self.key_of(half(budget.key), b"account and source", &[&budget.key, &source]);
        let mut charges = vec![
            Charge { key: own, rule: ThrottleRule::Passwords },
            Charge { key: budget.key, rule: ThrottleRule::AccountPasswords },
        ];
        charges.extend(self.waste(Waste::Failures, address, &own));
        charges
    }

    /// The charges of a code that answers a challenge or confirms a change. Each factor is charged by itself: strangers
    /// who use up the codes of an app leave the recovery codes. A new password does not reset them: an attacker who
    /// reads the mailbox could reset the password again and again, and brute force the app's code.
    pub(in crate::service) fn code_charges(
        &self,
        factor: Factor,
        user_id: Uuid,
        device_id: Option<Uuid>,
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        let device = device_id.unwrap_or_default();
        let parts: [&[u8]; 3] = [factor.as_str().as_bytes(), user_id.as_bytes(), device.as_bytes()];
        let of = |label| self.key_of(self.account(user_id), label, &parts);
        let mut charges = vec![Charge { key: of(b"codes"), rule: ThrottleRule::Codes }];
        // A recovery code has too many bits for brute force, at any rate.
        if factor != Factor::RecoveryCode {
            let key = of(b"codes a year");
            charges.push(Charge { key, rule: ThrottleRule::CodesAYear });
        }
        if device_id.is_none() {
            let own = charges[0].key;
            charges.extend(self.waste(Waste::Failures, address, &own));
        }
        charges
    }

    /// The charges of a challenge's code.
    pub(in crate::service) fn challenge_charges(
        &self,
        factor: Factor,
        challenge: &Challenge,
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        self.code_charges(factor, challenge.user_id, challenge.device_id, address)
    }

    /// The charges of a code that was sent to a mailbox.
    pub(in crate::service) fn mailbox_code_charges(
        &self,
        budget: [u8; 32],
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        let own = self.key_of(half(budget), b"mailbox codes", &[&budget]);
        let mut charges = vec![Charge { key: own, rule: ThrottleRule::Codes }];
        charges.extend(self.waste(Waste::Failures, address, &own));
        charges
    }

    /// The budget key for failed codes of an address, whether or not an account has it (user enumeration). A known
    /// device has its own.
    pub(in crate::service) fn mailbox_budget(
        &self,
        what: &[u8],
        email: &Email,
        device_id: Option<Uuid>,
    ) -> [u8; 32] {
        let device = device_id.unwrap_or_default();
        let subject = self.subject(b"mailbox", email.mailbox().as_bytes());
        self.key_of(subject, b"mailbox", &[what, email.key().as_bytes(), device.as_bytes()])
    }

    /// The charge of a mail with a login code. The password was right; all known devices share one budget for each
    /// mailbox, or many of them would flood it.
    pub(in crate::service) fn login_mail_charge(
        &self,
        user: &User,
        is_known_device: bool,
    ) -> Charge {
        let label: &[u8] =
            if is_known_device { b"mails to devices" } else { b"mails to strangers" };
        self.mail_charge(label, &Email::mailbox_of(&user.email), MAILS_OF_THE_ACCOUNT)
    }

    /// The charge of a notice of a change.
    pub(in crate::service) fn notice_charge(&self, user: &User) -> Charge {
        self.mail_charge(b"notices", &Email::mailbox_of(&user.email), MAILS_OF_THE_ACCOUNT)
    }

    /// The charge of a notice of a login on a new device. By itself, so that notices of changes do not use it up.
    pub(in crate::service) fn device_notice_charge(&self, user: &User) -> Charge {
        let mailbox = Email::mailbox_of(&user.email);
        self.mail_charge(b"notices of devices", &mailbox, MAILS_OF_THE_ACCOUNT)
    }

    /// The charge of a notice that is sent once a day at the most, whatever its causes.
    pub(in crate::service) fn daily_notice_charge(&self, user: &User, what: &[u8]) -> Charge {
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let key = self.key(b"daily notice", &[what, user.id.as_bytes()]);
        Charge { key, rule: ThrottleRule::CoolDown(day) }
    }

    /// The charge of a notice to the owner of an address, which is sent once a day at the most; `None` where there is no owner: the same
    /// is written, and the day of a later owner is another one.
    pub(in crate::service) fn daily_owner_charge(
        &self,
        email: &Email,
        owner: Option<Uuid>,
        what: &[u8],
    ) -> Charge {
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let (mailbox, owner) = (email.mailbox(), owner.unwrap_or_default());
        let key = self.key(b"daily notice", &[what, mailbox.as_bytes(), owner.as_bytes()]);
        Charge { key, rule: ThrottleRule::CoolDown(day) }
    }

    /// The charges of a mail that a stranger can request for an address. The mailbox is charged, not the account:
    /// deleting an account and registering anew must not flood it.
    pub(in crate::service) fn asked_mail_charges(
        &self,
        what: &[u8],
        email: &Email,
        is_known_device: bool,
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        let mailbox = email.mailbox();
        let cool_down = ThrottleRule::CoolDown(self.policy.code.resend_after);
        let (of_whom, label, most): (&[u8], &[u8], _) = if is_known_device {
            (b"device", b"mails to devices", MAILS_OF_THE_ACCOUNT)
        } else {
            (b"stranger", b"mails asked for", MAILS_ASKED_FOR)
        };
        let subject = self.subject(b"mailbox", mailbox.as_bytes());
        let key = self.key_of(subject, b"cool-down", &[what, of_whom, mailbox.as_bytes()]);
        let own = self.mail_charge(label, &mailbox, most);
        let mut charges = vec![Charge { key, rule: cool_down }, own];
        if !is_known_device {
            charges.extend(self.waste(Waste::Mails, address, &own.key));
        }
        charges
    }

    /// The charges of a registration's mail.
    pub(in crate::service) fn registration_mail_charges(
        &self,
        email: &Email,
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        let (label, most) = (b"mails of registrations", MAILS_OF_REGISTRATIONS);
        let own = self.mail_charge(label, &email.mailbox(), most);
        let mut charges = vec![own];
        charges.extend(self.waste(Waste::Mails, address, &own.key));
        charges
    }

    /// The charge of the mail to a user whom an administrator creates. Sources do not count: it is no stranger's.
    pub(in crate::service) fn invitation_charge(&self, email: &Email) -> Charge {
        self.mail_charge(b"mails of registrations", &email.mailbox(), MAILS_OF_REGISTRATIONS)
    }

    fn mail_charge(&self, label: &[u8], mailbox: &str, most: u32) -> Charge {
        let subject = self.subject(b"mailbox", mailbox.as_bytes());
        let key = self.key_of(subject, label, &[mailbox.as_bytes()]);
        Charge { key, rule: ThrottleRule::Hourly(most) }
    }

    /// The charges of a code that undoes a change: nobody knows whose it is before it is right.
    pub(in crate::service) fn undo_charges(
        &self,
        code_mac: &[u8; 32],
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        self.waste(Waste::Failures, address, code_mac)
    }

    /// Charges by source (an IPv4 address, a /64 and a /48 of IPv6), and over all sources. `own` is the key of the
    /// attempt, so that the refund goes to the shard that was charged.
    pub(in crate::service) fn waste(
        &self,
        what: Waste,
        address: Option<IpAddr>,
        own: &[u8; 32],
    ) -> Vec<Charge> {
        let [of_source, of_service] = self.policy.waste_limits();
        let label = what.label();
        let mut charges = Vec::with_capacity(3);
        // Loopback is an untrusted proxy or a tool, not one stranger of many. Calls without an address count as one
        // source: they may be anybody's.
        let is_loopback = address.is_some_and(|address| address.to_canonical().is_loopback());
        if let Some(limit) = of_source.filter(|_| !is_loopback) {
            let source = Source::from(address);
            let key = self.key(b"source", &[label, &source.to_bytes()]);
            charges.push(Charge { key, rule: ThrottleRule::Rate(limit) });
            if let Some(site) = source.site() {
                let key = self.key(b"site", &[label, &site.to_bytes()]);
                charges.push(Charge { key, rule: ThrottleRule::Rate(limit.saturating_mul(SITE)) });
            }
        }
        if let Some(limit) = of_service {
            // Its second half: the first is the subject's, and one account would fill one shard.
            let shard = u32::from(own[31]) % SHARDS;
            let key = self.key(b"service", &[label, &shard.to_be_bytes()]);
            charges.push(Charge { key, rule: ThrottleRule::Rate((limit / SHARDS).max(1)) });
        }
        charges
    }

    /// The key that picks the service's shard for a registration whose name or address was taken.
    pub(in crate::service) fn taken_key(&self, username_key: &str, email_key: &str) -> [u8; 32] {
        self.key(b"taken", &[username_key.as_bytes(), email_key.as_bytes()])
    }
}
