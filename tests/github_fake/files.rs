//! Reading files back.

use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::client::{assert_lawful, fake, get, graphql, http, receive};
use crate::github::GithubFake;
use crate::graphql::{COMMIT, commit_input};

async fn write(fake: &GithubFake, path: &str, bytes: &[u8]) {
    let head = fake.head("main").unwrap();
    let input = commit_input("main", &head, &[(path, bytes)], &[]);
    let answer = graphql(fake, COMMIT, input).await;
    assert_eq!(answer["errors"], Value::Null);
}

#[tokio::test]
async fn a_file_comes_as_base64_in_lines_or_raw() {
    let fake = fake();
    let bytes = b"{\"tenants\": \"one two three four five six seven eight nine\"}\n";
    write(&fake, "state/prod v1.json", bytes).await;
    let path = "/contents/state/prod%20v1.json?ref=main";
    let file = get(&fake, path).await;
    assert_eq!(
        (file.status, &file.body["size"]),
        (200, &json!(bytes.len()))
    );
    let content = file.body["content"].as_str().unwrap();
    assert_eq!(
        content.lines().count(),
        2,
        "GitHub breaks lines after 60 characters"
    );
    let request = http().get(format!("{}/repos/acme/fleet{path}", fake.url()));
    let request = request
        .bearer_auth("any")
        .header(ACCEPT, "application/vnd.github.raw+json");
    let raw = receive(request, Value::Null).await.unwrap();
    assert_eq!(raw.text.as_bytes(), bytes);
    assert_eq!(
        fake.file("main", "state/prod v1.json"),
        Some(bytes.to_vec())
    );
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_file_is_read_at_a_commit() {
    let fake = fake();
    write(&fake, "a", b"old").await;
    let before = fake.head("main").unwrap();
    write(&fake, "a", b"new").await;
    let content = async |name: &str| get(&fake, &format!("/contents/a?ref={name}")).await.body;
    assert_eq!(content(&before).await["content"], "b2xk\n");
    assert_eq!(content("main").await["content"], "bmV3\n");
    assert_eq!(content("refs/heads/main").await["content"], "bmV3\n");
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_large_file_is_left_out_of_the_json() {
    let fake = fake();
    write(&fake, "large", &vec![b'x'; 1024 * 1024 + 1]).await;
    let file = get(&fake, "/contents/large").await.body;
    assert_eq!(
        (&file["encoding"], &file["content"]),
        (&json!("none"), &json!(""))
    );
    assert_lawful(&fake);
}

#[tokio::test]
async fn directories_are_listed_and_the_rest_is_not_found() {
    let fake = fake();
    write(&fake, "state/a.json", b"{}").await;
    assert_eq!(get(&fake, "/contents/state").await.each("name"), ["a.json"]);
    assert_eq!(get(&fake, "/contents/state/b.json").await.status, 404);
    assert_eq!(
        get(&fake, "/contents/state/a.json?ref=none").await.status,
        404
    );
    assert_lawful(&fake);
}
