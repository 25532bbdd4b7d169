//! The commands that build and push one image, as values. Nothing is run here, so that what would be run can be
//! read in a test; and nothing passes a shell, so that a value is one argument whatever is in it.

use super::tool::Tool;
use crate::domain::ids::CommitSha;
use crate::ports::BuildOrder;

/// The arguments of one run of the tool, without the tool itself.
pub(super) type Arguments = Vec<String>;

/// The build argument that every image gets.
const VERSION: &str = "VERSION";

/// Why an order cannot be put into a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadOrder {
    /// The tool would read the value as an option.
    #[error("{what} `{value}` begins with `-`")]
    Option {
        /// What the value is.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The value of another argument, or of the environment, would be taken in its place.
    #[error("`{0}` is no name of a build argument: letters, digits and `_`, not beginning with a digit")]
    ArgumentName(String),
    /// The release's version would not be what the image says it is.
    #[error("the build argument `VERSION` is the release's version; it cannot be set")]
    Version,
    /// Only buildx puts several platforms into one image.
    #[error("{tool} builds for one platform; an image for {} needs buildx", .platforms.join(" and "))]
    Platforms {
        /// What was to build it.
        tool: Tool,
        /// What for.
        platforms: Vec<String>,
    },
    /// `--load` cannot hold an image for several platforms, and only it reaches a registry on this machine.
    #[error("an image for {} cannot be pushed to a registry on this machine", .0.join(" and "))]
    LoopbackPlatforms(Vec<String>),
}

/// Builds an image and pushes it under each of its tags.
///
/// # Errors
/// The order has values that the tool would take for something else, or asks for what the tool cannot do.
pub(super) fn build_and_push(
    tool: Tool,
    order: &BuildOrder,
    revision: Option<&CommitSha>,
) -> Result<Vec<Arguments>, BadOrder> {
    check(tool, order)?;
    let loopback = is_loopback(registry_host(&order.repository));
    let (start, push): (&[&str], &[&str]) = match tool {
        // A builder in a container of its own has another loopback: there the engine must push, and it pushes one
        // image, not an index of the image and its provenance.
        Tool::Buildx if loopback => (&["buildx", "build", "--load", "--provenance=false"], &["push"]),
        Tool::Buildx => (&["buildx", "build", "--push"], &[]),
        Tool::Docker { .. } => (&["build"], &["push"]),
        // buildah, unlike docker, has to be told that such a registry speaks plain HTTP.
        Tool::Buildah if loopback => (&["build"], &["push", "--tls-verify=false"]),
        Tool::Buildah => (&["build"], &["push"]),
    };
    let mut commands = vec![build(start, order, revision)];
    if !push.is_empty() {
        commands.extend(names(order).map(|name| push.iter().map(|&word| word.to_owned()).chain([name]).collect()));
    }
    Ok(commands)
}

/// Lets the tool into a registry. The password goes to its standard input, where no list of processes shows it.
///
/// # Errors
/// The user or the host begins with `-`.
pub(super) fn login(host: &str, user: &str) -> Result<Arguments, BadOrder> {
    no_option("user", user)?;
    no_option("registry", host)?;
    Ok(["login", "--username", user, "--password-stdin", host].map(str::to_owned).into())
}

/// The registry of a repository: what is before its first slash.
pub(super) fn registry_host(repository: &str) -> &str {
    repository.split_once('/').map_or(repository, |(host, _)| host)
}

/// Whether the registry is on this machine: it speaks plain HTTP and lets everybody in.
pub(super) fn is_loopback(host: &str) -> bool {
    if host.starts_with("[::1]") {
        return true;
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn build(start: &[&str], order: &BuildOrder, revision: Option<&CommitSha>) -> Arguments {
    let mut arguments: Arguments = start.iter().map(|&word| word.to_owned()).collect();
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    // `./` keeps docker from taking a folder such as `github.com/x` for an address to fetch from.
    option("--file", format!("./{}/{}", order.build.context, order.build.dockerfile));
    if !order.platforms.is_empty() {
        option("--platform", order.platforms.join(","));
    }
    option("--build-arg", format!("{VERSION}={}", order.version));
    for (name, value) in &order.build.args {
        option("--build-arg", format!("{name}={value}"));
    }
    option("--label", format!("org.opencontainers.image.title={}", order.service));
    option("--label", format!("org.opencontainers.image.version={}", order.version));
    if let Some(commit) = revision {
        option("--label", format!("org.opencontainers.image.revision={commit}"));
    }
    for name in names(order) {
        option("--tag", name);
    }
    arguments.push(format!("./{}", order.build.context));
    arguments
}

/// The names the image is pushed under.
fn names(order: &BuildOrder) -> impl Iterator<Item = String> {
    order.tags.iter().map(|tag| format!("{}:{tag}", order.repository))
}

fn check(tool: Tool, order: &BuildOrder) -> Result<(), BadOrder> {
    no_option("context", &order.build.context)?;
    no_option("dockerfile", &order.build.dockerfile)?;
    no_option("repository", &order.repository)?;
    order.platforms.iter().try_for_each(|platform| no_option("platform", platform))?;
    for name in order.build.args.keys() {
        if name == VERSION {
            return Err(BadOrder::Version);
        }
        // `--build-arg NAME` without a value would hand over this process's environment.
        if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_word) || name.is_empty() {
            return Err(BadOrder::ArgumentName(name.clone()));
        }
    }
    match (order.platforms.as_slice(), tool) {
        ([] | [_], _) => Ok(()),
        (several, Tool::Buildx) if is_loopback(registry_host(&order.repository)) => {
            Err(BadOrder::LoopbackPlatforms(several.to_vec()))
        }
        (_, Tool::Buildx) => Ok(()),
        (several, tool) => Err(BadOrder::Platforms { tool, platforms: several.to_vec() }),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn no_option(what: &'static str, value: &str) -> Result<(), BadOrder> {
    if value.starts_with('-') { Err(BadOrder::Option { what, value: value.to_owned() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::builder::sample::order;

    const DOCKER: Tool = Tool::Docker { buildkit: true };

    fn lines(tool: Tool, order: &BuildOrder) -> Vec<String> {
        let commit = "a".repeat(40).parse().unwrap();
        build_and_push(tool, order, Some(&commit)).unwrap().iter().map(|words| words.join(" ")).collect()
    }

    fn to_loopback() -> BuildOrder {
        BuildOrder { repository: "127.0.0.1:4600/accessos/iam".to_owned(), ..order() }
    }

    #[test]
    fn every_word_is_an_argument_of_its_own() {
        let mut order = order();
        order.build.args = [("MOTTO".to_owned(), "$(rm -rf /) \"; --push".to_owned())].into();
        let commands = build_and_push(DOCKER, &order, None).unwrap();
        let expected: [&[&str]; 3] = [
            &[
                "build",
                "--file",
                "./services/iam/Dockerfile",
                "--platform",
                "linux/amd64",
                "--build-arg",
                "VERSION=1.4.1-main.57.ab12cd3",
                "--build-arg",
                "MOTTO=$(rm -rf /) \"; --push",
                "--label",
                "org.opencontainers.image.title=iam-service",
                "--label",
                "org.opencontainers.image.version=1.4.1-main.57.ab12cd3",
                "--tag",
                "registry.example/accessos/iam:1.4.1-main.57.ab12cd3",
                "--tag",
                "registry.example/accessos/iam:src-0123",
                "./services/iam",
            ],
            &["push", "registry.example/accessos/iam:1.4.1-main.57.ab12cd3"],
            &["push", "registry.example/accessos/iam:src-0123"],
        ];
        assert_eq!(commands, expected);
    }

    #[test]
    fn buildx_pushes_itself_unless_the_registry_is_on_this_machine() {
        let commands = lines(
            Tool::Buildx,
            &BuildOrder { platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()], ..order() },
        );
        assert_eq!(commands.len(), 1);
        assert!(commands[0].starts_with("buildx build --push --file "), "{commands:?}");
        assert!(commands[0].contains(" --platform linux/amd64,linux/arm64 "), "{commands:?}");
        assert!(commands[0].contains(&format!(" --label org.opencontainers.image.revision={} ", "a".repeat(40))));

        let commands = lines(Tool::Buildx, &to_loopback());
        assert!(commands[0].starts_with("buildx build --load --provenance=false --file "), "{commands:?}");
        assert_eq!(
            commands[1..],
            ["push 127.0.0.1:4600/accessos/iam:1.4.1-main.57.ab12cd3", "push 127.0.0.1:4600/accessos/iam:src-0123"]
        );
    }

    #[test]
    fn buildah_builds_and_pushes() {
        let commands = lines(Tool::Buildah, &order());
        assert!(commands[0].starts_with("build --file ./services/iam/Dockerfile "), "{commands:?}");
        assert_eq!(commands[2], "push registry.example/accessos/iam:src-0123");
        assert_eq!(
            lines(Tool::Buildah, &to_loopback())[2],
            "push --tls-verify=false 127.0.0.1:4600/accessos/iam:src-0123"
        );
    }

    #[test]
    fn what_a_tool_would_misread_is_refused() {
        let refused = |change: fn(&mut BuildOrder)| {
            let mut order = order();
            change(&mut order);
            build_and_push(DOCKER, &order, None).unwrap_err().to_string()
        };
        assert_eq!(refused(|o| o.build.context = "--push".into()), "context `--push` begins with `-`");
        assert_eq!(refused(|o| o.build.dockerfile = "-".into()), "dockerfile `-` begins with `-`");
        assert_eq!(refused(|o| o.repository = "-x/y".into()), "repository `-x/y` begins with `-`");
        assert_eq!(refused(|o| o.platforms = vec!["-q".into()]), "platform `-q` begins with `-`");
        assert!(refused(|o| drop(o.build.args.insert("VERSION".into(), "9".into()))).contains("cannot be set"));
        for name in ["A=B", "", "-A", "1A", "A B"] {
            let mut order = order();
            order.build.args = [(name.to_owned(), String::new())].into();
            let bad = build_and_push(DOCKER, &order, None).unwrap_err();
            assert_eq!(bad, BadOrder::ArgumentName(name.to_owned()));
        }
        assert!(login("registry.example", "--help").is_err());
    }

    #[test]
    fn several_platforms_need_buildx_and_a_registry_elsewhere() {
        let platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
        let bad = |tool, order| build_and_push(tool, &BuildOrder { platforms: platforms.clone(), ..order }, None);
        assert_eq!(
            bad(DOCKER, order()).unwrap_err().to_string(),
            "docker builds for one platform; an image for linux/amd64 and linux/arm64 needs buildx"
        );
        assert!(bad(Tool::Buildah, order()).is_err());
        assert!(bad(Tool::Buildx, to_loopback()).is_err());
    }

    #[test]
    fn loopback_is_this_machine_and_nothing_else() {
        for host in ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:4600", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1:5000", "127.0.0.1.example", "registry.example:443"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
