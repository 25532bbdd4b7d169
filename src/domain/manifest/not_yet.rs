//! What the format has and this version does not carry out. It is refused: a gate that is written down and not
//! looked at is worse than none. The list gets shorter with every version.

use super::mirror::{Attest, FleetFile};
use super::positions::Document;
use super::problem::Problem;

/// A problem for each use of what is not carried out yet.
pub(super) fn check(file: &FleetFile, document: &Document) -> Vec<Problem> {
    let mut paths = Vec::new();
    let mut refuse = |used: bool, path: String| {
        if used {
            paths.push(path);
        }
    };
    refuse(file.images.attest == Attest::Require, "images.attest".to_owned());
    let problem = |path: &String| {
        let what = format!("`{path}` is not carried out by this version of tidegate");
        document.problem(document.key_mark(path), what, "remove it, or use a later version")
    };
    paths.iter().map(problem).collect()
}
