//! What a repository gets to begin with: a fleet.yaml that checks, and the workflows, made from what was found there and
//! in the account. What was not found has an example's value and is named, so that nothing is guessed in silence.

mod files;

use std::collections::BTreeMap;

pub use files::{File, WORKFLOWS, files};

use super::ids::AppName;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The application's name.
    pub app: AppName,
    /// Folders with a Dockerfile, by the name of the service that is made of it.
    pub services: BTreeMap<String, String>,
    /// The account whose credentials are at hand, if some are.
    pub account: Option<AccountFound>,
    /// `owner/name@commit # version`: what workflows use to set tidegate up.
    pub action: String,
    /// The version of tidegate.
    pub version: String,
}

/// An account, as far as it shows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFound {
    /// Its twelve digits.
    pub id: String,
    /// The Region that the credentials are used in.
    pub region: String,
    /// The ECS clusters there.
    pub clusters: Vec<String>,
}

/// A name for the application from a folder's name; `app` where nothing of it can be used.
pub fn app_name(folder: &str) -> Option<AppName> {
    let plain: String =
        folder.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    [words.join("-"), "app".to_owned()].iter().find_map(|name| name.parse().ok())
}

/// Services of the folders that have a Dockerfile. A service is called like its folder; of two with one name the whole
/// paths are used.
pub fn services(folders: &[String]) -> BTreeMap<String, String> {
    let last = |folder: &str| folder.rsplit('/').next().unwrap_or(folder).to_owned();
    let mut services = BTreeMap::new();
    for folder in folders {
        let alone = folders.iter().filter(|other| last(other) == last(folder)).count() == 1;
        let name = if alone { last(folder) } else { folder.replace('/', "-") };
        let name: String =
            name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        if name.parse::<super::ids::ServiceName>().is_ok() {
            services.insert(name, folder.clone());
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{Source, read};
    use super::*;

    fn found(services: &[&str], account: bool) -> Found {
        let folders: Vec<String> = services.iter().map(|folder| (*folder).to_owned()).collect();
        Found {
            app: app_name("My Shop").unwrap(),
            services: super::services(&folders),
            account: account.then(|| AccountFound {
                id: "333333333333".to_owned(),
                region: "us-east-1".to_owned(),
                clusters: vec!["blue".to_owned()],
            }),
            action: "accessos/tidegate@tidegate-v0.1.0".to_owned(),
            version: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn whatever_was_found_the_file_checks() {
        for services in [&[][..], &["api"], &["services/api", "services/web"], &["a/api", "b/api", "b/Web_2"]] {
            for account in [false, true] {
                let files = files(&found(services, account));
                let fleet = files.iter().find(|file| file.path == "fleet.yaml").unwrap();
                let source = Source { name: "fleet.yaml".to_owned(), bytes: fleet.text.clone().into_bytes() };
                let application = read(&[source]).unwrap_or_else(|problems| panic!("{problems}\n{}", fleet.text));
                assert_eq!(application.services.iter().count(), services.len().max(1));
                assert!(fleet.assumed.iter().any(|what| what.contains("account")));
            }
        }
    }

    #[test]
    fn what_was_found_is_used_and_not_named() {
        let file = &files(&found(&["services/api"], true))[0];
        assert!(file.text.contains("\"333333333333\"") && file.text.contains("us-east-1"), "{}", file.text);
        assert!(file.text.contains("clusters: [blue]"), "{}", file.text);
        let assumed = file.assumed.join("\n");
        assert!(assumed.contains("prod-1") && !assumed.contains("dev-1"), "{assumed}");
    }

    #[test]
    fn workflows_set_up_the_released_version() {
        let files = files(&found(&[], false));
        assert_eq!(files.len(), 1 + WORKFLOWS.len());
        for file in files.iter().skip(1) {
            assert!(file.text.contains("- uses: accessos/tidegate@tidegate-v0.1.0\n"), "{}", file.path);
            assert!(!file.text.contains("version: source") && !file.text.contains("uses: ./\n"), "{}", file.path);
        }
    }
}
