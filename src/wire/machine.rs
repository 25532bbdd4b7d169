//! Which machine this is. A lease tells by it whether its owner's process can be looked for here, so two machines
//! must never have the same name, and host names do: half the world's are `ubuntu`.

use sha2::{Digest, Sha256};

/// The host's name and, where Linux tells it, digits that stand for this boot and this set of process ids: those of
/// a container are its own, and after a boot the ids mean other processes.
pub(super) fn name(fallback: Option<String>) -> String {
    let host = text("/proc/sys/kernel/hostname").or(fallback).unwrap_or_else(|| "unknown".to_owned());
    let boot = text("/proc/sys/kernel/random/boot_id");
    let processes = std::fs::read_link("/proc/self/ns/pid").ok();
    match boot.zip(processes) {
        Some((boot, processes)) => format!("{host}/{}", digits(&format!("{boot} {}", processes.display()))),
        None => host,
    }
}

#[expect(clippy::disallowed_methods, reason = "the kernel tells its names in files")]
fn text(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn digits(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_the_same_and_is_never_empty() {
        let name = name(None);
        assert_eq!(name, super::name(Some("other".to_owned())));
        assert!(!name.is_empty());
        assert_eq!(digits("a").len(), 8);
        assert_ne!(digits("a"), digits("b"));
    }
}
