//! x
mod github;
#[test]
fn starts() {
    let f = github::GithubFake::start(github::Seed::new("a", "b"));
    assert!(f.url().starts_with("http"));
}
