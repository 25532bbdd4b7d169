//! Git without a working copy: objects named by their content, and refs that point at commits.
//! Ids are the ones that git itself would compute, so a test can compare them with `git`.

pub(crate) mod edits;
pub(crate) mod objects;
pub(crate) mod refs;
