//! From what a person knows, a work e-mail or the organisation's name, to the host where they sign in.
//!
//! Nothing here can tell who is a tenant, for nothing here knows: the host is computed from what was typed, by the same
//! steps whoever it is, and the routes are no argument of it. An e-mail domain becomes a label (`bigcorp.com`:
//! `bigcorp-com`), which the snapshot may have as one more host of a tenant; a name is a label already. So answer, size and
//! time are the same for every organisation there is or is not. ARCHITECTURE.md says what is left: the host that is
//! computed answers or does not, as any host on the internet.

use accessos_routing::{is_host, mail_label};

/// Longest input that is looked at: an e-mail address (RFC 5321, 4.5.3.1).
const INPUT_MAX: usize = 254;

/// The host that what was typed leads to; none if it is neither an address, a domain nor a name.
pub fn host_for(typed: &str, root: &str) -> Option<String> {
    let typed = typed.trim().to_ascii_lowercase();
    if typed.is_empty() || typed.len() > INPUT_MAX {
        return None;
    }
    let is_address = typed.contains('@');
    let name = typed.rsplit('@').next().unwrap_or_default();
    let is_domain = is_address || name.contains('.');
    if is_domain && !(is_host(name) && name.contains('.')) {
        return None;
    }
    let label = match is_domain {
        true => mail_label(name),
        false => name.split_ascii_whitespace().collect::<Vec<_>>().join("-"),
    };
    let host = format!("{label}.{root}");
    (label.len() <= 63 && is_host(&host)).then_some(host)
}

/// What was typed, out of the form that the page sends.
pub fn typed(form: &[u8]) -> Option<String> {
    form_urlencoded::parse(form).find(|(name, _)| name == "who").map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_a_domain_and_a_name_lead_to_a_host() {
        let host = |typed| host_for(typed, "app.example");
        for (typed, label) in [
            ("ana@bigcorp.com", "bigcorp-com"),
            (" Ana@BigCorp.com ", "bigcorp-com"),
            ("mail.bigcorp.co.uk", "mail-bigcorp-co-uk"),
            ("acme", "acme"),
            ("Big Corp", "big-corp"),
        ] {
            assert_eq!(host(typed), Some(format!("{label}.app.example")), "{typed}");
        }
        for typed in ["", "@", "ana@", "ana@bigcorp", "a/b", "acme.", "<b>", "-", "café", "acme\r\nx: y", "a@b@c..d"] {
            assert_eq!(host(typed), None, "{typed}");
        }
        assert_eq!(typed(b"x=1&who=ana%40bigcorp.com"), Some("ana@bigcorp.com".to_owned()));
        assert_eq!(typed(b"\xff\xfe"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_leads_below_the_root_or_nowhere(typed in any::<String>()) {
            if let Some(host) = host_for(&typed, "app.example") {
                let label = host.strip_suffix(".app.example").unwrap();
                prop_assert!(!label.contains('.') && is_host(&host));
            }
        }
    }
}
