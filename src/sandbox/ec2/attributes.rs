//! What can be asked and changed of an instance, one attribute at a time.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::images;
use super::instances::{self, Instance, PowerState};
use super::launch::{check_architecture, check_groups, check_user_data};
use super::{dry_run, invalid, missing, types, volumes};
use crate::sandbox::call::Call;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// How an instance reaches its metadata.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Metadata {
    tokens: String,
    hop_limit: u32,
    endpoint: String,
    ipv6: String,
    tags: String,
}

impl Default for Metadata {
    /// What the images here ask for: tokens, which may pass one hop.
    fn default() -> Self {
        Self {
            tokens: "required".to_owned(),
            hop_limit: 2,
            endpoint: "enabled".to_owned(),
            ipv6: "disabled".to_owned(),
            tags: "disabled".to_owned(),
        }
    }
}

/// What a launch or a change says of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct MetadataOptions {
    http_tokens: Option<String>,
    http_put_response_hop_limit: Option<Number<u32>>,
    http_endpoint: Option<String>,
    http_protocol_ipv6: Option<String>,
    instance_metadata_tags: Option<String>,
}

impl Metadata {
    pub(super) fn with(&self, given: &MetadataOptions) -> Result<Self, Refusal> {
        let switch = ["enabled", "disabled"];
        Ok(Self {
            tokens: one_of("HttpTokens", given.http_tokens.as_ref(), ["optional", "required"], &self.tokens)?,
            hop_limit: match given.http_put_response_hop_limit {
                None => self.hop_limit,
                Some(Number(hops)) if (1..=64).contains(&hops) => hops,
                Some(Number(hops)) => {
                    return Err(invalid(format!(
                        "Value ({hops}) for parameter HttpPutResponseHopLimit is invalid. It must be between 1 and 64."
                    )));
                }
            },
            endpoint: one_of("HttpEndpoint", given.http_endpoint.as_ref(), switch, &self.endpoint)?,
            ipv6: one_of("HttpProtocolIpv6", given.http_protocol_ipv6.as_ref(), switch, &self.ipv6)?,
            tags: one_of("InstanceMetadataTags", given.instance_metadata_tags.as_ref(), switch, &self.tags)?,
        })
    }

    pub(super) fn document(&self, state: &str) -> Value {
        json!({
            "state": state,
            "httpTokens": self.tokens,
            "httpPutResponseHopLimit": self.hop_limit,
            "httpEndpoint": self.endpoint,
            "httpProtocolIpv6": self.ipv6,
            "instanceMetadataTags": self.tags,
        })
    }
}

/// The given value if it is one of those that are there; without one, what it was.
pub(super) fn one_of(
    parameter: &str,
    given: Option<&String>,
    known: [&str; 2],
    before: &str,
) -> Result<String, Refusal> {
    match given {
        None => Ok(before.to_owned()),
        Some(value) if known.contains(&value.as_str()) => Ok(value.clone()),
        Some(value) => Err(invalid(format!("Value ({value}) for parameter {parameter} is invalid."))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ModifyInstanceMetadataOptions {
    instance_id: String,
    http_tokens: Option<String>,
    http_put_response_hop_limit: Option<Number<u32>>,
    http_endpoint: Option<String>,
    http_protocol_ipv6: Option<String>,
    instance_metadata_tags: Option<String>,
    dry_run: Option<Flag>,
}

pub(super) fn modify_instance_metadata_options(
    world: &mut World,
    call: &Call,
    input: ModifyInstanceMetadataOptions,
) -> Answer {
    let instance = alive(world, call, &input.instance_id)?;
    let metadata = instance.metadata.with(&MetadataOptions {
        http_tokens: input.http_tokens,
        http_put_response_hop_limit: input.http_put_response_hop_limit,
        http_endpoint: input.http_endpoint,
        http_protocol_ipv6: input.http_protocol_ipv6,
        instance_metadata_tags: input.instance_metadata_tags,
    })?;
    dry_run(input.dry_run)?;
    let shown = metadata.document("pending");
    if let Some(instance) = world.ec2.instances.get_mut(&call.place.key(&input.instance_id)) {
        instance.metadata = metadata;
    }
    Ok(json!({ "instanceId": input.instance_id, "instanceMetadataOptions": shown }).into())
}

/// The instance of an id, if it is not over with it.
fn alive<'a>(world: &'a mut World, call: &Call, id: &str) -> Result<&'a Instance, Refusal> {
    instances::settle(world, call.now);
    let instance = instances::find_one(world, &call.place, id)?;
    if matches!(instance.state(call.now), PowerState::ShuttingDown | PowerState::Terminated) {
        let message = format!("The instance '{id}' is not in a state from which it can be modified.");
        return Err(Refusal::new("IncorrectInstanceState", message));
    }
    Ok(instance)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstanceAttribute {
    instance_id: String,
    attribute: String,
    dry_run: Option<Flag>,
}

pub(super) fn describe_instance_attribute(
    world: &mut World,
    call: &Call,
    input: DescribeInstanceAttribute,
) -> Answer {
    instances::settle(world, call.now);
    let place = &call.place;
    let instance = instances::find_one(world, place, &input.instance_id)?;
    let attribute = input.attribute.as_str();
    let shown = match attribute {
        "instanceType" => json!({ "value": instance.kind }),
        "userData" => json!({ "value": instance.user_data }),
        "disableApiTermination" => json!({ "value": instance.termination_protected }),
        "disableApiStop" => json!({ "value": instance.stop_protected }),
        "instanceInitiatedShutdownBehavior" => json!({ "value": instance.shutdown_behavior }),
        "rootDeviceName" => json!({ "value": images::ROOT_DEVICE }),
        "sourceDestCheck" => json!({ "value": instance.source_dest_check }),
        "ebsOptimized" => json!({ "value": instance.ebs_optimized }),
        "enaSupport" => json!({ "value": true }),
        "enclaveOptions" => json!({ "enabled": false }),
        "groupSet" => instance.named_groups(world, place),
        "blockDeviceMapping" => volumes::mappings(world, place, &instance.id),
        "productCodes" => json!([]),
        "kernel" | "ramdisk" | "sriovNetSupport" => json!({}),
        unknown => {
            let message = format!("Value ({unknown}) for parameter attribute is invalid. Unknown attribute.");
            return Err(invalid(message));
        }
    };
    dry_run(input.dry_run)?;
    let mut answer = serde_json::Map::new();
    answer.insert("instanceId".to_owned(), json!(instance.id));
    answer.insert(attribute.to_owned(), shown);
    Ok(Reply::Document(Value::Object(answer)))
}

/// A value of an attribute: `DisableApiTermination.Value=true`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Valued<T> {
    value: T,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ModifyInstanceAttribute {
    instance_id: String,
    attribute: Option<String>,
    value: Option<String>,
    instance_type: Option<Valued<String>>,
    user_data: Option<Valued<String>>,
    disable_api_termination: Option<Valued<Flag>>,
    disable_api_stop: Option<Valued<Flag>>,
    source_dest_check: Option<Valued<Flag>>,
    ebs_optimized: Option<Valued<Flag>>,
    instance_initiated_shutdown_behavior: Option<Valued<String>>,
    #[serde(default)]
    group_id: Vec<String>,
    #[serde(default)]
    block_device_mapping: Vec<DeviceChange>,
    dry_run: Option<Flag>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeviceChange {
    device_name: String,
    ebs: DeviceEbs,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeviceEbs {
    delete_on_termination: Flag,
}

/// One change of an instance.
#[derive(Debug, Clone)]
enum Change {
    InstanceType(String),
    UserData(String),
    TerminationProtected(bool),
    StopProtected(bool),
    SourceDestCheck(bool),
    EbsOptimized(bool),
    ShutdownBehavior(String),
    Groups(Vec<String>),
    Devices(Vec<DeviceChange>),
}

impl ModifyInstanceAttribute {
    /// The one change that it asks for.
    fn change(&self) -> Result<Change, Refusal> {
        fn text(given: Option<&Valued<String>>, change: fn(String) -> Change) -> Option<Change> {
            given.map(|given| change(given.value.clone()))
        }
        fn flag(given: Option<&Valued<Flag>>, change: fn(bool) -> Change) -> Option<Change> {
            given.map(|given| change(given.value.0))
        }
        let all = [
            self.by_name()?,
            text(self.instance_type.as_ref(), Change::InstanceType),
            text(self.user_data.as_ref(), Change::UserData),
            text(self.instance_initiated_shutdown_behavior.as_ref(), Change::ShutdownBehavior),
            flag(self.disable_api_termination.as_ref(), Change::TerminationProtected),
            flag(self.disable_api_stop.as_ref(), Change::StopProtected),
            flag(self.source_dest_check.as_ref(), Change::SourceDestCheck),
            flag(self.ebs_optimized.as_ref(), Change::EbsOptimized),
            (!self.group_id.is_empty()).then(|| Change::Groups(self.group_id.clone())),
            (!self.block_device_mapping.is_empty())
                .then(|| Change::Devices(self.block_device_mapping.clone())),
        ];
        let mut asked = all.into_iter().flatten();
        let refuse = |message| Refusal::new("InvalidParameterCombination", message);
        match (asked.next(), asked.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(refuse("No attributes specified.")),
            _ => Err(refuse("Fields for multiple attribute types specified")),
        }
    }

    /// The change in its older form, as a name and a value.
    fn by_name(&self) -> Result<Option<Change>, Refusal> {
        let (name, value) = match (&self.attribute, &self.value) {
            (None, None) => return Ok(None),
            (Some(_), None) if !self.block_device_mapping.is_empty() || !self.group_id.is_empty() => {
                return Ok(None);
            }
            (Some(name), Some(value)) => (name.as_str(), value.clone()),
            (Some(_), None) => return Err(missing("value")),
            (None, Some(_)) => return Err(missing("attribute")),
        };
        let flag = match value.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        let flag = flag.ok_or_else(|| invalid(format!("Invalid value '{value}' for {name}.")));
        Ok(Some(match name {
            "instanceType" => Change::InstanceType(value),
            "userData" => Change::UserData(value),
            "instanceInitiatedShutdownBehavior" => Change::ShutdownBehavior(value),
            "disableApiTermination" => Change::TerminationProtected(flag?),
            "disableApiStop" => Change::StopProtected(flag?),
            "sourceDestCheck" => Change::SourceDestCheck(flag?),
            "ebsOptimized" => Change::EbsOptimized(flag?),
            unknown => {
                return Err(invalid(format!(
                    "Value ({unknown}) for parameter attribute is invalid. Unknown attribute."
                )));
            }
        }))
    }
}

pub(super) fn modify_instance_attribute(
    world: &mut World,
    call: &Call,
    input: ModifyInstanceAttribute,
) -> Answer {
    let change = input.change()?;
    let instance = alive(world, call, &input.instance_id)?.clone();
    let needs_stop =
        matches!(change, Change::InstanceType(_) | Change::UserData(_) | Change::EbsOptimized(_));
    if needs_stop && instance.state(call.now) != PowerState::Stopped {
        let message = format!("The instance '{}' is not in the 'stopped' state.", instance.id);
        return Err(Refusal::new("IncorrectInstanceState", message));
    }
    check(world, call, &instance, &change)?;
    dry_run(input.dry_run)?;
    make(world, call, &instance.id, change)?;
    Ok(Reply::Document(json!({ "return": true })))
}

fn check(world: &World, call: &Call, instance: &Instance, change: &Change) -> Result<(), Refusal> {
    match change {
        Change::InstanceType(name) => {
            let unknown = || {
                let message = format!("Invalid value '{name}' for InstanceType.");
                Refusal::new("InvalidInstanceAttributeValue", message)
            };
            check_architecture(&types::find(name).ok_or_else(unknown)?, images::find(&instance.image)?)
        }
        Change::UserData(text) => check_user_data(text),
        Change::Groups(ids) => check_groups(world, &call.place, ids),
        Change::ShutdownBehavior(behavior) => {
            let known = ["stop", "terminate"];
            let parameter = "InstanceInitiatedShutdownBehavior";
            one_of(parameter, Some(behavior), known, behavior).map(drop)
        }
        Change::TerminationProtected(_)
        | Change::StopProtected(_)
        | Change::SourceDestCheck(_)
        | Change::EbsOptimized(_)
        | Change::Devices(_) => Ok(()),
    }
}

fn make(world: &mut World, call: &Call, id: &str, change: Change) -> Result<(), Refusal> {
    if let Change::Devices(devices) = &change {
        for device in devices {
            let delete = device.ebs.delete_on_termination.0;
            let name = &device.device_name;
            volumes::set_delete_on_termination(world, &call.place, id, name, delete)?;
        }
        return Ok(());
    }
    let Some(instance) = world.ec2.instances.get_mut(&call.place.key(id)) else { return Ok(()) };
    match change {
        Change::InstanceType(name) => instance.kind = name,
        Change::UserData(text) => instance.user_data = Some(padded(&text)).filter(|text| !text.is_empty()),
        Change::TerminationProtected(flag) => instance.termination_protected = flag,
        Change::StopProtected(flag) => instance.stop_protected = flag,
        Change::SourceDestCheck(flag) => instance.source_dest_check = flag,
        Change::EbsOptimized(flag) => instance.ebs_optimized = flag,
        Change::ShutdownBehavior(behavior) => instance.shutdown_behavior = behavior,
        Change::Groups(ids) => instance.groups = ids,
        Change::Devices(_) => {}
    }
    Ok(())
}

/// User data as it is kept: without the line breaks that some clients put into base64.
pub(super) fn padded(user_data: &str) -> String {
    BASE64_STANDARD.encode(decoded(user_data).unwrap_or_default())
}

/// User data without its base64; `None` if it is none.
pub(super) fn decoded(user_data: &str) -> Option<Vec<u8>> {
    let plain: String = user_data.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(plain).ok()
}
