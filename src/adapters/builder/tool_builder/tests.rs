//! Orders carried out with a fake tool that writes down how it was called.

use std::os::unix::fs::symlink;
use std::sync::Mutex;

use tempfile::TempDir;

use super::*;
use crate::adapters::builder::sample::order;
use crate::ports::{Credentials, Fault, Secret};

/// A repository with one service, and beside it a folder with the fake tool.
struct Machine {
    folder: TempDir,
    password: Option<&'static str>,
}

#[async_trait]
impl RegistryLogin for Option<&'static str> {
    async fn login(&self, _: &str) -> PortResult<Option<Credentials>> {
        Ok(self.map(|password| Credentials { user: "AWS".to_owned(), password: Secret::new(password) }))
    }
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { folder, password: None };
        std::fs::create_dir_all(machine.path("repository/services/iam")).unwrap();
        std::fs::create_dir(machine.path("tools")).unwrap();
        machine.write("repository/services/iam/Dockerfile");
        machine.link("tools/docker");
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str) {
        std::fs::File::create(self.path(path)).unwrap();
    }

    /// A link and not a copy: a file that was just written may still be open for writing in another test's child,
    /// and then it cannot be run.
    fn link(&self, path: &str) {
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fake-tool"), self.path(path)).unwrap();
    }

    fn builder(&self) -> ToolBuilder {
        let programs = Programs { docker: self.path("tools/docker"), buildah: self.path("tools/buildah") };
        ToolBuilder::new(self.path("repository"), Arc::new(self.password), programs)
    }

    #[expect(clippy::disallowed_methods, reason = "a test reads what the fake tool wrote")]
    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// First words of the calls of the tool, without looking for what it can do.
    fn calls(&self) -> Vec<String> {
        let verb = |line: &str| line.split('|').next().unwrap_or_default().to_owned();
        let looks = ["--version", "buildx|version"];
        self.read("tools/calls").lines().filter(|line| !looks.contains(line)).map(verb).collect()
    }
}

const SILENT: LineSink<'static> = &|_| {};

#[tokio::test]
async fn an_order_is_built_and_pushed_under_each_tag() {
    let machine = Machine::new();
    let built = machine.builder().of_commit("a".repeat(40).parse().unwrap()).build(&order(), SILENT).await;
    assert_eq!(built, Ok(()));
    let calls = machine.read("tools/calls");
    assert!(calls.contains("\nbuild|--file|./services/iam/Dockerfile|--platform|linux/amd64|"), "{calls}");
    assert!(calls.contains("|org.opencontainers.image.revision=aaaa"), "{calls}");
    assert!(calls.ends_with("|./services/iam\npush|registry.example/accessos/iam:1.4.1-main.57.ab12cd3\npush|registry.example/accessos/iam:src-0123\n"), "{calls}");
}

#[tokio::test]
async fn a_failed_build_shows_its_last_lines_and_pushes_nothing() {
    let machine = Machine::new();
    let output: String = (0..100).map(|n| format!("line {n}\n")).collect();
    std::fs::File::create(machine.path("tools/build.output"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, (output + "::error::x").as_bytes()))
        .unwrap();
    machine.write("tools/build.fails");
    let lines = Mutex::new(Vec::new());
    let failed = machine.builder().build(&order(), &|line| lines.lock().unwrap().push(line.to_owned())).await;
    let error = failed.unwrap_err();
    assert_eq!(error.fault, Fault::Refused);
    assert_eq!(error.doing, "building the image of iam-service");
    assert!(error.why.starts_with("`docker build` ended with exit status: 3\nline 71\nline 72\n"), "{}", error.why);
    assert!(error.why.ends_with("line 99\n: :error::x"), "{}", error.why);
    assert_eq!(lines.lock().unwrap().len(), 101);
    assert!(!machine.calls().contains(&"push".to_owned()));
}

#[tokio::test]
async fn one_preparation_serves_all_builds_that_want_it() {
    let machine = Machine::new();
    machine.link("repository/prepare");
    let refused = machine.builder();
    let mut order = order();
    order.build.prepare = vec!["./prepare".to_owned(), "release".to_owned()];
    // The repository refuses a program that leads out of it, and the fake tool is one.
    assert!(refused.build(&order, SILENT).await.unwrap_err().why.contains("leads out of the repository"));
    assert_eq!(machine.calls(), [] as [&str; 0]);

    let program = machine.path("tools/prepare");
    machine.link("tools/prepare");
    order.build.prepare = vec![program.to_str().unwrap().to_owned(), "release".to_owned()];
    let builder = machine.builder();
    let one = || builder.build(&order, SILENT);
    let (a, b, c, d, e) = tokio::join!(one(), one(), one(), one(), one());
    assert_eq!([a, b, c, d, e], [const { Ok(()) }; 5]);
    let calls = machine.calls();
    assert_eq!(calls.iter().filter(|verb| *verb == "release").count(), 1, "{calls:?}");
    assert_eq!(calls.iter().filter(|verb| *verb == "build").count(), 5, "{calls:?}");
    assert_eq!(calls[0], "release", "before any build: {calls:?}");
}

#[tokio::test]
async fn a_failed_preparation_fails_every_build_that_waits_for_it() {
    let machine = Machine::new();
    machine.link("tools/prepare");
    machine.write("tools/release.fails");
    let mut order = order();
    order.build.prepare = vec![machine.path("tools/prepare").to_str().unwrap().to_owned(), "release".to_owned()];
    let builder = machine.builder();
    for _ in 0..2 {
        let failed = builder.build(&order, SILENT).await.unwrap_err();
        assert!(failed.why.starts_with("`prepare release` ended with exit status: 3"), "{}", failed.why);
    }
    assert_eq!(machine.calls().iter().filter(|verb| *verb == "release").count(), 1);
}

#[tokio::test]
async fn a_password_goes_in_once_and_by_standard_input() {
    let mut machine = Machine::new();
    machine.password = Some("pass|word");
    let builder = machine.builder();
    for _ in 0..2 {
        builder.build(&order(), SILENT).await.unwrap();
    }
    assert_eq!(machine.read("tools/password"), "pass|word");
    let calls = machine.read("tools/calls");
    assert_eq!(calls.matches("login|--username|AWS|--password-stdin|registry.example\n").count(), 1, "{calls}");
    assert!(!calls.contains("pass|word"));
    assert!(!format!("{:?}", machine.password.login("").await).contains("pass|word"));
}

#[tokio::test]
async fn nobody_logs_in_to_this_machine_or_without_credentials() {
    let mut machine = Machine::new();
    machine.builder().build(&order(), SILENT).await.unwrap();
    machine.password = Some("password");
    let to_loopback = BuildOrder { repository: "127.0.0.1:4600/iam".to_owned(), ..order() };
    machine.builder().build(&to_loopback, SILENT).await.unwrap();
    assert!(!machine.calls().contains(&"login".to_owned()));
}

#[tokio::test]
async fn auto_takes_the_first_tool_that_is_there() {
    let machine = Machine::new();
    let auto = BuildOrder { builder: Builder::Auto, ..order() };
    let builder = machine.builder();
    for _ in 0..2 {
        builder.build(&auto, SILENT).await.unwrap();
    }
    let calls = machine.read("tools/calls");
    assert_eq!(calls.matches("buildx|version\n").count(), 1, "looked for once: {calls}");
    assert_eq!(calls.matches("buildx|build|--push|").count(), 2, "{calls}");

    machine.write("tools/buildx.fails");
    machine.builder().build(&auto, SILENT).await.unwrap();
    assert!(machine.read("tools/calls").contains("\nbuild|--file|"));

    std::fs::rename(machine.path("tools/docker"), machine.path("tools/buildah")).unwrap();
    std::fs::remove_file(machine.path("tools/calls")).unwrap();
    machine.builder().build(&auto, SILENT).await.unwrap();
    assert_eq!(machine.calls(), ["build", "push", "push"]);

    std::fs::remove_file(machine.path("tools/buildah")).unwrap();
    let none = machine.builder().build(&auto, SILENT).await.unwrap_err();
    assert_eq!(none.to_string(), "looking for what builds images: there is no docker and no buildah");
}

#[tokio::test]
async fn buildkit_is_asked_for_only_where_it_is() {
    let machine = Machine::new();
    let programs = Programs { docker: machine.path("tools/docker"), ..Programs::default() };
    assert_eq!(choose(Builder::Docker, &programs).await, Ok(Tool::Docker { buildkit: true }));
    machine.write("tools/buildx.fails");
    assert_eq!(choose(Builder::Docker, &programs).await, Ok(Tool::Docker { buildkit: false }));
}

#[tokio::test]
async fn a_process_that_hangs_is_stopped_and_one_it_left_behind_is_not_waited_for() {
    let machine = Machine::new();
    let run = |limit| {
        let arguments = vec!["build".to_owned(), "--quiet".to_owned()];
        let child = machine.builder().child(Tool::Buildah, "building".to_owned(), arguments, machine.path("tools"));
        Child { program: machine.path("tools/docker").into_os_string(), limit, ..child }.run(SILENT)
    };
    machine.write("tools/leaves-a-process");
    let ended = tokio::time::timeout(Duration::from_secs(10), run(Duration::from_secs(30))).await;
    assert_eq!(ended, Ok(Ok(())));
    machine.write("tools/slow");
    let stopped = run(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(stopped.to_string(), "building: `docker build` was stopped after 0 s");
}
