//! What is kept of a tenant that leaves: copies of its evidence in the archive's bucket, with checksums that S3 itself
//! computes; and what is left behind when its evidence is purged, which is nothing, older versions included.
//!
//! No byte of evidence comes through here: objects are copied by S3, from bucket to bucket.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, ObjectIdentifier};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::budget::Group;
use super::cells::{Cells, Clients, doing};
use super::failure::failure;
use crate::domain::directive::Holding;
use crate::domain::moving::landing;
use crate::domain::offboard::KeptObject;
use crate::ports::{ArchiveReader, ArchiveWriter, Fault, PortError, PortResult};

/// Pages of 1,000 objects that are listed or deleted: ten million objects.
const PAGES: usize = 10_000;
/// More than this is no list of what is kept: some 200 bytes an object.
const READ_MAX: usize = 512 * 1024 * 1024;
/// What stands in the source of a copy as it is: it is a path, encoded (API Reference, CopyObject).
const IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The archives of all cells.
#[derive(Clone, Debug)]
pub struct S3Archive {
    cells: Arc<Cells>,
}

impl S3Archive {
    /// The archives in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells }
    }

    async fn clients(&self, of: &Holding) -> PortResult<&Clients> {
        let clients = self.cells.clients(&of.cell).await?;
        clients.pace(Group::Storage).await;
        Ok(clients)
    }

    /// An object with its checksum, under this name; none if there is none.
    async fn head(&self, of: &Holding, doing: String, at: Place<'_>, name: &str) -> PortResult<Option<KeptObject>> {
        let call = self.clients(of).await?.s3.head_object().bucket(at.bucket).key(&at.key);
        let found = match call.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(found) => found,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => return Ok(None),
            Err(error) => return Err(failure(doing, &error)),
        };
        let bytes = found.content_length().and_then(|bytes| u64::try_from(bytes).ok());
        match (bytes, found.checksum_sha256()) {
            (Some(bytes), Some(sha256)) => {
                Ok(Some(KeptObject { name: name.to_owned(), bytes, sha256: sha256.to_owned() }))
            }
            _ => Err(PortError::new(Fault::Refused, doing, "it has no SHA-256 checksum")),
        }
    }

    /// Has S3 copy an object, with a checksum of its own making, by the role of the cell `of`.
    async fn copied(&self, of: &Holding, doing: &str, from: Place<'_>, to: Place<'_>) -> PortResult<()> {
        let source = format!("{}/{}", from.bucket, utf8_percent_encode(&from.key, IN_A_PATH));
        let call = self.clients(of).await?.s3.copy_object().copy_source(source).bucket(to.bucket).key(to.key);
        let copied = call.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await;
        copied.map(drop).map_err(|error| failure(doing, &error))
    }
}

/// An object's place.
struct Place<'a> {
    bucket: &'a str,
    key: String,
}

#[async_trait]
impl ArchiveReader for S3Archive {
    async fn evidence(&self, of: &Holding) -> PortResult<Vec<String>> {
        let doing = doing(format!("listing the evidence of {}", of.set), &of.cell);
        let (mut keys, mut next) = (Vec::new(), None);
        for _ in 0..PAGES {
            let call = self.clients(of).await?.s3.list_objects_v2().bucket(&of.bucket).prefix(&of.prefix);
            let page = call.set_continuation_token(next).send().await.map_err(|error| failure(&doing, &error))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(keys);
            }
        }
        Err(PortError::new(Fault::Refused, doing, format!("the answer does not end after {PAGES} pages")))
    }

    async fn find(&self, of: &Holding, folder: &str, name: &str) -> PortResult<Option<KeptObject>> {
        let doing = doing(format!("looking for {folder}{name} in the archive"), &of.cell);
        self.head(of, doing, Place { bucket: &of.archive, key: format!("{folder}{name}") }, name).await
    }

    async fn landed(&self, at: &Holding, folder: &str, name: &str) -> PortResult<Option<KeptObject>> {
        let (bucket, key) = landing(at, folder, name);
        let doing = doing(format!("looking for {name} of {} at its new place", at.set), &at.cell);
        self.head(at, doing, Place { bucket: &bucket, key }, name).await
    }

    async fn read(&self, of: &Holding, folder: &str, name: &str) -> PortResult<Option<Vec<u8>>> {
        let doing = doing(format!("reading {folder}{name} in the archive"), &of.cell);
        let call = self.clients(of).await?.s3.get_object().bucket(&of.archive).key(format!("{folder}{name}"));
        let found = match call.send().await {
            Ok(found) => found,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(failure(doing, &error)),
        };
        if found.content_length().is_none_or(|bytes| usize::try_from(bytes).is_ok_and(|bytes| bytes > READ_MAX)) {
            return Err(PortError::new(Fault::Refused, doing, "it is too large to be read"));
        }
        let broken = |error| PortError::new(Fault::Unavailable, &doing, error);
        Ok(Some(found.body.collect().await.map_err(broken)?.to_vec()))
    }
}

#[async_trait]
impl ArchiveWriter for S3Archive {
    async fn copy(&self, of: &Holding, key: &str, folder: &str, name: &str) -> PortResult<KeptObject> {
        let doing = doing(format!("copying a piece of evidence of {} into the archive", of.set), &of.cell);
        let from = Place { bucket: &of.bucket, key: key.to_owned() };
        let to = Place { bucket: &of.archive, key: format!("{folder}{name}") };
        self.copied(of, &doing, from, to).await?;
        let missing = || PortError::new(Fault::Unavailable, doing, "it is not there after it was copied");
        self.find(of, folder, name).await?.ok_or_else(missing)
    }

    async fn write(&self, of: &Holding, folder: &str, name: &str, bytes: &[u8]) -> PortResult<()> {
        let doing = doing(format!("writing {folder}{name} into the archive"), &of.cell);
        let call = self.clients(of).await?.s3.put_object().bucket(&of.archive).key(format!("{folder}{name}"));
        let call = call.body(bytes.to_vec().into()).checksum_algorithm(ChecksumAlgorithm::Sha256);
        call.send().await.map(drop).map_err(|error| failure(doing, &error))
    }

    /// By the role at the new place, which may read what the old one has of those who move (`infra/stack/data`). S3
    /// copies objects of up to 5 GB at once (API Reference, CopyObject).
    async fn carry(&self, from: &Holding, to: &Holding, folder: &str, name: &str) -> PortResult<KeptObject> {
        let doing = doing(format!("copying {name} of {} from {}", from.set, from.cell), &to.cell);
        let (bucket, key) = landing(to, folder, name);
        let kept = Place { bucket: &from.archive, key: format!("{folder}{name}") };
        self.copied(to, &doing, kept, Place { bucket: &bucket, key }).await?;
        let missing = || PortError::new(Fault::Unavailable, doing, "it is not there after it was copied");
        self.landed(to, folder, name).await?.ok_or_else(missing)
    }

    /// Page by page, each listed anew: what is deleted is not listed any more.
    async fn purge(&self, of: &Holding) -> PortResult<()> {
        let doing = doing(format!("purging the evidence of {}", of.set), &of.cell);
        for _ in 0..PAGES {
            let call = self.clients(of).await?.s3.list_object_versions().bucket(&of.bucket).prefix(&of.prefix);
            let page = call.send().await.map_err(|error| failure(&doing, &error))?;
            let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
            let marks = page.delete_markers().iter().map(|mark| (mark.key(), mark.version_id()));
            let all: Vec<ObjectIdentifier> = versions.chain(marks).filter_map(|(key, id)| named(key?, id)).collect();
            if all.is_empty() {
                return Ok(());
            }
            delete(self.clients(of).await?, of, all, &doing).await?;
        }
        Err(PortError::new(Fault::Unavailable, doing, "there is more; asked for again, this goes on"))
    }
}

fn named(key: &str, version: Option<&str>) -> Option<ObjectIdentifier> {
    ObjectIdentifier::builder().key(key).set_version_id(version.map(str::to_owned)).build().ok()
}

async fn delete(clients: &Clients, of: &Holding, objects: Vec<ObjectIdentifier>, doing: &str) -> PortResult<()> {
    let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
    let delete = delete.map_err(|error| PortError::new(Fault::Refused, doing, error))?;
    let call = clients.s3.delete_objects().bucket(&of.bucket).delete(delete);
    let answer = call.send().await.map_err(|error| failure(doing, &error))?;
    match answer.errors().first() {
        None => Ok(()),
        Some(error) => {
            let (code, all) = (error.code().unwrap_or("no reason given"), answer.errors().len());
            Err(PortError::new(Fault::Refused, doing, format!("{all} were not deleted: {code}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, cell_name};

    fn holding() -> Holding {
        Holding {
            fleet: "prod".parse().unwrap(),
            set: "acme".parse().unwrap(),
            cell: cell_name(),
            cluster: "c1".to_owned(),
            bucket: "evidence".to_owned(),
            prefix: "tenants/acme/".to_owned(),
            archive: "archive".to_owned(),
            role: "role".to_owned(),
            shard: "s1".to_owned(),
            tasks: "shop-prod-s1".to_owned(),
            rds: crate::domain::fleet::Rds::Schema,
            user: "t_acme".to_owned(),
        }
    }

    async fn archive(answer: impl Fn(&Asked) -> Reply + Clone + Send + Sync + 'static) -> (Loopback, S3Archive) {
        let aws = Loopback::serve(answer).await;
        let archive = S3Archive::new(aws.cells().await);
        (aws, archive)
    }

    #[tokio::test]
    async fn evidence_is_listed_to_its_end() {
        let (aws, archive) = archive(|asked| {
            let more = !asked.path.contains("continuation-token");
            let (key, next) = if more { ("a", "<NextContinuationToken>t</NextContinuationToken>") } else { ("b", "") };
            let contents = format!("<Contents><Key>tenants/acme/{key}</Key><Size>1</Size></Contents>");
            (200, format!("<ListBucketResult>{contents}{next}</ListBucketResult>"))
        })
        .await;
        assert_eq!(archive.evidence(&holding()).await.unwrap(), ["tenants/acme/a", "tenants/acme/b"]);
        assert!(aws.asked()[0].path.contains("/evidence"), "{}", aws.asked()[0].path);
        assert!(aws.asked()[0].path.contains("prefix=tenants%2Facme%2F"));
    }

    #[tokio::test]
    async fn a_copy_asks_for_its_checksum_and_names_its_source_encoded() {
        let (aws, archive) = archive(|asked| match asked.method.as_str() {
            "PUT" => (200, "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>".to_owned()),
            _ => (404, String::new()),
        })
        .await;
        let copied = archive.copy(&holding(), "tenants/acme/a b+é.pdf", "acme/7/", "evidence/a").await;
        assert_eq!(copied.unwrap_err().why, "it is not there after it was copied");
        let put = &aws.asked()[0];
        assert_eq!(put.headers["x-amz-copy-source"], "evidence/tenants/acme/a%20b%2B%C3%A9.pdf");
        assert_eq!(put.headers["x-amz-checksum-algorithm"], "SHA256");
        assert!(put.path.starts_with("/archive/acme/7/evidence/a"), "{}", put.path);
        assert_eq!(aws.asked()[1].headers["x-amz-checksum-mode"], "ENABLED");
    }

    #[tokio::test]
    async fn what_moves_is_copied_by_the_role_at_its_new_place_to_where_it_belongs() {
        let (aws, archive) = archive(|asked| match asked.method.as_str() {
            "PUT" => (200, "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>".to_owned()),
            _ => (404, String::new()),
        })
        .await;
        let to = Holding { bucket: "there".to_owned(), archive: "kept-there".to_owned(), ..holding() };
        archive.carry(&holding(), &to, "acme/7/", "evidence/a b").await.unwrap_err();
        archive.carry(&holding(), &to, "acme/7/", "database.dump").await.unwrap_err();
        let puts: Vec<(String, String)> = aws
            .asked()
            .iter()
            .filter(|asked| asked.method == "PUT")
            .map(|asked| (asked.headers["x-amz-copy-source"].to_str().unwrap().to_owned(), asked.path.clone()))
            .collect();
        assert_eq!(puts[0].0, "archive/acme/7/evidence/a%20b");
        assert!(puts[0].1.starts_with("/there/tenants/acme/a%20b"), "{}", puts[0].1);
        assert_eq!(puts[1].0, "archive/acme/7/database.dump");
        assert!(puts[1].1.starts_with("/kept-there/acme/7/database.dump"), "{}", puts[1].1);
    }

    #[tokio::test]
    async fn inv_09_forbidden_is_not_gone_and_no_checksum_is_no_object() {
        let (_aws, forbidden) = archive(|_| (403, "<Error><Code>AccessDenied</Code></Error>".to_owned())).await;
        assert!(forbidden.find(&holding(), "f/", "x").await.is_err());
        assert!(forbidden.read(&holding(), "f/", "x").await.is_err());
        let (_aws, bare) = archive(|_| (200, String::new())).await;
        assert_eq!(bare.find(&holding(), "f/", "x").await.unwrap_err().why, "it has no SHA-256 checksum");
    }

    #[tokio::test]
    async fn a_purge_deletes_versions_and_marks_until_none_is_listed() {
        let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (aws, archive) = archive(move |asked| {
            if asked.method == "POST" {
                return (200, "<DeleteResult/>".to_owned());
            }
            let all = "<Version><Key>tenants/acme/a</Key><VersionId>v1</VersionId></Version>\
                       <DeleteMarker><Key>tenants/acme/a</Key><VersionId>v2</VersionId></DeleteMarker>";
            let first = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            (200, format!("<ListVersionsResult>{}</ListVersionsResult>", if first { all } else { "" }))
        })
        .await;
        archive.purge(&holding()).await.unwrap();
        let asked = aws.asked();
        let sent = String::from_utf8_lossy(&asked[1].body).into_owned();
        assert_eq!(asked.len(), 3);
        assert!(sent.contains("<VersionId>v1</VersionId>") && sent.contains("<VersionId>v2</VersionId>"), "{sent}");
    }

    #[tokio::test]
    async fn one_object_that_is_not_deleted_is_no_purge() {
        let (_aws, archive) = archive(|asked| {
            let list =
                "<ListVersionsResult><Version><Key>k</Key><VersionId>v</VersionId></Version></ListVersionsResult>";
            let denied = "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>";
            (200, if asked.method == "POST" { denied } else { list }.to_owned())
        })
        .await;
        assert_eq!(archive.purge(&holding()).await.unwrap_err().why, "1 were not deleted: AccessDenied");
    }
}
