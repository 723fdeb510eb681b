//! Images of ECR: the digest that a tag stands for at the moment.

use std::collections::{BTreeMap, BTreeSet};

use coxswain_manifest::ImageName;
use serde_json::{Value, json};

use super::{Looked, StoredValue};
use crate::aws::{Aws, AwsError, Operation};

/// Looks up images by repository and tag. Only reads.
///
/// One DescribeRepositories for each repository, whose answer spells the registry out as this partition
/// and Region have it, and one DescribeImages for each tag: the call fails as a whole where one of its
/// tags is not there.
///
/// Sources: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>,
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html>
pub(super) async fn look_up(names: &BTreeSet<ImageName>, aws: &dyn Aws) -> Vec<Looked> {
    let mut repositories: BTreeMap<&str, Result<String, String>> = BTreeMap::new();
    let mut looked = Vec::with_capacity(names.len());
    for name in names {
        if !repositories.contains_key(name.repository()) {
            repositories.insert(name.repository(), uri(name.repository(), aws).await);
        }
        let found = match repositories.get(name.repository()) {
            Some(Ok(uri)) => digest(name, aws).await.map(|digest| format!("{uri}@{digest}")),
            Some(Err(why)) => Err(why.clone()),
            None => Err("was not looked up".to_owned()),
        };
        looked.push((name.to_string(), found.map(StoredValue::String)));
    }
    looked
}

async fn uri(repository: &str, aws: &dyn Aws) -> Result<String, String> {
    let input = json!({"repositoryNames": [repository]});
    let missing = || format!("not found: there is no repository {repository}");
    let answer =
        aws.call(Operation::DescribeRepositories, input).await.map_err(|error| why(&error, missing))?;
    text(&answer, "/repositories/0/repositoryUri").ok_or_else(missing)
}

async fn digest(name: &ImageName, aws: &dyn Aws) -> Result<String, String> {
    let input = json!({"repositoryName": name.repository(), "imageIds": [{"imageTag": name.tag()}]});
    let missing = || format!("not found: the repository {} has no tag {}", name.repository(), name.tag());
    let answer = aws.call(Operation::DescribeImages, input).await.map_err(|error| why(&error, missing))?;
    text(&answer, "/imageDetails/0/imageDigest").ok_or_else(missing)
}

fn text(answer: &Value, pointer: &str) -> Option<String> {
    answer.pointer(pointer)?.as_str().map(str::to_owned)
}

fn why(error: &AwsError, missing: impl Fn() -> String) -> String {
    if error.is_not_found() { missing() } else { format!("could not be looked up: {error}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::aws::Failure;

    #[derive(Debug, Default)]
    struct Ecr {
        asked: Mutex<Vec<(Operation, Value)>>,
    }

    #[async_trait]
    impl Aws for Ecr {
        async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
            self.asked.lock().unwrap().push((operation, input.clone()));
            let failed = |failure| Err(AwsError { operation, failure, request_id: None });
            let not_found = || Failure::NotFound { message: "not there".to_owned() };
            match (operation, input.to_string()) {
                (_, text) if text.contains("\"down\"") => {
                    failed(Failure::Unavailable { message: "timeout".to_owned() })
                }
                (Operation::DescribeRepositories, text) if text.contains("team/api") => {
                    let uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api";
                    Ok(json!({"repositories": [{"repositoryName": "team/api", "repositoryUri": uri}]}))
                }
                (Operation::DescribeImages, text) if text.contains("1.4") => {
                    Ok(json!({"imageDetails": [{"imageDigest": "sha256:0f1e", "imageTags": ["1.4"]}]}))
                }
                _ => failed(not_found()),
            }
        }
    }

    #[tokio::test]
    async fn each_image_gets_its_digest_or_the_reason_why_not_and_a_repository_is_asked_for_once() {
        let ecr = Ecr::default();
        let names = ["team/api:1.4", "team/api:1.5", "gone:1.4", "down:1"];
        let names = names.iter().map(|name| format!("image:{name}").parse().unwrap()).collect();
        let looked: BTreeMap<_, _> = look_up(&names, &ecr).await.into_iter().collect();
        let uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:0f1e";
        assert_eq!(looked["image:team/api:1.4"], Ok(StoredValue::String(uri.to_owned())));
        let why = |name: &str| looked[name].clone().unwrap_err();
        assert_eq!(why("image:team/api:1.5"), "not found: the repository team/api has no tag 1.5");
        assert_eq!(why("image:gone:1.4"), "not found: there is no repository gone");
        assert!(why("image:down:1").starts_with("could not be looked up: DescribeRepositories"));
        let asked = ecr.asked.lock().unwrap();
        let of = |wanted| asked.iter().filter(|(operation, _)| *operation == wanted).count();
        assert_eq!((of(Operation::DescribeRepositories), of(Operation::DescribeImages)), (3, 2));
    }
}
