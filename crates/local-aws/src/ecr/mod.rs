//! The little of Amazon ECR that a controller needs: which digest a tag has.
//!
//! The repositories of every registry are those of the image map, as the driver knows them, so that an
//! image that is described here is one that a task can be started with.
//!
//! `DescribeImages` is what a tag is looked up with, rather than `BatchGetImage`: the latter is one of the
//! actions that pulling takes, so that whoever may look up could also read what is in an image, and each
//! look would renew the date of the last pull, by which lifecycle policies let images go. Neither costs
//! anything. Source: Amazon ECR user guide, private repository policies, and lifecycle policies.
//!
//! # Limits
//!
//! Nothing can be pushed, and there is no manifest to read: `BatchGetImage` is not done. A pattern with a
//! star has every tag, of which only those are listed that were asked for by name before; for the same
//! reason repositories are described by name only.

use serde_json::{Map, Value, json};

use crate::{
    driver::TaskDriver,
    ecs::{Members, page},
    error::ApiError,
    registry::Image,
    wire::not_done,
};

/// Where the registry is that an account has in its region.
#[derive(Debug, Clone)]
pub(crate) struct Registries {
    account: String,
    region: String,
}

impl Registries {
    pub(crate) fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned() }
    }

    /// Answers an operation whose request the table has found right.
    pub(crate) fn call(
        &self,
        operation: &str,
        request: &Value,
        driver: &dyn TaskDriver,
    ) -> Result<Value, ApiError> {
        match operation {
            "DescribeImages" => self.describe_images(request, driver),
            "DescribeRepositories" => self.describe_repositories(request, driver),
            other => Err(not_done("ecr", other)),
        }
    }

    /// One image that is missing fails the whole request, as in ECR.
    fn describe_images(&self, request: &Value, driver: &dyn TaskDriver) -> Result<Value, ApiError> {
        let repository = self.repository(request);
        let known = driver.tags(&repository.uri).ok_or_else(|| repository.not_found())?;
        let asked = request.items("imageIds");
        if !asked.is_empty() {
            if request.member("maxResults").or(request.member("nextToken")).is_some() {
                return Err(ApiError::invalid("imageIds cannot be given with maxResults or nextToken."));
            }
            let found = asked.iter().map(|id| repository.find(id, &known, driver));
            let details = found.map(|image| Ok(repository.show(&image?))).collect::<Result<Vec<_>, _>>()?;
            return Ok(json!({"imageDetails": details}));
        }
        let size = page::size(request.whole("maxResults"), 100, 1_000)?;
        let after = page::key(request.text("nextToken"))?.unwrap_or_default();
        let filter = request.member("filter");
        // Every image here has a tag, and none is archived.
        let is_none = filter.and_then(|filter| filter.text("tagStatus")) == Some("UNTAGGED")
            || filter
                .and_then(|filter| filter.text("imageStatus"))
                .is_some_and(|status| !matches!(status, "ACTIVE" | "ANY"));
        let images = known
            .iter()
            .filter(|tag| !is_none && **tag > after)
            .filter_map(|tag| driver.image(&format!("{}:{tag}", repository.uri)));
        let page = page::cut(images, size, |image| image.tag.clone());
        let details: Vec<Value> = page.items.iter().map(|image| repository.show(image)).collect();
        let mut answer = Map::from_iter([("imageDetails".to_owned(), details.into())]);
        answer.extend(page.next_token.map(|token| ("nextToken".to_owned(), token.into())));
        Ok(Value::Object(answer))
    }

    /// Repositories by name; one that is missing fails the whole request, as in ECR.
    fn describe_repositories(&self, request: &Value, driver: &dyn TaskDriver) -> Result<Value, ApiError> {
        let names = request.items("repositoryNames");
        if names.is_empty() {
            let text = "This local ECR describes repositories by name only: patterns of the image map have no \
                        end of them.";
            return Err(ApiError::new("UnsupportedFeatureException", text));
        }
        let repositories = names.iter().map(|name| {
            let repository = self.named(request, name.as_str().unwrap_or_default());
            let is_there = driver.tags(&repository.uri).is_some();
            if is_there { Ok(repository.describe(&self.region)) } else { Err(repository.not_found()) }
        });
        Ok(json!({"repositories": repositories.collect::<Result<Vec<_>, _>>()?}))
    }

    fn repository(&self, request: &Value) -> Repository {
        self.named(request, request.text("repositoryName").unwrap_or_default())
    }

    fn named(&self, request: &Value, name: &str) -> Repository {
        let registry = request.text("registryId").unwrap_or(&self.account).to_owned();
        let uri = format!("{registry}.dkr.ecr.{}.amazonaws.com/{name}", self.region);
        Repository { registry, name: name.to_owned(), uri }
    }
}

/// A repository that a request names.
struct Repository {
    registry: String,
    name: String,
    /// As image references name it.
    uri: String,
}

impl Repository {
    /// By digest, by tag, or by both where they belong together.
    fn find(&self, id: &Value, known: &[String], driver: &dyn TaskDriver) -> Result<Image, ApiError> {
        let (digest, tag) = (id.text("imageDigest"), id.text("imageTag"));
        let by_tag = |tag: &str| driver.image(&format!("{}:{tag}", self.uri));
        let found = match (digest, tag) {
            (_, Some(tag)) => by_tag(tag),
            (Some(digest), None) => driver
                .image(&format!("{}@{digest}", self.uri))
                .or_else(|| known.iter().filter_map(|tag| by_tag(tag)).find(|image| image.digest == digest)),
            (None, None) => {
                return Err(ApiError::invalid(
                    "Invalid request parameters: imageIds need an imageTag or an imageDigest.",
                ));
            }
        };
        found.filter(|image| digest.is_none_or(|digest| digest == image.digest)).ok_or_else(|| {
            let shown = |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("'{text}'"));
            let text = format!(
                "The image with imageId {{imageDigest:{}, imageTag:{}}} does not exist within the repository \
                 with name '{}' in the registry with id '{}'",
                shown(digest),
                shown(tag),
                self.name,
                self.registry
            );
            ApiError::new("ImageNotFoundException", text)
        })
    }

    fn not_found(&self) -> ApiError {
        let text = format!(
            "The repository with name '{}' does not exist in the registry with id '{}' (no image of the \
             image map matches {})",
            self.name, self.registry, self.uri
        );
        ApiError::new("RepositoryNotFoundException", text)
    }

    fn describe(&self, region: &str) -> Value {
        json!({
            "registryId": self.registry,
            "repositoryName": self.name,
            "repositoryArn": format!("arn:aws:ecr:{region}:{}:repository/{}", self.registry, self.name),
            "repositoryUri": self.uri,
        })
    }

    fn show(&self, image: &Image) -> Value {
        json!({
            "registryId": self.registry,
            "repositoryName": self.name,
            "imageDigest": image.digest,
            "imageTags": [image.tag],
            "imageSizeInBytes": image.size,
            "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
            "imageStatus": "ACTIVE",
        })
    }
}

#[cfg(test)]
mod tests;
