//! Which version comes next. Merges make prereleases of the next version; it is given for good when the release has
//! reached the last fleet.
//!
//! How far a number goes up follows from all that was merged since the newest version that was given for good, so that
//! the order of merges does not matter and a build can be made again.

use git_conventional::Commit;

use super::fleet::Bumping;
use super::ids::{CommitSha, Version};
use super::merged::{History, Merged};

/// Which number goes up. Later ones are larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bump {
    /// The third.
    Patch,
    /// The second.
    Minor,
    /// The first.
    Major,
}

impl Bump {
    /// The core of the version that follows `core`.
    fn after(self, (major, minor, patch): (u64, u64, u64)) -> (u64, u64, u64) {
        match self {
            Self::Patch => (major, minor, patch + 1),
            Self::Minor => (major, minor + 1, 0),
            Self::Major => (major + 1, 0, 0),
        }
    }
}

/// The core of the first version of a repository that has none.
const FIRST: (u64, u64, u64) = (0, 1, 0);

/// Labels on pull requests, and what they ask for.
const LABELS: [(&str, Bump); 3] =
    [("release:major", Bump::Major), ("release:minor", Bump::Minor), ("release:patch", Bump::Patch)];

/// How far the number goes up for what was merged since `newest`, the newest version given for good.
///
/// A breaking change raises the minor version before 1.0.0, where SemVer promises nothing (2.0.0, section 4) and Cargo and
/// npm take the minor version for the incompatible one; only a label makes 1.0.0.
pub fn bump(by: Bumping, history: &History, newest: Option<&Version>) -> Bump {
    let initial = newest.is_none_or(|version| version.core().0 == 0);
    let asked = history.merged.iter().map(|merged| match by {
        Bumping::Patch => Bump::Patch,
        Bumping::Labels => by_labels(merged),
        Bumping::Conventional if initial => by_message(merged).min(Bump::Minor),
        Bumping::Conventional => by_message(merged),
    });
    asked.max().unwrap_or(Bump::Patch)
}

fn by_labels(merged: &Merged) -> Bump {
    let labels = merged.pull.iter().flat_map(|pull| &pull.labels);
    let asked = labels.filter_map(|label| LABELS.iter().find(|(name, _)| name == label).map(|(_, bump)| *bump));
    asked.max().unwrap_or(Bump::Patch)
}

/// As Conventional Commits 1.0.0 says: `feat` is a minor change, `!` or `BREAKING CHANGE` a major one. A squashed pull
/// request's title is the first line of its commit; a merge commit speaks through the title.
fn by_message(merged: &Merged) -> Bump {
    let title = merged.pull.as_ref().map(|pull| pull.title.as_str());
    let texts = std::iter::once(merged.message.trim()).chain(title);
    texts.filter_map(|text| Commit::parse(text).ok()).map(|commit| of_commit(&commit)).max().unwrap_or(Bump::Patch)
}

fn of_commit(commit: &Commit<'_>) -> Bump {
    match (commit.breaking(), commit.type_() == git_conventional::Type::FEAT) {
        (true, _) => Bump::Major,
        (false, true) => Bump::Minor,
        (false, false) => Bump::Patch,
    }
}

/// The version of the next release.
///
/// The core is the next one not yet given for good: merges keep building `1.4.1-main.N` until `1.4.1` is promoted to
/// the last fleet, and `1.4.2-main.N` from then on.
///
/// # Errors
/// The run number and commit make no SemVer prerelease; cannot happen for values of these types.
pub fn next_version(
    newest: Option<&Version>,
    bump: Bump,
    branch: &str,
    run: u64,
    commit: &CommitSha,
) -> Result<Version, semver::Error> {
    let core = newest.map_or(FIRST, |version| bump.after(version.core()));
    Version::new(core, &format!("{}.{run}.{}", identifier(branch), alphanumeric(commit.short())))
}

/// A branch's name as an identifier of SemVer, which knows letters, digits and hyphens only.
fn identifier(branch: &str) -> String {
    let plain: String = branch.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    if plain.bytes().all(|byte| byte.is_ascii_digit()) { format!("b{plain}") } else { plain }
}

/// SemVer reads an identifier of digits as a number and refuses leading zeros, and one commit in 27 begins
/// with seven digits: those get a `g` before them, as `git describe` writes.
fn alphanumeric(short: &str) -> String {
    if short.bytes().all(|b| b.is_ascii_digit()) { format!("g{short}") } else { short.to_owned() }
}

/// The version a release gets for good when it reaches the last fleet: its own core, or the next free patch
/// if an earlier promotion already took that.
pub fn final_version(release: &Version, released: &[Version]) -> Version {
    let (major, minor, mut patch) = release.core();
    while released.iter().any(|v| v.core() == (major, minor, patch)) {
        patch += 1;
    }
    Version::new((major, minor, patch), "").unwrap_or_else(|_| release.without_prerelease())
}

#[cfg(test)]
mod tests {
    use super::super::merged::PullRequest;
    use super::*;

    fn commit(short: &str) -> CommitSha {
        format!("{short:0<40}").parse().unwrap()
    }

    fn versions(texts: &[&str]) -> Vec<Version> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn merged(message: &str, labels: &[&str]) -> Merged {
        let pull = PullRequest {
            number: 7,
            title: message.to_owned(),
            author: "ana".to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            merged: true,
            merge_commit: Some(commit("a")),
            head: commit("b"),
        };
        Merged { commit: commit("a"), message: message.to_owned(), pull: Some(pull) }
    }

    fn next(newest: Option<&str>, by: Bumping, merged: &[Merged]) -> String {
        let newest = newest.map(|text| text.parse().unwrap());
        let history = History { merged: merged.to_vec(), cut: false };
        let bump = bump(by, &history, newest.as_ref());
        next_version(newest.as_ref(), bump, "main", 57, &commit("ab12cd3")).unwrap().to_string()
    }

    #[test]
    fn merges_count_up_to_the_next_release() {
        assert_eq!(next(None, Bumping::Patch, &[]), "0.1.0-main.57.ab12cd3");
        assert_eq!(next(Some("1.4.0"), Bumping::Patch, &[]), "1.4.1-main.57.ab12cd3");
        assert_eq!(
            next(Some("1.4.0"), Bumping::Patch, &[merged("feat!: all", &["release:major"])]),
            "1.4.1-main.57.ab12cd3"
        );
    }

    #[test]
    fn the_largest_label_of_all_that_was_merged_decides() {
        let since = [merged("x", &["bug"]), merged("y", &["release:minor", "docs"]), merged("z", &["release:patch"])];
        assert_eq!(next(Some("1.4.3"), Bumping::Labels, &since), "1.5.0-main.57.ab12cd3");
        assert_eq!(next(Some("1.4.3"), Bumping::Labels, &since[..1]), "1.4.4-main.57.ab12cd3");
        assert_eq!(next(Some("0.4.3"), Bumping::Labels, &[merged("x", &["release:major"])]), "1.0.0-main.57.ab12cd3");
    }

    #[test]
    fn conventional_commits_decide() {
        let of = |newest: &str, message: &str| next(Some(newest), Bumping::Conventional, &[merged(message, &[])]);
        for (message, version) in [
            ("fix(iam): x", "1.4.1"),
            ("feat: x", "1.5.0"),
            ("feat(iam)!: x", "2.0.0"),
            ("refactor: x\n\nwords\n\nBREAKING CHANGE: y", "2.0.0"),
            ("Merge pull request #7 from acme/topic", "1.4.1"),
            ("", "1.4.1"),
        ] {
            assert_eq!(of("1.4.0", message), format!("{version}-main.57.ab12cd3"), "{message}");
        }
        assert_eq!(of("0.4.0", "feat!: x"), "0.5.0-main.57.ab12cd3", "before 1.0.0");
    }

    #[test]
    fn a_merge_commit_speaks_through_the_title_of_its_pull_request() {
        let mut merge = merged("Merge pull request #7 from acme/topic", &[]);
        merge.pull.as_mut().unwrap().title = "feat: x".to_owned();
        assert_eq!(next(Some("1.4.0"), Bumping::Conventional, &[merge]), "1.5.0-main.57.ab12cd3");
    }

    #[test]
    fn whatever_the_branch_and_the_commit_it_is_semver() {
        for branch in ["main", "release/1.x", "trunk_2", "007", "ünï"] {
            for short in ["0123456", "ab12cd3"] {
                let version = next_version(None, Bump::Patch, branch, 1, &commit(short)).unwrap();
                assert_eq!(version.to_string().parse::<Version>().unwrap(), version);
            }
        }
        let version = next_version(None, Bump::Patch, "main", 1, &commit("0123456")).unwrap();
        assert_eq!(version.to_string(), "0.1.0-main.1.g0123456");
    }

    #[test]
    fn two_builds_of_one_core_get_two_final_versions() {
        let release = "1.4.1-main.58.ab12cd3".parse().unwrap();
        assert_eq!(final_version(&release, &versions(&["1.4.0"])).to_string(), "1.4.1");
        assert_eq!(final_version(&release, &versions(&["1.4.0", "1.4.1"])).to_string(), "1.4.2");
    }
}
