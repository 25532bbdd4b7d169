//! A bucket, as S3 answers over HTTP: by key, by ETag, page by page, and when it does not.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::{Credentials, Region};

use super::*;

/// A bucket with these objects, of which a listing shows one a page. Without objects it answers 503.
type Objects = Arc<Mutex<Option<BTreeMap<String, String>>>>;

fn bucket(objects: Objects) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let target = lines.next().unwrap().unwrap().split(' ').nth(1).unwrap().to_owned();
            let headers: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .map(|line| line.to_lowercase())
                .collect();
            let known = headers.iter().find_map(|line| line.strip_prefix("if-none-match: ").map(str::to_owned));
            let (status, tag, body) = answered(objects.lock().unwrap().as_ref(), &target, known.as_deref());
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} x\r\netag: {tag}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    at
}

fn answered(objects: Option<&BTreeMap<String, String>>, target: &str, known: Option<&str>) -> (u16, String, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(objects) = objects else { return (503, String::new(), "<Error><Code>SlowDown</Code></Error>".to_owned()) };
    let tag = |text: &str| format!("\"{}\"", text.len());
    if query.contains("list-type=2") {
        let token = query.split('&').find_map(|pair| pair.strip_prefix("continuation-token="));
        let number: usize = token.map_or(0, |token| token.parse().unwrap());
        let all: Vec<(&String, &String)> = objects.iter().filter(|(key, _)| key.starts_with("sets/")).collect();
        let (key, text) = all[number];
        let more = number + 1 < all.len();
        let next =
            if more { format!("<NextContinuationToken>{}</NextContinuationToken>", number + 1) } else { String::new() };
        let body = format!(
            "<ListBucketResult><IsTruncated>{more}</IsTruncated>{next}\
             <Contents><Key>{key}</Key><ETag>{}</ETag></Contents></ListBucketResult>",
            tag(text)
        );
        return (200, String::new(), body);
    }
    match objects.get(path.trim_start_matches("/bucket/")) {
        Some(text) if known == Some(tag(text).as_str()) => (304, tag(text), String::new()),
        Some(text) => (200, tag(text), text.clone()),
        None => (404, String::new(), "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
    }
}

fn source(at: SocketAddr) -> Source {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "test"))
        .endpoint_url(format!("http://{at}"))
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .build();
    Source::Bucket { bucket: "bucket".to_owned(), prefix: "sets/".to_owned(), client: Some(Client::from_conf(config)) }
}

#[tokio::test]
async fn a_bucket_is_listed_to_its_end_and_read_by_etag() {
    let there = [("sets/a/manifest.json", "one"), ("sets/b/manifest.json", "three"), ("other/c", "x")];
    let there = there.map(|(key, text)| (key.to_owned(), text.to_owned()));
    let objects: Objects = Arc::new(Mutex::new(Some(there.into())));
    let source = source(bucket(Arc::clone(&objects)));
    let tag = |length: usize| Some(format!("\"{length}\""));
    assert_eq!(
        source.list().await.unwrap(),
        [("a/manifest.json".to_owned(), tag(3)), ("b/manifest.json".to_owned(), tag(5))]
    );
    let found = source.get("b/manifest.json", None, 9).await;
    assert_eq!(found, Ok(Found::Is(b"three".to_vec(), "\"5\"".to_owned())));
    assert_eq!(source.get("b/manifest.json", Some("\"5\""), 9).await, Ok(Found::Same));
    assert_eq!(source.get("c/manifest.json", None, 9).await, Ok(Found::Nothing));
    let Ok(Found::Is(bytes, _)) = source.get("b/manifest.json", None, 2).await else { panic!() };
    assert_eq!(bytes.len(), 3, "one more than is wanted, so that it is seen to be too long");
    *objects.lock().unwrap() = None;
    assert!(source.list().await.unwrap_err().contains("cannot be listed"));
    assert!(source.get("b/manifest.json", None, 9).await.is_err(), "away is not empty");
}

#[tokio::test]
async fn a_bucket_that_was_not_reached_yet_is_away() {
    let source: Source = "s3://bucket/sets".parse().unwrap();
    assert!(source.list().await.is_err() && source.get("a", None, 1).await.is_err());
}
