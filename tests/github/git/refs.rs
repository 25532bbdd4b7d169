//! Refs, and the rules by which they may move. Locks and the state branch lean on these rules, so
//! every change goes through [`Refs::update`], which changes all of its refs or none.

use std::collections::BTreeMap;

use super::objects::{Objects, Oid};

/// What `updateRefs` calls the id of a ref that is not there.
pub(crate) const ABSENT: &str = "0000000000000000000000000000000000000000";

#[derive(Clone, Debug)]
pub(crate) struct RefUpdate {
    /// Fully qualified: `refs/heads/main`.
    pub(crate) name: String,
    /// What the ref must point at now; [`ABSENT`] when it must not exist; `None` for anything.
    pub(crate) before: Option<Oid>,
    /// What it shall point at; [`ABSENT`] deletes.
    pub(crate) after: Oid,
    pub(crate) force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefProblem {
    BadName,
    /// The ref is not where `before` says.
    Moved,
    NoSuchObject,
    NotFastForward,
}

#[derive(Default)]
pub(crate) struct Refs(BTreeMap<String, Oid>);

impl Refs {
    pub(crate) fn get(&self, name: &str) -> Option<&Oid> {
        self.0.get(name)
    }

    pub(crate) fn starting_with(&self, prefix: &str) -> Vec<(String, Oid)> {
        let matching = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        matching
            .map(|(name, oid)| (name.clone(), oid.clone()))
            .collect()
    }

    /// Applies all updates, or none and says which ref stopped them and why.
    pub(crate) fn update(
        &mut self,
        objects: &Objects,
        updates: &[RefUpdate],
    ) -> Result<(), (String, RefProblem)> {
        for update in updates {
            self.check(objects, update)
                .map_err(|problem| (update.name.clone(), problem))?;
        }
        for update in updates {
            if update.after == ABSENT {
                self.0.remove(&update.name);
            } else {
                self.0.insert(update.name.clone(), update.after.clone());
            }
        }
        Ok(())
    }

    fn check(&self, objects: &Objects, update: &RefUpdate) -> Result<(), RefProblem> {
        let now = self.0.get(&update.name).map_or(ABSENT, String::as_str);
        if !is_full_name(&update.name) {
            return Err(RefProblem::BadName);
        }
        if update.before.as_deref().is_some_and(|before| before != now) {
            return Err(RefProblem::Moved);
        }
        if update.after == ABSENT {
            return if now == ABSENT {
                Err(RefProblem::Moved)
            } else {
                Ok(())
            };
        }
        if !objects.has_commit(&update.after) {
            return Err(RefProblem::NoSuchObject);
        }
        if now != ABSENT && !update.force && !objects.descends(&update.after, now) {
            return Err(RefProblem::NotFastForward);
        }
        Ok(())
    }
}

/// `refs/…/…`: GitHub wants two slashes at least.
fn is_full_name(name: &str) -> bool {
    let parts: Vec<_> = name.split('/').collect();
    parts.len() >= 3 && parts[0] == "refs" && parts.iter().all(|part| !part.is_empty())
}
