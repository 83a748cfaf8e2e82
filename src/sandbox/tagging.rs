//! The search for tagged resources over all services, and one way to tag them all.
//!
//! Tags are kept by the services; this only asks them. It tells of the call's region alone, and not of IAM, whose tags
//! AWS shows in one region only.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{Call, Service};
use super::operation::{Answer, operations};
use super::paging::{page, read_token};
use super::refusal::Refusal;
use super::tags::{Tagged, Tags, list};
use super::world::World;
use super::{ec2, firehose, iam, logs, s3, sagemaker, server};

operations! {
    GetResources => get_resources;
    GetTagKeys => get_tag_keys;
    GetTagValues => get_tag_values;
    TagResources => tag_resources;
    UntagResources => untag_resources;
}

/// How many resources a page has at most, and if nothing is said.
const LARGEST_PAGE: usize = 100;
const USUAL_PAGE: usize = 50;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// Everything that is tagged, by ARN.
fn all(world: &World, call: &Call) -> BTreeMap<String, Tags> {
    let sources = [ec2::tagged, firehose::tagged, logs::tagged, s3::tagged, sagemaker::tagged];
    sources
        .into_iter()
        .flat_map(|tagged| tagged(world, &call.place))
        .filter(|Tagged { tags, .. }| !tags.is_empty())
        .map(|Tagged { arn, tags }| (arn, tags))
        .collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetResources {
    /// Empty as well as missing where the first page is asked for.
    #[serde(default)]
    pagination_token: String,
    #[serde(default)]
    tag_filters: Vec<TagFilter>,
    resources_per_page: Option<i64>,
    tags_per_page: Option<i64>,
    #[serde(default)]
    resource_type_filters: Vec<String>,
    #[serde(default)]
    include_compliance_details: bool,
    #[serde(default)]
    exclude_compliant_resources: bool,
    #[serde(default, rename = "ResourceARNList")]
    resource_arn_list: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagFilter {
    #[serde(default)]
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

impl TagFilter {
    fn fits(&self, tags: &Tags) -> bool {
        tags.get(&self.key).is_some_and(|value| self.values.is_empty() || self.values.contains(value))
    }

    fn check(&self) -> Result<(), Refusal> {
        if !(1..=128).contains(&self.key.chars().count()) {
            return Err(invalid("The key of a tag filter must have from 1 to 128 characters"));
        }
        if self.values.len() > 20 || self.values.iter().any(|value| value.chars().count() > 256) {
            return Err(invalid("A tag filter can have at most 20 values of at most 256 characters"));
        }
        Ok(())
    }
}

impl GetResources {
    fn check(&self) -> Result<(), Refusal> {
        if self.tag_filters.len() > 50 {
            return Err(invalid("A request can have at most 50 tag filters"));
        }
        if self.resource_type_filters.len() > LARGEST_PAGE || self.resource_arn_list.len() > LARGEST_PAGE {
            return Err(invalid(format!("A list of a request can have at most {LARGEST_PAGE} items")));
        }
        self.tag_filters.iter().try_for_each(TagFilter::check)?;
        if let Some(odd) = self.resource_type_filters.iter().find(|filter| !is_resource_type(filter)) {
            return Err(invalid(format!(
                "{odd} is not a valid resource type: it is service or service:type"
            )));
        }
        if let Some(odd) = self.resource_arn_list.iter().find(|arn| Arn::read(arn).is_none()) {
            return Err(invalid(format!("{odd} is not a valid ARN")));
        }
        if self.resources_per_page.is_some_and(|asked| !(1..=100).contains(&asked)) {
            return Err(invalid("ResourcesPerPage must be from 1 to 100"));
        }
        if self.tags_per_page.is_some_and(|asked| !(100..=500).contains(&asked)) {
            return Err(invalid("TagsPerPage must be from 100 to 500"));
        }
        if self.exclude_compliant_resources && !self.include_compliance_details {
            return Err(invalid(
                "ExcludeCompliantResources can be used only if IncludeComplianceDetails is true",
            ));
        }
        self.check_arns_stand_alone()
    }

    fn check_arns_stand_alone(&self) -> Result<(), Refusal> {
        let filters = !self.tag_filters.is_empty() || !self.resource_type_filters.is_empty();
        let paging = !self.pagination_token.is_empty()
            || self.resources_per_page.is_some()
            || self.tags_per_page.is_some();
        if self.resource_arn_list.is_empty() || !(filters || paging) {
            return Ok(());
        }
        Err(invalid(
            "ResourceARNList cannot be used together with TagFilters, ResourceTypeFilters or parameters of paging",
        ))
    }

    fn want(&self, arn: &str, tags: &Tags) -> bool {
        let types = &self.resource_type_filters;
        (self.resource_arn_list.is_empty() || self.resource_arn_list.iter().any(|wanted| wanted == arn))
            && (types.is_empty() || types.iter().any(|wanted| is_of_type(arn, wanted)))
            && self.tag_filters.iter().all(|filter| filter.fits(tags))
    }
}

fn get_resources(world: &mut World, call: &Call, input: GetResources) -> Answer {
    input.check()?;
    let after = read_pagination_token(&input.pagination_token)?;
    // There are no tag policies here that anything could break.
    let all = if input.exclude_compliant_resources { BTreeMap::new() } else { all(world, call) };
    let wanted: Vec<(String, Tags)> = all
        .into_iter()
        .filter(|(arn, tags)| input.want(arn, tags))
        .skip_while(|(arn, _)| after.as_deref().is_some_and(|after| arn.as_str() <= after))
        .collect();
    let most = match input.resources_per_page.and_then(|asked| usize::try_from(asked).ok()) {
        Some(asked) => asked,
        None if input.resource_arn_list.is_empty() => USUAL_PAGE,
        None => LARGEST_PAGE,
    };
    let page = page(
        wanted.iter().map(|(arn, tags)| (arn.clone(), mapping(arn, tags, input.include_compliance_details))),
        None,
        most.min(within_tags(&wanted, input.tags_per_page)),
    );
    Ok(json!({
        "ResourceTagMappingList": page.items,
        "PaginationToken": page.next.unwrap_or_default(),
    })
    .into())
}

/// How many of the resources have together no more than so many tags. One always goes on a page.
fn within_tags(resources: &[(String, Tags)], most: Option<i64>) -> usize {
    let Some(most) = most.and_then(|most| usize::try_from(most).ok()) else { return usize::MAX };
    let mut sum = 0;
    let fitting = resources.iter().take_while(|(_, tags)| {
        sum += tags.len();
        sum <= most
    });
    fitting.count().max(1)
}

fn mapping(arn: &str, tags: &Tags, with_compliance: bool) -> Value {
    let mut mapping = json!({ "ResourceARN": arn, "Tags": list(tags) });
    if with_compliance {
        mapping["ComplianceDetails"] =
            json!({ "NoncompliantKeys": [], "KeysWithNoncompliantValues": [], "ComplianceStatus": true });
    }
    mapping
}

fn read_pagination_token(token: &str) -> Result<Option<String>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    read_token(token).map(Some).ok_or_else(|| invalid("The PaginationToken is not valid"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetTagKeys {
    #[serde(default)]
    pagination_token: String,
}

fn get_tag_keys(world: &mut World, call: &Call, input: GetTagKeys) -> Answer {
    let keys: BTreeSet<String> = all(world, call).into_values().flat_map(Tags::into_keys).collect();
    texts("TagKeys", keys, &input.pagination_token)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetTagValues {
    key: String,
    #[serde(default)]
    pagination_token: String,
}

fn get_tag_values(world: &mut World, call: &Call, input: GetTagValues) -> Answer {
    if input.key.is_empty() {
        return Err(invalid("The key must have from 1 to 128 characters"));
    }
    let values = all(world, call).into_values().filter_map(|mut tags| tags.remove(&input.key)).collect();
    texts("TagValues", values, &input.pagination_token)
}

fn texts(member: &str, texts: BTreeSet<String>, token: &str) -> Answer {
    // A value may be empty, and so comes before every key that a page could begin after: the mark keeps it apart.
    let marked = texts.into_iter().map(|text| (format!("={text}"), text));
    let page = page(marked, read_pagination_token(token)?.as_deref(), LARGEST_PAGE);
    Ok(json!({ member: page.items, "PaginationToken": page.next.unwrap_or_default() }).into())
}

/// The parts of an ARN that the search looks at.
struct Arn<'a> {
    service: &'a str,
    region: &'a str,
    account: &'a str,
    /// `instance/i-0123`, `deliverystream/posts`, a bucket's name.
    thing: &'a str,
}

impl<'a> Arn<'a> {
    fn read(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (start, partition) = (parts.next()?, parts.next()?);
        let (service, region, account, thing) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (start == "arn" && partition.starts_with("aws") && !service.is_empty() && !thing.is_empty())
            .then_some(Self { service, region, account, thing })
    }

    /// Its type and its name. A bucket's ARN does not say that it is one.
    fn parts(&self) -> (&'a str, &'a str) {
        match self.service {
            "s3" => ("bucket", self.thing),
            _ => self.thing.split_once(['/', ':']).unwrap_or((self.thing, "")),
        }
    }
}

fn is_resource_type(filter: &str) -> bool {
    let mut parts = filter.split(':');
    filter.len() <= 256 && parts.by_ref().take(2).all(|part| !part.is_empty()) && parts.next().is_none()
}

/// `ec2` is every type of EC2's, `ec2:instance` one.
fn is_of_type(arn: &str, filter: &str) -> bool {
    let (service, kind) =
        filter.split_once(':').map_or((filter, None), |(service, kind)| (service, Some(kind)));
    Arn::read(arn).is_some_and(|arn| arn.service == service && kind.is_none_or(|kind| kind == arn.parts().0))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagResources {
    #[serde(rename = "ResourceARNList")]
    resource_arn_list: Vec<String>,
    tags: Tags,
}

fn tag_resources(world: &mut World, call: &Call, input: TagResources) -> Answer {
    if !(1..=50).contains(&input.tags.len()) {
        return Err(invalid("A request must have from 1 to 50 tags"));
    }
    if input.tags.keys().any(|key| key.to_lowercase().starts_with("aws:")) {
        return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    let own = |arn: &Arn<'_>| arn.tagging(&input.tags);
    let bucket = |tags: &mut Tags| tags.extend(input.tags.clone());
    each(world, call, &input.resource_arn_list, own, bucket)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UntagResources {
    #[serde(rename = "ResourceARNList")]
    resource_arn_list: Vec<String>,
    tag_keys: Vec<String>,
}

fn untag_resources(world: &mut World, call: &Call, input: UntagResources) -> Answer {
    if !(1..=50).contains(&input.tag_keys.len()) {
        return Err(invalid("A request must have from 1 to 50 tag keys"));
    }
    let own = |arn: &Arn<'_>| arn.untagging(&input.tag_keys);
    let bucket = |tags: &mut Tags| tags.retain(|key, _| !input.tag_keys.contains(key));
    each(world, call, &input.resource_arn_list, own, bucket)
}

/// A service's own operation that sets or takes tags.
struct Own {
    service: Service,
    operation: &'static str,
    input: Value,
}

impl Arn<'_> {
    /// The operation of its service that tags it; `None` where the sandbox has none.
    fn tagging(&self, tags: &Tags) -> Option<Own> {
        let (service, operation, resource) = match self.service {
            "ec2" => {
                (Service::Ec2, "CreateTags", json!({ "ResourceId": [self.parts().1], "Tag": list(tags) }))
            }
            "firehose" => (
                Service::Firehose,
                "TagDeliveryStream",
                json!({ "DeliveryStreamName": self.parts().1, "Tags": list(tags) }),
            ),
            "logs" => (Service::Logs, "TagResource", json!({ "resourceArn": self.whole(), "tags": tags })),
            "sagemaker" => {
                (Service::SageMaker, "AddTags", json!({ "ResourceArn": self.whole(), "Tags": list(tags) }))
            }
            _ => return None,
        };
        Some(Own { service, operation, input: resource })
    }

    /// The operation of its service that takes tags from it; `None` where the sandbox has none.
    fn untagging(&self, keys: &[String]) -> Option<Own> {
        let by_key: Vec<Value> = keys.iter().map(|key| json!({ "Key": key })).collect();
        let (service, operation, input) = match self.service {
            "ec2" => (Service::Ec2, "DeleteTags", json!({ "ResourceId": [self.parts().1], "Tag": by_key })),
            "firehose" => (
                Service::Firehose,
                "UntagDeliveryStream",
                json!({ "DeliveryStreamName": self.parts().1, "TagKeys": keys }),
            ),
            "logs" => {
                (Service::Logs, "UntagResource", json!({ "resourceArn": self.whole(), "tagKeys": keys }))
            }
            "sagemaker" => {
                (Service::SageMaker, "DeleteTags", json!({ "ResourceArn": self.whole(), "TagKeys": keys }))
            }
            _ => return None,
        };
        Some(Own { service, operation, input })
    }

    fn whole(&self) -> String {
        format!("arn:aws:{}:{}:{}:{}", self.service, self.region, self.account, self.thing)
    }
}

/// Does something to each resource, and tells which of them it failed for. The caller needs the services' own
/// permissions too, as at AWS. S3 has no operation of its own that changes some of a bucket's tags.
fn each(
    world: &mut World,
    call: &Call,
    arns: &[String],
    own: impl Fn(&Arn<'_>) -> Option<Own>,
    bucket: impl Fn(&mut Tags),
) -> Answer {
    if !(1..=20).contains(&arns.len()) {
        return Err(invalid("A request must have from 1 to 20 ARNs"));
    }
    if let Some(odd) = arns.iter().find(|arn| Arn::read(arn).is_none()) {
        return Err(invalid(format!("{odd} is not a valid ARN")));
    }
    let mut failed = Map::new();
    for text in arns {
        let arn = Arn::read(text);
        let named = arn.as_ref().filter(|arn| arn.service == "s3").map(|arn| arn.thing.to_owned());
        let here = arn.filter(|arn| {
            [arn.region, arn.account] == [call.place.region.as_str(), call.place.account.as_str()]
        });
        let done = match here.and_then(|arn| own(&arn)) {
            _ if named.is_some() => {
                let may = iam::authorize(world, &call.caller, "s3:PutBucketTagging", text, call.now);
                may.map_err(|_| iam::denial(call, "s3:PutBucketTagging", text)).and_then(|()| {
                    s3::change_tags(world, &call.place, &named.unwrap_or_default(), &bucket).map_err(invalid)
                })
            }
            Some(own) => {
                let inner =
                    Call { service: own.service, operation: own.operation.to_owned(), ..call.clone() };
                server::run(world, &inner, own.input).map(drop)
            }
            None => Err(invalid("the sandbox cannot tag this resource by this operation")),
        };
        if let Err(refusal) = done {
            failed.insert(text.clone(), failure(&refusal));
        }
    }
    Ok(json!({ "FailedResourcesMap": failed }).into())
}

fn failure(refusal: &Refusal) -> Value {
    let code = if refusal.status < 500 { "InvalidParameterException" } else { "InternalServiceException" };
    json!({ "StatusCode": refusal.status, "ErrorCode": code, "ErrorMessage": refusal.message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    /// A world in which `a`, `b`, … are tagged with their number, and every second one with `even`.
    fn with_tagged(count: u8) -> Trial {
        let mut trial = Trial::new();
        for number in 0..count {
            let mut tags = vec![json!({ "Key": "number", "Value": number.to_string() })];
            if number % 2 == 0 {
                tags.push(json!({ "Key": "even", "Value": "yes" }));
            }
            let name = format!("n{number:03}");
            let config = json!({ "NotebookInstanceLifecycleConfigName": name, "Tags": tags });
            trial.ask("sagemaker", "CreateNotebookInstanceLifecycleConfig", config).expect("made");
        }
        trial
    }

    fn arn(name: &str) -> String {
        format!("arn:aws:sagemaker:us-east-1:123456789012:notebook-instance-lifecycle-config/{name}")
    }

    fn found(trial: &mut Trial, input: Value) -> Vec<String> {
        let answer = trial.ask("tagging", "GetResources", input).expect("an answer");
        let resources = answer["ResourceTagMappingList"].as_array().expect("a list");
        let name = |resource: &Value| {
            let arn = resource["ResourceARN"].as_str().expect("an ARN");
            arn.rsplit('/').next().unwrap_or_default().to_owned()
        };
        resources.iter().map(name).collect()
    }

    #[test]
    fn filters_are_joined_by_and_their_values_by_or() {
        let mut trial = with_tagged(5);
        let filters = |filters: Value| json!({ "TagFilters": filters });
        let number = json!({ "Key": "number", "Values": ["1", "2", "4"] });
        assert_eq!(found(&mut trial, filters(json!([number]))), ["n001", "n002", "n004"]);
        assert_eq!(found(&mut trial, filters(json!([number, { "Key": "even" }]))), ["n002", "n004"]);
        assert_eq!(found(&mut trial, filters(json!([{ "Key": "Even", "Values": [] }]))), [""; 0]);
    }

    #[test]
    fn types_are_a_service_or_one_type_of_it() {
        let mut trial = with_tagged(1);
        let mut of = |filter: &str| found(&mut trial, json!({ "ResourceTypeFilters": [filter] })).len();
        assert_eq!(of("sagemaker"), 1);
        assert_eq!(of("sagemaker:notebook-instance-lifecycle-config"), 1);
        assert_eq!(of("sagemaker:notebook-instance"), 0);
        assert_eq!(of("ec2:instance"), 0);
        assert!(is_of_type("arn:aws:s3:::posts", "s3") && is_of_type("arn:aws:s3:::posts", "s3:bucket"));
        assert!(is_of_type("arn:aws:logs:us-east-1:123456789012:log-group:/posts", "logs:log-group"));
        assert!(is_of_type(
            "arn:aws:firehose:us-east-1:123456789012:deliverystream/posts",
            "firehose:deliverystream"
        ));
    }

    #[test]
    fn pages_join_to_the_whole_and_the_last_says_so() {
        let mut trial = with_tagged(120);
        let (mut all, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let input = json!({ "PaginationToken": token });
            all.extend(found(&mut trial, input.clone()));
            let answer = trial.ask("tagging", "GetResources", input).expect("a page");
            token = answer["PaginationToken"].as_str().expect("a token, empty or not").to_owned();
            pages += 1;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!((all.len(), pages), (120, 3));
        // Every second has two tags: 66 resources have 99 together.
        assert_eq!(found(&mut trial, json!({ "TagsPerPage": 100, "ResourcesPerPage": 100 })).len(), 66);
    }

    #[test]
    fn arns_stand_alone_and_those_of_nothing_are_left_out() {
        let mut trial = with_tagged(2);
        let arns = json!([arn("n001"), arn("none")]);
        assert_eq!(found(&mut trial, json!({ "ResourceARNList": arns })), ["n001"]);
        for with in [
            json!({ "ResourceARNList": arns, "TagFilters": [{ "Key": "even" }] }),
            json!({ "ResourceARNList": arns, "ResourceTypeFilters": ["ec2"] }),
            json!({ "ResourceARNList": arns, "ResourcesPerPage": 10 }),
            json!({ "ResourceARNList": ["posts"] }),
            json!({ "ResourcesPerPage": 101 }),
            json!({ "ResourcesPerPage": 0 }),
            json!({ "TagsPerPage": 99 }),
            json!({ "TagFilters": [{ "Values": ["x"] }] }),
            json!({ "PaginationToken": "?" }),
            json!({ "ExcludeCompliantResources": true }),
        ] {
            assert_eq!(
                trial.refused("tagging", "GetResources", with.clone()),
                "InvalidParameterException",
                "{with}"
            );
        }
    }

    #[test]
    fn keys_and_values_are_told_once() {
        let mut trial = with_tagged(4);
        let keys = trial.ask("tagging", "GetTagKeys", json!({})).expect("keys");
        assert_eq!(keys, json!({ "TagKeys": ["even", "number"], "PaginationToken": "" }));
        let values = trial.ask("tagging", "GetTagValues", json!({ "Key": "even" })).expect("values");
        assert_eq!(values, json!({ "TagValues": ["yes"], "PaginationToken": "" }));
    }

    #[test]
    fn what_cannot_be_tagged_is_told_and_the_rest_is_done() {
        let mut trial = with_tagged(1);
        let input = json!({ "ResourceARNList": [arn("n000"), arn("none")], "Tags": { "owner": "us" } });
        let answer = trial.ask("tagging", "TagResources", input).expect("an answer");
        let failed = answer["FailedResourcesMap"].as_object().expect("a map");
        assert_eq!(failed.keys().collect::<Vec<_>>(), [&arn("none")]);
        assert_eq!(failed[&arn("none")]["ErrorCode"], "InvalidParameterException");
        assert_eq!(
            found(&mut trial, json!({ "TagFilters": [{ "Key": "owner", "Values": ["us"] }] })),
            ["n000"]
        );
        let input = json!({ "ResourceARNList": [arn("n000")], "TagKeys": ["owner"] });
        trial.ask("tagging", "UntagResources", input).expect("an answer");
        assert_eq!(found(&mut trial, json!({ "TagFilters": [{ "Key": "owner" }] })), [""; 0]);
    }
}
