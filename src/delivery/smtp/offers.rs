//! The extensions that a mail server announces in its reply to EHLO (RFC 5321, section 4.1.1.1).

use super::reply::Reply;

/// A SASL mechanism, in order of preference (RFC 4616; LOGIN is older and has no RFC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    Login,
}

impl Mechanism {
    const ALL: [(&'static str, Self); 2] = [("PLAIN", Self::Plain), ("LOGIN", Self::Login)];
}

/// The extensions that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
    pub(super) start_tls: bool,
    /// All announced SASL mechanisms, known or not.
    mechanisms: Vec<String>,
}

impl Offers {
    pub(super) fn of(reply: &Reply) -> Self {
        let mut offers = Self::default();
        // The first line is the server's name.
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("STARTTLS") => offers.start_tls = true,
                // Some servers write `AUTH=PLAIN LOGIN`, and some both.
                Some("AUTH") => offers.mechanisms.extend(words.map(str::to_owned)),
                Some(_) | None => {}
            }
        }
        offers
    }

    /// The best mechanism that both sides know.
    pub(super) fn mechanism(&self) -> Option<Mechanism> {
        let offered = |name: &str| self.mechanisms.iter().any(|mechanism| mechanism == name);
        Mechanism::ALL.into_iter().find(|(name, _)| offered(name)).map(|(_, mechanism)| mechanism)
    }

    /// The offer, for the log.
    pub(super) fn described(&self) -> String {
        let mut names = self.mechanisms.clone();
        names.dedup();
        names.truncate(20);
        if names.is_empty() {
            "it offers no way".into()
        } else {
            format!("it offers {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(lines: &[&str]) -> Offers {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Offers::of(&Reply { code: 250, lines })
    }

    #[test]
    fn extensions_are_read_in_any_case_and_the_name_is_none() {
        let all = offers(&["test", "PIPELINING", "8bitmime", "SMTPUTF8", "StartTLS", "SIZE 10"]);
        assert!(all.eight_bit && all.utf8 && all.start_tls);
        assert_eq!(offers(&["SMTPUTF8", "SMTPUTF8X"]), Offers::default());
    }

    #[test]
    fn the_best_common_way_to_log_in_is_taken_and_else_all_are_named() {
        for (line, expected) in [
            ("AUTH LOGIN PLAIN", Some(Mechanism::Plain)),
            ("AUTH=LOGIN", Some(Mechanism::Login)),
            ("auth cram-md5 login", Some(Mechanism::Login)),
            ("AUTH XOAUTH2 CRAM-MD5", None),
        ] {
            assert_eq!(offers(&["test", line]).mechanism(), expected, "{line}");
        }
        let offered = offers(&["test", "AUTH XOAUTH2 CRAM-MD5"]).described();
        assert_eq!(offered, "it offers XOAUTH2, CRAM-MD5");
        assert_eq!(offers(&["test"]).described(), "it offers no way");
    }
}
