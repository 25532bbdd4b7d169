//! Routing snapshots in S3: objects that are written once, and a pointer that is moved only from where it was seen
//! (conditional writes: User Guide, "How to prevent object overwrites with conditional writes").

use std::sync::Arc;

use accessos_routing::{BYTES_MAX, POINTER, REPORTS};
use async_trait::async_trait;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use jiff::Timestamp;

use super::budget::Group;
use super::cells::{Cells, Clients, doing};
use super::failure::failure;
use crate::domain::fleet::Routing;
use crate::domain::ids::CellName;
use crate::domain::routers::ReportSeen;
use crate::ports::{Fault, PointerSeen, PortError, PortResult, SnapshotReader, SnapshotWriter};

/// The snapshots of all cells.
#[derive(Clone, Debug)]
pub struct S3Snapshots {
    cells: Arc<Cells>,
}

impl S3Snapshots {
    /// The snapshots in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells }
    }

    async fn clients(&self, cell: &CellName) -> PortResult<&Clients> {
        let clients = self.cells.clients(cell).await?;
        clients.pace(Group::Storage).await;
        Ok(clients)
    }

    async fn read(&self, cell: &CellName, at: &Routing, name: &str) -> PortResult<Option<(Vec<u8>, Option<String>)>> {
        let doing = what("reading", cell, at, name);
        let call = self.clients(cell).await?.s3.get_object().bucket(&at.bucket).key(key(at, name));
        match call.send().await {
            Ok(answer) => {
                let etag = answer.e_tag().map(str::to_owned);
                Ok(Some((bytes(answer, &doing).await?, etag)))
            }
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => Ok(None),
            Err(error) => Err(failure(doing, &error)),
        }
    }
}

impl S3Snapshots {
    /// The names of all reports, and when each was written.
    async fn reports_of(&self, cell: &CellName, at: &Routing) -> PortResult<Vec<(String, Timestamp)>> {
        let doing = what("listing", cell, at, REPORTS);
        let clients = self.clients(cell).await?;
        let mut pages =
            clients.s3.list_objects_v2().bucket(&at.bucket).prefix(key(at, REPORTS)).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            for object in page.map_err(|error| failure(doing.clone(), &error))?.contents() {
                let name = object.key().and_then(|key| key.strip_prefix(&at.prefix));
                let written = object.last_modified().and_then(|at| Timestamp::from_second(at.secs()).ok());
                let Some((name, written)) = name.zip(written) else {
                    return Err(PortError::new(Fault::Refused, doing, "an object has no key or no time"));
                };
                found.push((name.to_owned(), written));
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl SnapshotReader for S3Snapshots {
    async fn pointer(&self, cell: &CellName, at: &Routing) -> PortResult<Option<PointerSeen>> {
        match self.read(cell, at, POINTER).await? {
            Some((bytes, Some(mark))) => Ok(Some(PointerSeen { bytes, mark })),
            Some((_, None)) => {
                let doing = what("reading", cell, at, POINTER);
                Err(PortError::new(Fault::Refused, doing, "the answer has no ETag"))
            }
            None => Ok(None),
        }
    }

    async fn object(&self, cell: &CellName, at: &Routing, name: &str) -> PortResult<Option<Vec<u8>>> {
        Ok(self.read(cell, at, name).await?.map(|(bytes, _)| bytes))
    }

    async fn reports(&self, cell: &CellName, at: &Routing, since: Timestamp) -> PortResult<Vec<ReportSeen>> {
        let mut reports = Vec::new();
        for (name, written_at) in self.reports_of(cell, at).await?.into_iter().filter(|(_, at)| *at >= since) {
            // One that a lifecycle rule took meanwhile is nobody's.
            if let Some(bytes) = self.object(cell, at, &name).await? {
                reports.push(ReportSeen { name, bytes, written_at });
            }
        }
        Ok(reports)
    }
}

#[async_trait]
impl SnapshotWriter for S3Snapshots {
    async fn create(&self, cell: &CellName, at: &Routing, name: &str, bytes: &[u8]) -> PortResult<()> {
        let call = self.clients(cell).await?.s3.put_object().bucket(&at.bucket).key(key(at, name));
        let call = call.content_type("application/json").if_none_match("*").body(bytes.to_vec().into());
        match call.send().await {
            Ok(_) => Ok(()),
            // Its name has the hash of its bytes: whatever is there is this.
            Err(error) if is_precondition(&error) => Ok(()),
            Err(error) => Err(failure(what("writing", cell, at, name), &error)),
        }
    }

    async fn point(&self, cell: &CellName, at: &Routing, seen: Option<&str>, bytes: &[u8]) -> PortResult<()> {
        let call = self.clients(cell).await?.s3.put_object().bucket(&at.bucket).key(key(at, POINTER));
        let call = call.content_type("application/json").body(bytes.to_vec().into());
        let call = match seen {
            Some(etag) => call.if_match(etag),
            None => call.if_none_match("*"),
        };
        let Err(error) = call.send().await else { return Ok(()) };
        if !is_precondition(&error) {
            return Err(failure(what("moving", cell, at, POINTER), &error));
        }
        // The first of two attempts may have been ours.
        match self.pointer(cell, at).await? {
            Some(now) if now.bytes == bytes => Ok(()),
            _ => {
                let doing = what("moving", cell, at, POINTER);
                Err(PortError::new(Fault::Conflict, doing, "somebody else has published meanwhile; look again"))
            }
        }
    }
}

fn key(at: &Routing, name: &str) -> String {
    format!("{}{name}", at.prefix)
}

fn what(verb: &str, cell: &CellName, at: &Routing, name: &str) -> String {
    doing(format!("{verb} s3://{}/{}{name}", at.bucket, at.prefix), cell)
}

/// Whether another object is there than was said: 412, and 409 where both were written at once.
fn is_precondition<E>(error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>) -> bool {
    error.raw_response().is_some_and(|answer| [409, 412].contains(&answer.status().as_u16()))
}

/// All bytes, or the first beyond what is read of a snapshot.
async fn bytes(answer: GetObjectOutput, doing: &str) -> PortResult<Vec<u8>> {
    let (mut body, mut bytes) = (answer.body, Vec::new());
    while let Some(chunk) = body.next().await {
        let broken = |error| PortError::new(Fault::Unavailable, doing, format!("the answer broke off: {error}"));
        bytes.extend_from_slice(&chunk.map_err(broken)?);
        if bytes.len() > BYTES_MAX {
            break;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use accessos_routing::SigningKey;

    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, cell_name};

    fn place() -> Routing {
        let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap().public();
        Routing {
            bucket: "bucket".to_owned(),
            prefix: "routing/".to_owned(),
            keys: accessos_routing::TrustedKeys::new(vec![key]).unwrap(),
            backend: String::new(),
            lose_percent: 10,
            router: "edge-router".parse().unwrap(),
        }
    }

    /// S3 as far as conditions go; with `lost`, the first move of the pointer is done and its answer gets lost.
    fn s3(lost: bool) -> impl Fn(&Asked) -> (u16, Vec<(&'static str, String)>, String) + Clone + Send + Sync {
        let objects: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let lost = Arc::new(Mutex::new(lost));
        move |asked: &Asked| {
            let mut objects = objects.lock().unwrap();
            let path = asked.path.split('?').next().unwrap().to_owned();
            let there = objects.get(&path).cloned();
            let etag = |text: &str| format!("\"{:x}\"", text.len());
            let condition = |name: &str| asked.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            if asked.method == "GET" {
                return match there {
                    Some(text) => (200, vec![("etag", etag(&text))], text),
                    None => (404, vec![], "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
                };
            }
            let fits = match (condition("if-match"), condition("if-none-match")) {
                (Some(wanted), None) => there.is_some_and(|text| etag(&text) == wanted),
                (None, Some(any)) => any == "*" && there.is_none(),
                _ => false,
            };
            if !fits {
                return (412, vec![], "<Error><Code>PreconditionFailed</Code></Error>".to_owned());
            }
            let text = String::from_utf8(asked.body.to_vec()).unwrap();
            objects.insert(path.clone(), text);
            if path.ends_with(POINTER) && std::mem::take(&mut *lost.lock().unwrap()) {
                return (500, vec![], "<Error><Code>InternalError</Code></Error>".to_owned());
            }
            (200, vec![("etag", "\"x\"".to_owned())], String::new())
        }
    }

    async fn snapshots(lost: bool) -> (Loopback, S3Snapshots) {
        let aws = Loopback::serve_with_headers(s3(lost)).await;
        let snapshots = S3Snapshots::new(aws.cells().await);
        (aws, snapshots)
    }

    #[tokio::test]
    async fn of_two_who_publish_at_once_one_gets_it() {
        let (_aws, snapshots) = snapshots(false).await;
        let (cell, at) = (cell_name(), place());
        assert_eq!(snapshots.pointer(&cell, &at).await.unwrap(), None);
        snapshots.create(&cell, &at, "1.json", b"one").await.unwrap();
        snapshots.create(&cell, &at, "1.json", b"one").await.unwrap();
        assert_eq!(snapshots.object(&cell, &at, "1.json").await.unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(snapshots.object(&cell, &at, "2.json").await.unwrap(), None);
        snapshots.point(&cell, &at, None, b"1").await.unwrap();
        let first = snapshots.pointer(&cell, &at).await.unwrap().unwrap();
        let late = snapshots.point(&cell, &at, None, b"another").await.unwrap_err();
        assert_eq!(late.fault, Fault::Conflict);
        snapshots.point(&cell, &at, Some(&first.mark), b"22").await.unwrap();
        let late = snapshots.point(&cell, &at, Some(&first.mark), b"333").await.unwrap_err();
        assert_eq!(late.fault, Fault::Conflict);
        assert_eq!(snapshots.pointer(&cell, &at).await.unwrap().unwrap().bytes, b"22");
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_no_conflict() {
        let (aws, snapshots) = snapshots(true).await;
        let (cell, at) = (cell_name(), place());
        snapshots.point(&cell, &at, None, b"1").await.unwrap();
        let moves = aws.asked().iter().filter(|asked| asked.method == "PUT").count();
        assert_eq!(moves, 2, "it was tried again, and refused");
    }

    #[tokio::test]
    async fn inv_09_what_is_forbidden_is_not_absent() {
        let aws = Loopback::serve(|_| (403, "<Error><Code>AccessDenied</Code></Error>".to_owned())).await;
        let snapshots = S3Snapshots::new(aws.cells().await);
        assert!(snapshots.pointer(&cell_name(), &place()).await.is_err());
    }

    #[tokio::test]
    async fn reports_are_read_that_are_young_enough() {
        let aws = Loopback::serve(|asked| {
            let listed = |name: &str, at: &str| {
                format!("<Contents><Key>routing/reports/{name}.json</Key><LastModified>{at}</LastModified></Contents>")
            };
            if asked.path.contains("list-type=2") {
                let (old, new) = (listed("a", "2026-11-29T07:00:00Z"), listed("b", "2026-11-29T07:01:00Z"));
                return (
                    200,
                    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{old}{new}</ListBucketResult>"),
                );
            }
            (200, asked.path.clone())
        })
        .await;
        let snapshots = S3Snapshots::new(aws.cells().await);
        let since = "2026-11-29T07:00:30Z".parse().unwrap();
        let reports = snapshots.reports(&cell_name(), &place(), since).await.unwrap();
        let [report] = reports.as_slice() else { panic!("{reports:?}") };
        assert_eq!(
            (report.name.as_str(), report.written_at.to_string()),
            ("reports/b.json", "2026-11-29T07:01:00Z".to_owned())
        );
        assert!(String::from_utf8_lossy(&report.bytes).contains("routing/reports/b.json"));
        assert_eq!(aws.asked().len(), 2, "the old one is not read");
    }
}
