//! Images in ECR: which are there, one more tag for one that is, and the way in for whoever pushes.
//!
//! A release is moved by digest, so giving it a name means putting the same manifest once more under another
//! tag. In a repository with mutable tags ECR would move a tag without a word; here that is a conflict.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecr::types::{Image, ImageDetail, ImageIdentifier};
use tokio::task::JoinSet;

use super::budget::Group;
use super::cells::{Cells, Clients, doing};
use super::failure::failure;
use crate::domain::ids::{CellName, ImageDigest, ImageTag, ServiceName};
use crate::ports::{
    Credentials, Fault, FoundImage, ImageQuery, ImageReader, ImageTagger, PortError, PortResult, RegistryLogin, Secret,
};

/// Digests that one BatchGetImage takes (API Reference).
const DIGESTS_PER_CALL: usize = 100;

/// Manifests that are carried over as they are: image indexes and images, of OCI and of Docker.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The registry that holds the images of every fleet.
#[derive(Clone, Debug)]
pub struct EcrRegistry {
    cells: Arc<Cells>,
    cell: CellName,
}

/// A repository as ECR's API names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Repository {
    /// The account, where the host names it.
    account: Option<String>,
    /// The path after the host.
    path: String,
}

impl EcrRegistry {
    /// The registry of this cell.
    pub fn new(cells: Arc<Cells>, cell: CellName) -> Self {
        Self { cells, cell }
    }

    /// The digest that has this tag; none if no image has it.
    ///
    /// # Errors
    /// The registry cannot be asked.
    pub async fn digest_of(&self, repository: &str, tag: &ImageTag) -> PortResult<Option<ImageDigest>> {
        Ok(self.look(repository, tag).await?.map(|image| image.digest))
    }

    async fn look(&self, repository: &str, tag: &ImageTag) -> PortResult<Option<FoundImage>> {
        let doing = doing(format!("looking for image {repository}:{tag}"), &self.cell);
        let (clients, repository) = (self.clients(Group::RegistryRead).await?, Repository::from(repository));
        let answer = clients
            .ecr
            .describe_images()
            .set_registry_id(repository.account)
            .repository_name(repository.path)
            .image_ids(ImageIdentifier::builder().image_tag(tag.as_str()).build())
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.image_details().first().and_then(found)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_image_not_found_exception() || e.is_repository_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure(doing, &error)),
        }
    }

    async fn get(&self, repository: &str, digests: &[ImageDigest]) -> PortResult<Vec<Image>> {
        let doing = doing(format!("reading images of {repository}"), &self.cell);
        let (clients, repository) = (self.clients(Group::RegistryRead).await?, Repository::from(repository));
        let ids = digests.iter().map(|digest| ImageIdentifier::builder().image_digest(digest.as_str()).build());
        let answer = clients
            .ecr
            .batch_get_image()
            .set_registry_id(repository.account)
            .repository_name(repository.path)
            .set_image_ids(Some(ids.collect()))
            .set_accepted_media_types(Some(MANIFESTS.map(str::to_owned).to_vec()))
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.images.unwrap_or_default()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_repository_not_found_exception()) => Ok(vec![]),
            Err(error) => Err(failure(doing, &error)),
        }
    }

    async fn put(&self, repository: &str, digest: &ImageDigest, tag: &ImageTag, doing: &str) -> PortResult<()> {
        let image = self.get(repository, std::slice::from_ref(digest)).await?.into_iter().next();
        let missing = || PortError::new(Fault::Refused, doing, "the registry has no such image");
        let image = image.filter(|image| image.image_manifest().is_some()).ok_or_else(missing)?;
        let (clients, repository) = (self.clients(Group::RegistryModify).await?, Repository::from(repository));
        let answer = clients
            .ecr
            .put_image()
            .set_registry_id(repository.account)
            .repository_name(repository.path)
            .set_image_manifest(image.image_manifest)
            .set_image_manifest_media_type(image.image_manifest_media_type)
            .image_tag(tag.as_str())
            .image_digest(digest.as_str())
            .send()
            .await;
        match answer {
            // Somebody tagged in the meantime; whom, the caller looks.
            Err(error)
                if error.as_service_error().is_some_and(|e| {
                    e.is_image_already_exists_exception() || e.is_image_tag_already_exists_exception()
                }) =>
            {
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(failure(doing, &error)),
        }
    }

    async fn clients(&self, group: Group) -> PortResult<&Clients> {
        let clients = self.cells.clients(&self.cell).await?;
        clients.pace(group).await;
        Ok(clients)
    }
}

#[async_trait]
impl ImageReader for EcrRegistry {
    async fn find(&self, queries: &[ImageQuery]) -> PortResult<BTreeMap<ServiceName, FoundImage>> {
        // One call a query: DescribeImages of several tags fails as a whole if one of them is not there.
        let mut looks = JoinSet::new();
        for query in queries.iter().cloned() {
            let registry = self.clone();
            looks.spawn(async move { Ok((query.service, registry.look(&query.repository, &query.tag).await?)) });
        }
        let mut images = BTreeMap::new();
        while let Some(look) = looks.join_next().await {
            let broken = |error| PortError::new(Fault::Unavailable, "looking for images", error);
            let (service, image) = look.map_err(broken)??;
            images.extend(image.map(|image| (service, image)));
        }
        Ok(images)
    }

    async fn present(&self, repository: &str, digests: &[ImageDigest]) -> PortResult<Vec<ImageDigest>> {
        let mut present = Vec::new();
        for part in digests.chunks(DIGESTS_PER_CALL) {
            let images = self.get(repository, part).await?;
            let has = |digest: &&ImageDigest| images.iter().any(|image| digest_in(image) == Some(digest.as_str()));
            present.extend(part.iter().filter(has).cloned());
        }
        Ok(present)
    }
}

#[async_trait]
impl ImageTagger for EcrRegistry {
    async fn tag(&self, repository: &str, digest: &ImageDigest, tag: &ImageTag) -> PortResult<()> {
        let doing = doing(format!("tagging {repository}@{} as {tag}", digest.short()), &self.cell);
        if self.digest_of(repository, tag).await?.is_none() {
            self.put(repository, digest, tag, &doing).await?;
        }
        match self.digest_of(repository, tag).await? {
            Some(there) if there == *digest => Ok(()),
            Some(there) => Err(PortError::new(Fault::Conflict, doing, format!("the tag is on {}", there.short()))),
            None => Err(PortError::new(Fault::Unavailable, doing, "the tag is not there yet")),
        }
    }
}

#[async_trait]
impl RegistryLogin for EcrRegistry {
    async fn login(&self, host: &str) -> PortResult<Option<Credentials>> {
        if host != self.cells.cell(&self.cell)?.registry_host() {
            return Ok(None);
        }
        let doing = doing(format!("asking for the login of {host}"), &self.cell);
        let clients = self.clients(Group::RegistryRead).await?;
        let answer = clients.ecr.get_authorization_token().send().await.map_err(|error| failure(&doing, &error))?;
        let token = answer.authorization_data().first().and_then(|data| data.authorization_token());
        let login = token.and_then(user_and_password);
        login.map(Some).ok_or_else(|| PortError::new(Fault::Refused, doing, "an answer without a login"))
    }
}

/// ECR's token is `user:password` in base64.
fn user_and_password(token: &str) -> Option<Credentials> {
    let text = String::from_utf8(aws_smithy_types::base64::decode(token).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Credentials { user: user.to_owned(), password: Secret::new(password) })
}

fn found(image: &ImageDetail) -> Option<FoundImage> {
    let tags = image.image_tags().iter().filter_map(|tag| tag.parse().ok()).collect();
    Some(FoundImage { digest: image.image_digest()?.parse().ok()?, tags })
}

fn digest_in(image: &Image) -> Option<&str> {
    image.image_id()?.image_digest()
}

impl From<&str> for Repository {
    /// Takes `host/path` apart. ECR's own hosts begin with the account.
    fn from(text: &str) -> Self {
        let (host, path) = text.split_once('/').unwrap_or(("", text));
        let account = host.split_once(".dkr.ecr").map(|(account, _)| account.to_owned());
        Self { account, path: path.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, cell_name, error};
    use serde_json::{Value, json};
    use std::sync::Mutex;

    const MANIFEST: &str = r#"{"schemaVersion":2,  "aFieldOfNextYear":true}"#;

    fn digest(of: char) -> ImageDigest {
        format!("sha256:{}", of.to_string().repeat(64)).parse().unwrap()
    }

    /// A repository `app/iam` with image `a`, and the tags it has: tag to digest.
    async fn repository(tags: &[(&str, char)]) -> (Loopback, EcrRegistry) {
        let tags: Vec<_> = tags.iter().map(|(tag, of)| ((*tag).to_owned(), digest(*of).to_string())).collect();
        let tags = Arc::new(Mutex::new(BTreeMap::from_iter(tags)));
        let aws = Loopback::serve(move |asked| answer(asked, &mut tags.lock().unwrap())).await;
        let registry = EcrRegistry::new(aws.cells().await, cell_name());
        (aws, registry)
    }

    fn answer(asked: &Asked, tags: &mut BTreeMap<String, String>) -> Reply {
        let request = asked.json();
        if request["repositoryName"] == "app/gone" {
            return error(400, "RepositoryNotFoundException", "no such repository");
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let answer = match asked.action().as_str() {
            "DescribeImages" => match tags.get(&text(&request["imageIds"][0]["imageTag"])) {
                Some(digest) => json!({"imageDetails": [{"imageDigest": digest, "imageTags": ["1.0.0", "main"]}]}),
                // What the emulator answers where AWS has an exception.
                None if text(&request["imageIds"][0]["imageTag"]) == "empty" => json!({"imageDetails": []}),
                None => return error(400, "ImageNotFoundException", "no such image"),
            },
            "BatchGetImage" => {
                let wanted = request["imageIds"].as_array().unwrap().iter();
                let images = wanted.filter(|id| id["imageDigest"] == digest('a').as_str()).map(
                    |id| json!({"imageId": id, "imageManifest": MANIFEST, "imageManifestMediaType": MANIFESTS[0]}),
                );
                json!({"images": images.collect::<Vec<_>>(), "failures": []})
            }
            "PutImage" => {
                // Somebody is quicker with this one.
                let other = text(&request["imageTag"]) == "raced";
                let holder = if other { digest('b').to_string() } else { text(&request["imageDigest"]) };
                tags.insert(text(&request["imageTag"]), holder);
                if other {
                    return error(400, "ImageTagAlreadyExistsException", "immutable");
                }
                json!({"image": {}})
            }
            _ => {
                json!({"authorizationData": [{"authorizationToken": aws_smithy_types::base64::encode("AWS:s3:cret")}]})
            }
        };
        (200, answer.to_string())
    }

    const IAM: &str = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/app/iam";

    #[tokio::test]
    async fn images_that_are_not_there_have_no_entry() {
        let (_aws, registry) = repository(&[("1.0.0", 'a')]).await;
        let query = |service: &str, repository: &str, tag: &str| ImageQuery {
            service: service.parse().unwrap(),
            repository: repository.to_owned(),
            tag: tag.parse().unwrap(),
        };
        let queries = [
            query("iam", IAM, "1.0.0"),
            query("audit", IAM, "2.0.0"),
            query("worker", IAM, "empty"),
            query("other", "host/app/gone", "1.0.0"),
        ];
        let found = registry.find(&queries).await.unwrap();
        let tags = ["1.0.0", "main"].map(|tag| tag.parse().unwrap()).to_vec();
        assert_eq!(found, BTreeMap::from([("iam".parse().unwrap(), FoundImage { digest: digest('a'), tags })]));
    }

    #[tokio::test]
    async fn present_digests_are_told_apart_from_absent_ones() {
        let (aws, registry) = repository(&[]).await;
        let present = registry.present(IAM, &[digest('a'), digest('b')]).await.unwrap();
        assert_eq!(present, [digest('a')]);
        assert_eq!(aws.asked()[0].json()["registryId"], "222222222222");
        assert_eq!(registry.present("host/app/gone", &[digest('a')]).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_tag_is_put_with_the_very_same_manifest() {
        let (aws, registry) = repository(&[]).await;
        registry.tag(IAM, &digest('a'), &"1.0.0".parse().unwrap()).await.unwrap();
        assert_eq!(
            aws.asked_for("PutImage")[0].json(),
            json!({
                "registryId": "222222222222", "repositoryName": "app/iam", "imageTag": "1.0.0",
                "imageManifest": MANIFEST, "imageManifestMediaType": MANIFESTS[0], "imageDigest": digest('a').as_str(),
            })
        );
        assert_eq!(registry.digest_of(IAM, &"1.0.0".parse().unwrap()).await.unwrap(), Some(digest('a')));
    }

    #[tokio::test]
    async fn having_the_tag_is_success_and_the_tag_elsewhere_a_conflict() {
        let (aws, registry) = repository(&[("ours", 'a'), ("theirs", 'b')]).await;
        let tag = async |tag: &str| registry.tag(IAM, &digest('a'), &tag.parse().unwrap()).await;
        tag("ours").await.unwrap();
        assert_eq!(tag("theirs").await.unwrap_err().fault, Fault::Conflict);
        assert!(aws.asked_for("PutImage").is_empty(), "a mutable tag would have moved");
        assert_eq!(tag("raced").await.unwrap_err().fault, Fault::Conflict);
        let gone = registry.tag(IAM, &digest('c'), &"new".parse().unwrap()).await.unwrap_err();
        assert_eq!(
            gone.to_string(),
            format!("tagging {IAM}@cccccccccccc as new in prod-1: the registry has no such image")
        );
    }

    #[tokio::test]
    async fn only_our_own_registry_has_a_login_and_nothing_shows_it() {
        let (aws, registry) = repository(&[]).await;
        let host = aws.url.trim_start_matches("http://");
        let login = registry.login(host).await.unwrap().unwrap();
        assert_eq!((login.user.as_str(), login.password.expose()), ("AWS", "s3:cret"));
        assert!(!format!("{login:?}").contains("s3"));
        assert!(registry.login("ghcr.io").await.unwrap().is_none());
    }
}
