//! Firehose: delivery streams that buffer records and deliver them to S3.
//!
//! A stream is made, takes records once it is `ACTIVE`, and writes what its buffer holds as one object when the
//! buffer is full or old enough. Intervals go by at the sandbox's pace; names and folders of objects are in real time.
//! What cannot be delivered is said in the stream's log and tried again for a day (of AWS's time), then dropped, as
//! AWS drops it.
//!
//! Not here: transformation, format conversion, dynamic partitioning, backup, sources but direct puts, destinations
//! but S3, and AWS's quotas of records a second. Asking for one of them is refused.

mod buffer;
mod delivery;
mod destination;
mod put;
mod time_pattern;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{Call, Place};
use super::clock::epoch_seconds;
use super::fault::Kind;
use super::iam::{self, Assumer};
use super::operation::{Answer, Reply, operations};
use super::refusal::Refusal;
use super::store::{Kept, Table};
use super::tags::{self, Tag, Tagged, Tags};
use super::world::World;
use buffer::Buffer;
pub(crate) use delivery::{keep_files, remove_files, sweep_leftovers, tick};
use destination::{Configuration, Destination};

/// What Firehose holds.
#[derive(Debug)]
pub(crate) struct State {
    streams: Table<Stream>,
    /// Buffers that no row names any more. Their files are removed when that is on disk.
    emptied: Vec<Buffer>,
}

impl Default for State {
    fn default() -> Self {
        Self { streams: Table::new("firehose_streams"), emptied: Vec::new() }
    }
}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        vec![&mut self.streams]
    }
}

operations! {
    CreateDeliveryStream => create, on any_stream;
    DescribeDeliveryStream => describe, on any_stream;
    ListDeliveryStreams => list;
    UpdateDestination => update, on any_stream;
    DeleteDeliveryStream => delete, on any_stream;
    PutRecord => put::one, on any_stream;
    PutRecordBatch => put::batch, on any_stream;
    TagDeliveryStream => tag, on any_stream;
    UntagDeliveryStream => untag, on any_stream;
    ListTagsForDeliveryStream => list_tags, on any_stream;
}

/// How long AWS takes to make a stream, and to delete one.
const MAKING: Duration = Duration::from_secs(30);
const DELETING: Duration = Duration::from_secs(30);

/// A delivery stream.
#[derive(Debug, Serialize, Deserialize)]
struct Stream {
    name: String,
    arn: String,
    place: Place,
    created: Timestamp,
    active_from: Timestamp,
    updated: Option<Timestamp>,
    /// When its deletion, if it is being deleted, is over; while the deletion is stuck, that is not known.
    deleting: Option<Deleting>,
    version: u32,
    destination: Destination,
    tags: Tags,
    /// What takes records now.
    open: Option<Buffer>,
    /// What is to be delivered, in the order in which it is tried.
    waiting: Vec<Buffer>,
    /// When delivery is tried next, once it has failed.
    #[serde(default)]
    next_try: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Deleting {
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Creating,
    Active,
    Deleting,
    Gone,
}

impl Stream {
    fn status(&self, now: Timestamp) -> Status {
        match self.deleting {
            Some(Deleting { until: Some(until) }) if until <= now => Status::Gone,
            Some(_) => Status::Deleting,
            None if now < self.active_from => Status::Creating,
            None => Status::Active,
        }
    }

    fn describe(&self, now: Timestamp) -> Value {
        let status = match self.status(now) {
            Status::Creating => "CREATING",
            Status::Active => "ACTIVE",
            Status::Deleting | Status::Gone => "DELETING",
        };
        json!({
            "DeliveryStreamName": self.name,
            "DeliveryStreamARN": self.arn,
            "DeliveryStreamStatus": status,
            "DeliveryStreamEncryptionConfiguration": { "Status": "DISABLED" },
            "DeliveryStreamType": "DirectPut",
            "VersionId": self.version.to_string(),
            "CreateTimestamp": epoch_seconds(self.created),
            "LastUpdateTimestamp": epoch_seconds(self.updated.unwrap_or(self.created)),
            "Destinations": [self.destination.describe()],
            "HasMoreDestinations": false,
        })
    }
}

/// The ARN that a call names by `DeliveryStreamName`.
fn any_stream(call: &Call, input: &Value) -> String {
    let name = input.get("DeliveryStreamName").and_then(Value::as_str).unwrap_or("*");
    call.place.arn("firehose", &format!("deliverystream/{name}"))
}

fn not_found(call: &Call, name: &str) -> Refusal {
    let account = &call.place.account;
    Refusal::new("ResourceNotFoundException", format!("Firehose {name} under account {account} not found."))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidArgumentException", message)
}

/// How AWS says that a parameter breaks its model: `member` is its path in lower camel case.
fn breaks_constraint(value: &str, member: &str, constraint: &str) -> Refusal {
    Refusal::new(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
        ),
    )
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.len() > 64 {
        let constraint = if name.is_empty() {
            "have length greater than or equal to 1"
        } else {
            "have length less than or equal to 64"
        };
        return Err(breaks_constraint(name, "deliveryStreamName", constraint));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !name.bytes().all(allowed) {
        let constraint = "satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
        return Err(breaks_constraint(name, "deliveryStreamName", constraint));
    }
    Ok(())
}

/// The stream, unless it is gone by now.
fn find<'a>(world: &'a World, call: &Call, name: &str) -> Result<&'a Stream, Refusal> {
    check_name(name)?;
    world
        .firehose
        .streams
        .get(&call.place.key(name))
        .filter(|stream| stream.status(call.now) != Status::Gone)
        .ok_or_else(|| not_found(call, name))
}

fn find_mut<'a>(world: &'a mut World, call: &Call, name: &str) -> Result<&'a mut Stream, Refusal> {
    find(world, call, name)?;
    world.firehose.streams.get_mut(&call.place.key(name)).ok_or_else(|| not_found(call, name))
}

/// Firehose tries the role at once; one that was made a moment ago cannot be taken yet.
fn check_role(world: &World, call: &Call, role: &str) -> Result<(), Refusal> {
    let firehose = Assumer::Service { name: "firehose.amazonaws.com", account: call.place.account.clone() };
    iam::may_assume(world, role, &firehose, call.now).map_err(|_| {
        invalid(format!("Firehose is unable to assume role {role}. Please check the role provided."))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    delivery_stream_name: String,
    delivery_stream_type: Option<String>,
    #[serde(rename = "S3DestinationConfiguration")]
    s3_destination_configuration: Option<Configuration>,
    #[serde(rename = "ExtendedS3DestinationConfiguration")]
    extended_s3_destination_configuration: Option<Configuration>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn create(world: &mut World, call: &Call, input: Create) -> Answer {
    let name = input.delivery_stream_name;
    check_name(&name)?;
    match input.delivery_stream_type.as_deref() {
        None | Some("DirectPut") => {}
        Some(other @ ("KinesisStreamAsSource" | "MSKAsSource" | "DatabaseAsSource")) => {
            return Err(invalid(format!(
                "the sandbox's delivery streams take direct puts only, not {other}"
            )));
        }
        Some(other) => {
            let constraint =
                "satisfy enum value set: [DirectPut, KinesisStreamAsSource, MSKAsSource, DatabaseAsSource]";
            return Err(breaks_constraint(other, "deliveryStreamType", constraint));
        }
    }
    let (extended, simple) =
        (input.extended_s3_destination_configuration, input.s3_destination_configuration);
    let ((Some(configuration), None) | (None, Some(configuration))) = (extended, simple) else {
        return Err(invalid("Exactly one destination configuration is supported for a Firehose"));
    };
    let destination = Destination::new(configuration)?;
    let tags = tags::merge(&Tags::new(), &input.tags, "InvalidArgumentException")?;
    if find(world, call, &name).is_ok() {
        let account = &call.place.account;
        let message = format!("Firehose {name} under accountId {account} already exists");
        return Err(Refusal::new("ResourceInUseException", message));
    }
    check_role(world, call, destination.role_arn())?;
    let arn = call.place.arn("firehose", &format!("deliverystream/{name}"));
    let stream = Stream {
        arn: arn.clone(),
        place: call.place.clone(),
        created: call.now,
        active_from: world.pace.after(call.now, MAKING),
        updated: None,
        deleting: None,
        version: 1,
        destination,
        tags,
        open: None,
        waiting: Vec::new(),
        next_try: None,
        name: name.clone(),
    };
    world.firehose.streams.insert(call.place.key(&name), stream);
    Ok(json!({ "DeliveryStreamARN": arn }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Describe {
    delivery_stream_name: String,
    // A stream has one destination: there is nothing to page.
    #[serde(rename = "Limit")]
    _limit: Option<u32>,
    #[serde(rename = "ExclusiveStartDestinationId")]
    _after: Option<String>,
}

fn describe(world: &mut World, call: &Call, input: Describe) -> Answer {
    let stream = find(world, call, &input.delivery_stream_name)?;
    Ok(json!({ "DeliveryStreamDescription": stream.describe(call.now) }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    limit: Option<usize>,
    delivery_stream_type: Option<String>,
    exclusive_start_delivery_stream_name: Option<String>,
}

fn list(world: &mut World, call: &Call, input: List) -> Answer {
    let limit = limit(input.limit, 10, 10_000)?;
    let after = input.exclusive_start_delivery_stream_name.unwrap_or_default();
    let prefix = call.place.prefix();
    let mut names = world
        .firehose
        .streams
        .under(&prefix)
        .map(|(_, stream)| stream)
        .filter(|stream| stream.status(call.now) != Status::Gone)
        .filter(|_| input.delivery_stream_type.as_deref().is_none_or(|kind| kind == "DirectPut"))
        .map(|stream| stream.name.as_str())
        .filter(|name| *name > after.as_str());
    let page: Vec<&str> = names.by_ref().take(limit).collect();
    Ok(json!({ "DeliveryStreamNames": page, "HasMoreDeliveryStreams": names.next().is_some() }).into())
}

fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Refusal> {
    match asked {
        None => Ok(usual),
        Some(limit) if limit > most => Err(breaks_constraint(
            &limit.to_string(),
            "limit",
            &format!("have value less than or equal to {most}"),
        )),
        Some(0) => Err(breaks_constraint("0", "limit", "have value greater than or equal to 1")),
        Some(limit) => Ok(limit),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    delivery_stream_name: String,
    current_delivery_stream_version_id: String,
    destination_id: String,
    #[serde(rename = "S3DestinationUpdate")]
    s3_destination_update: Option<Configuration>,
    #[serde(rename = "ExtendedS3DestinationUpdate")]
    extended_s3_destination_update: Option<Configuration>,
}

fn update(world: &mut World, call: &Call, input: Update) -> Answer {
    let stream = find(world, call, &input.delivery_stream_name)?;
    if stream.status(call.now) != Status::Active {
        let message = format!("Firehose {} is not ACTIVE, so that it cannot be updated", stream.name);
        return Err(Refusal::new("ResourceInUseException", message));
    }
    if input.destination_id != destination::ID {
        return Err(invalid(format!("Destination Id {} not found", input.destination_id)));
    }
    if input.current_delivery_stream_version_id != stream.version.to_string() {
        let message = format!(
            "Cannot update firehose: {} since the current version id: {} and specified version id: {} do not match",
            stream.name, stream.version, input.current_delivery_stream_version_id
        );
        return Err(Refusal::new("ConcurrentModificationException", message));
    }
    let (extended, simple) = (input.extended_s3_destination_update, input.s3_destination_update);
    let ((Some(update), None) | (None, Some(update))) = (extended, simple) else {
        return Err(invalid("Exactly one destination configuration is supported for a Firehose"));
    };
    let destination = stream.destination.updated(update)?;
    check_role(world, call, destination.role_arn())?;
    let stream = find_mut(world, call, &input.delivery_stream_name)?;
    // What is buffered belongs to the version that took it.
    stream.seal();
    stream.destination = destination;
    stream.version += 1;
    stream.updated = Some(call.now);
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    delivery_stream_name: String,
    // There are no KMS grants that could not be retired.
    #[serde(rename = "AllowForceDelete")]
    _force: Option<bool>,
}

fn delete(world: &mut World, call: &Call, input: Delete) -> Answer {
    let stream = find(world, call, &input.delivery_stream_name)?;
    match stream.status(call.now) {
        Status::Creating => {
            let message = format!(
                "Firehose {} under accountId {} is in state CREATING",
                stream.name, call.place.account
            );
            return Err(Refusal::new("ResourceInUseException", message));
        }
        Status::Deleting | Status::Gone => return Ok(Reply::empty()),
        Status::Active => {}
    }
    let stuck = world.faults.strikes(Kind::StuckDelete, "firehose", "DeleteDeliveryStream");
    let until = (!stuck).then(|| world.pace.after(call.now, DELETING));
    let stream = find_mut(world, call, &input.delivery_stream_name)?;
    // AWS deletes a stream with its data: what it took and has not written is gone.
    let lost = stream.empty();
    stream.deleting = Some(Deleting { until });
    world.firehose.emptied.extend(lost);
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagStream {
    delivery_stream_name: String,
    tags: Vec<Tag>,
}

fn tag(world: &mut World, call: &Call, input: TagStream) -> Answer {
    let stream = find_mut(world, call, &input.delivery_stream_name)?;
    stream.tags = tags::merge(&stream.tags, &input.tags, "InvalidArgumentException")?;
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UntagStream {
    delivery_stream_name: String,
    tag_keys: Vec<String>,
}

fn untag(world: &mut World, call: &Call, input: UntagStream) -> Answer {
    let stream = find_mut(world, call, &input.delivery_stream_name)?;
    stream.tags.retain(|key, _| !input.tag_keys.contains(key));
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListTags {
    delivery_stream_name: String,
    exclusive_start_tag_key: Option<String>,
    limit: Option<usize>,
}

fn list_tags(world: &mut World, call: &Call, input: ListTags) -> Answer {
    let limit = limit(input.limit, 50, 50)?;
    let stream = find(world, call, &input.delivery_stream_name)?;
    let after = input.exclusive_start_tag_key.unwrap_or_default();
    let rest: Tags = stream.tags.clone().into_iter().filter(|(key, _)| *key > after).collect();
    let more = rest.len() > limit;
    let page: Tags = rest.into_iter().take(limit).collect();
    Ok(json!({ "Tags": tags::list(&page), "HasMoreTags": more }).into())
}

/// The tagged things of a place.
pub(crate) fn tagged(world: &World, place: &Place) -> Vec<Tagged> {
    let prefix = place.prefix();
    let streams = world.firehose.streams.under(&prefix).map(|(_, stream)| stream);
    streams
        .filter(|stream| stream.deleting.is_none() && !stream.tags.is_empty())
        .map(|stream| Tagged { arn: stream.arn.clone(), tags: stream.tags.clone() })
        .collect()
}

#[cfg(test)]
mod tests;
