//! Rate limits against brute force, password spraying and credential stuffing: which budgets an attempt is charged to, and
//! how each is limited (ADR 14).
//!
//! Strangers are counted by account and source together, under ceilings of the account, the source and the service. A known
//! device, and a session, have budgets of their own, in which strangers have no part.

use std::net::IpAddr;

use uuid::Uuid;

use super::Limits;
use crate::{
    domain::{Challenge, Email, Factor, LoginName, Policy, Source, ThrottleRule, User},
    store::{Charge, Credentials},
    token::Purpose,
};

/// A count of the service as a whole is kept in so many rows, or every attempt would wait for the same one.
const SHARDS: u32 = 16;

/// How much more than one customer's /64 an organisation's /48 may waste.
const SITE: u32 = 4;

/// Mails that anybody can ask for without a password, for one mailbox in an hour. The other kinds have budgets of their own, so that
/// these keep nobody from registering or logging in.
const MAILS_ASKED_FOR: u32 = 30;

/// Mails of registrations, for one mailbox in an hour.
const MAILS_OF_REGISTRATIONS: u32 = 40;

/// Mails with the codes of logins, to strangers or to all known devices, and notices of changes: each for one mailbox in an hour.
const MAILS_OF_THE_ACCOUNT: u32 = 60;

/// Whose attempts are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) struct Budget {
    /// A digest: the store never learns whose it is.
    key: [u8; 32],
    /// Where strangers come from; nothing for a known device or a session.
    stranger: Option<Option<IpAddr>>,
}

/// What a source wastes that costs others: each is counted by itself.
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

impl Policy {
    /// What a source may waste in an hour, and all of them together; nothing where that is not limited.
    fn waste_limits(&self) -> [Option<u32>; 2] {
        [self.source_failures, self.service_failures].map(|limit| (limit > 0).then_some(limit))
    }
}

impl Limits {
    fn key(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let parts: Vec<_> = [label].into_iter().chain(parts.iter().copied()).collect();
        self.master_key.digest(Purpose::Budget, &parts)
    }

    /// The budget of an account's passwords: that of a known device or of a session, or that of the strangers at an address. New
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
        Budget { key: self.key(b"account", &parts), stranger }
    }

    /// The budget for a login. Where there is no such account the name stands for one, so that it is throttled like any.
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

    /// What a password that is tried counts against. The first is the one whose failures delay the next attempt.
    pub(super) fn password_charges(&self, budget: &Budget) -> Vec<Charge> {
        let Some(address) = budget.stranger else {
            return vec![Charge { key: budget.key, rule: ThrottleRule::Passwords }];
        };
        let source = Source::from(address).to_bytes();
        let own = self.key(b"account and source", &[&budget.key, &source]);
        let mut charges = vec![
            Charge { key: own, rule: ThrottleRule::Passwords },
            Charge { key: budget.key, rule: ThrottleRule::AccountPasswords },
        ];
        charges.extend(self.waste(Waste::Failures, address, &own));
        charges
    }

    /// What a code counts against that answers an account's challenge, or confirms a change. Each kind of proof for itself: strangers
    /// who use up the codes of an app leave the recovery codes. A new password does not renew them: whoever reads the mailbox
    /// could set one, and guess the app's code anew, as often as they like.
    pub(in crate::service) fn code_charges(
        &self,
        factor: Factor,
        user_id: Uuid,
        device_id: Option<Uuid>,
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        let device = device_id.unwrap_or_default();
        let parts: [&[u8]; 3] = [factor.as_str().as_bytes(), user_id.as_bytes(), device.as_bytes()];
        let mut charges =
            vec![Charge { key: self.key(b"codes", &parts), rule: ThrottleRule::Codes }];
        // Nobody guesses a recovery code, however often they may try.
        if factor != Factor::RecoveryCode {
            let key = self.key(b"codes a year", &parts);
            charges.push(Charge { key, rule: ThrottleRule::CodesAYear });
        }
        if device_id.is_none() {
            let own = charges[0].key;
            charges.extend(self.waste(Waste::Failures, address, &own));
        }
        charges
    }

    /// What the code of a challenge counts against.
    pub(in crate::service) fn challenge_charges(
        &self,
        factor: Factor,
        challenge: &Challenge,
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        self.code_charges(factor, challenge.user_id, challenge.device_id, address)
    }

    /// What a code counts against that was sent to a mailbox.
    pub(in crate::service) fn mailbox_code_charges(
        &self,
        budget: [u8; 32],
        address: Option<IpAddr>,
    ) -> Vec<Charge> {
        let own = self.key(b"mailbox codes", &[&budget]);
        let mut charges = vec![Charge { key: own, rule: ThrottleRule::Codes }];
        charges.extend(self.waste(Waste::Failures, address, &own));
        charges
    }

    /// Among whose failed codes those count that are sent to an address for that: whether anybody has it or not. A known device
    /// has its own.
    pub(in crate::service) fn mailbox_budget(
        &self,
        what: &[u8],
        email: &Email,
        device_id: Option<Uuid>,
    ) -> [u8; 32] {
        let device = device_id.unwrap_or_default();
        self.key(b"mailbox", &[what, email.key().as_bytes(), device.as_bytes()])
    }

    /// What the mail with the code of a login counts against. The password was right; all known devices share what may be sent to
    /// one mailbox, or many of them would flood it.
    pub(in crate::service) fn login_mail_charge(
        &self,
        user: &User,
        is_known_device: bool,
    ) -> Charge {
        let label: &[u8] =
            if is_known_device { b"mails to devices" } else { b"mails to strangers" };
        self.mail_charge(label, &Email::mailbox_of(&user.email), MAILS_OF_THE_ACCOUNT)
    }

    /// What a notice of a change counts against.
    pub(in crate::service) fn notice_charge(&self, user: &User) -> Charge {
        self.mail_charge(b"notices", &Email::mailbox_of(&user.email), MAILS_OF_THE_ACCOUNT)
    }

    /// What a notice counts against that is sent once a day at the most, whatever its causes.
    pub(in crate::service) fn daily_notice_charge(&self, user: &User, what: &[u8]) -> Charge {
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let key = self.key(b"daily notice", &[what, user.id.as_bytes()]);
        Charge { key, rule: ThrottleRule::CoolDown(day) }
    }

    /// What a mail counts against that anybody may ask for by naming an address. All go by the mailbox, whatever the account:
    /// deleting one and registering anew floods nobody.
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
        let key = self.key(b"cool-down", &[what, of_whom, mailbox.as_bytes()]);
        let own = self.mail_charge(label, &mailbox, most);
        let mut charges = vec![Charge { key, rule: cool_down }, own];
        if !is_known_device {
            charges.extend(self.waste(Waste::Mails, address, &own.key));
        }
        charges
    }

    /// What the mail of a registration counts against.
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

    fn mail_charge(&self, label: &[u8], mailbox: &str, most: u32) -> Charge {
        Charge { key: self.key(label, &[mailbox.as_bytes()]), rule: ThrottleRule::Hourly(most) }
    }

    /// What is counted by source (an IPv4 address, a /64 and a /48 of IPv6), and over all sources. `own` says whose attempt it is, so
    /// that it is given back to the row of the service from which it was taken.
    pub(in crate::service) fn waste(
        &self,
        what: Waste,
        address: Option<IpAddr>,
        own: &[u8; 32],
    ) -> Vec<Charge> {
        let [of_source, of_service] = self.policy.waste_limits();
        let label = what.label();
        let mut charges = Vec::with_capacity(3);
        // Loopback is a proxy that is not trusted, or a tool: not one of many strangers. Who has no address may be any of them:
        // they are one source.
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
            let shard = u32::from(own[0]) % SHARDS;
            let key = self.key(b"service", &[label, &shard.to_be_bytes()]);
            charges.push(Charge { key, rule: ThrottleRule::Rate((limit / SHARDS).max(1)) });
        }
        charges
    }

    /// Which of the rows of the service counts a registration whose name or address was taken.
    pub(in crate::service) fn taken_key(&self, username_key: &str, email_key: &str) -> [u8; 32] {
        self.key(b"taken", &[username_key.as_bytes(), email_key.as_bytes()])
    }
}
