//! Where what a tenant has belongs at its new place, and when a copy of it counts.

use crate::domain::directive::Holding;
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::offboard::{EVIDENCE, KeptObject};

/// Where an object in a folder of the archive belongs at a tenant's new place, as bucket and key: evidence among its
/// evidence, everything else in the same folder of the archive there.
pub fn landing(at: &Holding, folder: &str, name: &str) -> (String, String) {
    match name.strip_prefix(EVIDENCE) {
        Some(inner) => (at.bucket.clone(), format!("{}{inner}", at.prefix)),
        None => (at.archive.clone(), format!("{folder}{name}")),
    }
}

/// Whether a copy is what was kept.
///
/// # Errors
/// It is not, or that cannot be told; in words for a person. S3 gives an object that was uploaded in parts a checksum of
/// its parts' checksums, and its copy one of the whole.
pub fn exactly(kept: &KeptObject, copy: Option<&KeptObject>) -> Result<(), String> {
    let name = kept.name.escape_debug();
    match copy {
        None => Err(format!("{name} is not at the new place")),
        Some(copy) if copy == kept || breaks(Mutant::CopyUncompared) => Ok(()),
        Some(copy) if copy.bytes == kept.bytes && kept.sha256.contains('-') != copy.sha256.contains('-') => {
            Err(format!("{name} has a checksum of its parts, and its copy another kind: they cannot be compared"))
        }
        Some(_) => Err(format!("{name} is another at the new place")),
    }
}

/// What is copied, by name: for whoever looks at a plan.
pub fn copies(from: &Holding, to: &Holding) -> [String; 2] {
    [
        format!("s3://{}/{} to s3://{}/{}", from.bucket, from.prefix, to.bucket, to.prefix),
        format!("{} {} of {} in {} to {} in {}", from.rds, from.user, from.shard, from.cell, to.shard, to.cell),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sha256: &str, bytes: u64) -> KeptObject {
        KeptObject { name: "database.dump".to_owned(), bytes, sha256: sha256.to_owned() }
    }

    #[test]
    fn a_copy_counts_only_if_it_is_the_same_by_a_checksum_of_the_same_kind() {
        let told = |copy: Option<KeptObject>| exactly(&kept("abc=", 10), copy.as_ref());
        assert_eq!(told(Some(kept("abc=", 10))), Ok(()));
        assert_eq!(told(None), Err("database.dump is not at the new place".to_owned()));
        assert_eq!(told(Some(kept("abd=", 10))), Err("database.dump is another at the new place".to_owned()));
        assert_eq!(told(Some(kept("abc=", 9))), Err("database.dump is another at the new place".to_owned()));
        let parts = "database.dump has a checksum of its parts, and its copy another kind: they cannot be compared";
        assert_eq!(told(Some(kept("abc=-2", 10))), Err(parts.to_owned()));
    }
}
