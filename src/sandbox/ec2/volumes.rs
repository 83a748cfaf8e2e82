//! Volumes: the disks that instances are launched with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::images::{Image, ROOT_DEVICE};
use super::lists::{self, Filter, NOTHING, Searchable};
use super::network::Subnet;
use super::{dry_run, hex, instances, invalid, is_id, missing, network, tags};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::clock::iso;
use crate::sandbox::ids;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::Tags;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// A volume.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Volume {
    id: String,
    disk: Disk,
    subnet: String,
    created: Timestamp,
    /// The instance that it is attached to.
    instance: Option<String>,
}

/// What a volume is like.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Disk {
    device: String,
    gib: u32,
    kind: String,
    iops: Option<u32>,
    throughput: Option<u32>,
    kms_key: Option<String>,
    encrypted: bool,
    snapshot: Option<String>,
    delete_on_termination: bool,
}

/// A disk of a launch.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BlockDeviceMapping {
    device_name: Option<String>,
    #[serde(default)]
    ebs: Ebs,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
struct Ebs {
    delete_on_termination: Option<Flag>,
    iops: Option<Number<u32>>,
    throughput: Option<Number<u32>>,
    volume_size: Option<Number<u32>>,
    volume_type: Option<String>,
    encrypted: Option<Flag>,
    kms_key_id: Option<String>,
    snapshot_id: Option<String>,
}

/// The limits of a type of volume: GiB, and IOPS where they can be chosen.
struct Limits {
    kind: &'static str,
    gib: (u32, u32),
    iops: Option<(u32, u32)>,
    /// Whether an instance can boot from it.
    boots: bool,
}

const LIMITS: [Limits; 7] = [
    Limits { kind: "gp2", gib: (1, 16_384), iops: None, boots: true },
    Limits { kind: "gp3", gib: (1, 65_536), iops: Some((3000, 80_000)), boots: true },
    Limits { kind: "io1", gib: (4, 16_384), iops: Some((100, 64_000)), boots: true },
    Limits { kind: "io2", gib: (4, 65_536), iops: Some((100, 256_000)), boots: true },
    Limits { kind: "st1", gib: (125, 16_384), iops: None, boots: false },
    Limits { kind: "sc1", gib: (125, 16_384), iops: None, boots: false },
    Limits { kind: "standard", gib: (1, 1024), iops: None, boots: true },
];

/// MiB per second of a gp3 volume: what it has if nothing is said, and the most.
const THROUGHPUT: (u32, u32) = (125, 2000);

/// The disks of a launch: the image's own, as the mappings change it, and those that they add.
pub(super) fn read(image: &Image, mappings: &[BlockDeviceMapping]) -> Result<Vec<Disk>, Refusal> {
    let mut disks: Vec<Disk> = Vec::new();
    for mapping in mappings {
        let device = mapping.device_name.as_deref().ok_or_else(|| missing("deviceName"))?;
        if disks.iter().any(|disk| disk.device == device) {
            return Err(bad_mapping(format!("Duplicate device name '{device}' in the block device mapping")));
        }
        disks.push(disk(image, device, &mapping.ebs)?);
    }
    if !disks.iter().any(|disk| disk.device == ROOT_DEVICE) {
        disks.insert(0, disk(image, ROOT_DEVICE, &Ebs::default())?);
    }
    Ok(disks)
}

fn bad_mapping(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidBlockDeviceMapping", message)
}

fn disk(image: &Image, device: &str, ebs: &Ebs) -> Result<Disk, Refusal> {
    let is_root = device == ROOT_DEVICE;
    let snapshot = snapshot(image, is_root, ebs)?;
    let from_image = snapshot.as_ref().map(|_| image.gib());
    let gib = ebs.volume_size.map(|size| size.0).or(from_image);
    let gib = gib.ok_or_else(|| missing("size or snapshotId"))?;
    if let (Some(snapshot), Some(least)) = (&snapshot, from_image.filter(|least| gib < *least)) {
        return Err(bad_mapping(format!(
            "Volume of size {gib}GB is smaller than snapshot '{snapshot}', expect size>= {least}GB"
        )));
    }
    let kind = ebs.volume_type.as_deref().unwrap_or(if is_root { "gp3" } else { "gp2" });
    let limits = LIMITS.iter().find(|limits| limits.kind == kind);
    let limits = limits.ok_or_else(|| invalid(format!("Invalid value '{kind}' for VolumeType.")))?;
    check_size(limits, gib)?;
    if is_root && !limits.boots {
        return Err(bad_mapping(format!("The volume type '{kind}' cannot be used for a root volume")));
    }
    Ok(Disk {
        device: device.to_owned(),
        gib,
        kind: kind.to_owned(),
        iops: iops(limits, gib, ebs)?,
        throughput: throughput(kind, ebs)?,
        encrypted: encrypted(ebs)?,
        kms_key: ebs.kms_key_id.clone(),
        snapshot,
        delete_on_termination: ebs.delete_on_termination.map_or(is_root, |flag| flag.0),
    })
}

/// Only the image's own snapshot is there.
fn snapshot(image: &Image, is_root: bool, ebs: &Ebs) -> Result<Option<String>, Refusal> {
    let own = image.snapshot();
    match &ebs.snapshot_id {
        None => Ok(is_root.then_some(own)),
        Some(given) if *given == own => Ok(Some(own)),
        Some(given) => {
            Err(Refusal::new("InvalidSnapshot.NotFound", format!("The snapshot '{given}' does not exist.")))
        }
    }
}

fn check_size(limits: &Limits, gib: u32) -> Result<(), Refusal> {
    let (least, most) = limits.gib;
    if gib < least {
        return Err(invalid(format!(
            "Volume of {gib}GiB is too small for volume type {}; minimum is {least}GiB.",
            limits.kind
        )));
    }
    if gib > most {
        return Err(invalid(format!(
            "Volume of {gib}GiB is too large for volume type {}; maximum is {most}GiB.",
            limits.kind
        )));
    }
    Ok(())
}

fn iops(limits: &Limits, gib: u32, ebs: &Ebs) -> Result<Option<u32>, Refusal> {
    let asked = ebs.iops.map(|iops| iops.0);
    match (limits.iops, asked) {
        (Some((least, most)), Some(iops)) if (least..=most).contains(&iops) => Ok(Some(iops)),
        (Some((least, most)), Some(iops)) => Err(invalid(format!(
            "Volume iops of {iops} is not between {least} and {most}, which volume type {} allows.",
            limits.kind
        ))),
        (Some((least, _)), None) if limits.kind == "gp3" => Ok(Some(least)),
        (Some(_), None) => Err(missing("iops")),
        (None, Some(_)) => Err(Refusal::new(
            "InvalidParameterCombination",
            format!("The parameter iops is not supported for {} volumes.", limits.kind),
        )),
        (None, None) if limits.kind == "gp2" => Ok(Some((gib * 3).clamp(100, 16_000))),
        (None, None) => Ok(None),
    }
}

fn throughput(kind: &str, ebs: &Ebs) -> Result<Option<u32>, Refusal> {
    let (least, most) = THROUGHPUT;
    match ebs.throughput.map(|throughput| throughput.0) {
        None if kind == "gp3" => Ok(Some(least)),
        None => Ok(None),
        Some(_) if kind != "gp3" => Err(Refusal::new(
            "InvalidParameterCombination",
            format!("The parameter throughput is not supported for {kind} volumes."),
        )),
        Some(throughput) if (least..=most).contains(&throughput) => Ok(Some(throughput)),
        Some(throughput) => Err(invalid(format!(
            "Volume throughput of {throughput} is not between {least} and {most} MiB/s, which volume type gp3 allows."
        ))),
    }
}

fn encrypted(ebs: &Ebs) -> Result<bool, Refusal> {
    let encrypted = ebs.encrypted == Some(Flag(true));
    if ebs.kms_key_id.is_some() && !encrypted {
        let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
        return Err(Refusal::new("InvalidParameterDependency", message));
    }
    Ok(encrypted)
}

/// Makes an instance's volumes.
pub(super) fn make(
    world: &mut World,
    call: &Call,
    instance: &str,
    subnet: &Subnet,
    disks: &[Disk],
    tags: Option<&Tags>,
) {
    for disk in disks {
        let id = ids::ec2("vol");
        tags::give(world, &call.place, &id, tags);
        let volume = Volume {
            id: id.clone(),
            disk: disk.clone(),
            subnet: subnet.id.clone(),
            created: call.now,
            instance: Some(instance.to_owned()),
        };
        world.ec2.volumes.insert(call.place.key(&id), volume);
    }
}

/// Lets go of the volumes of an instance that is terminated: most are deleted with it. `prefix` is its place's.
pub(super) fn release(world: &mut World, prefix: &str, instance: &str) {
    let of_instance = |volume: &Volume| volume.instance.as_deref() == Some(instance);
    let keys: Vec<String> = world
        .ec2
        .volumes
        .under(prefix)
        .filter(|(_, volume)| of_instance(volume))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in keys {
        match world.ec2.volumes.get_mut(&key) {
            Some(volume) if !volume.disk.delete_on_termination => volume.instance = None,
            _ => {
                world.ec2.volumes.remove(&key);
                world.ec2.tags.remove(&key);
            }
        }
    }
}

fn of_instance<'a>(world: &'a World, place: &Place, instance: &str) -> Vec<&'a Volume> {
    let all = world.ec2.volumes.under(&place.prefix()).map(|(_, volume)| volume);
    let mut own: Vec<&Volume> = all.filter(|volume| volume.instance.as_deref() == Some(instance)).collect();
    own.sort_by(|a, b| a.disk.device.cmp(&b.disk.device));
    own
}

/// An instance's volumes, as it shows them.
pub(super) fn mappings(world: &World, place: &Place, instance: &str) -> Value {
    let shown = of_instance(world, place, instance).into_iter().map(|volume| {
        json!({
            "deviceName": volume.disk.device,
            "ebs": {
                "volumeId": volume.id,
                "status": "attached",
                "attachTime": iso(volume.created),
                "deleteOnTermination": volume.disk.delete_on_termination,
            },
        })
    });
    shown.collect()
}

/// Says whether an instance's disk is deleted with it; refuses a device that it does not have.
pub(super) fn set_delete_on_termination(
    world: &mut World,
    place: &Place,
    instance: &str,
    device: &str,
    delete: bool,
) -> Result<(), Refusal> {
    let own = of_instance(world, place, instance);
    let volume = own.iter().find(|volume| volume.disk.device == device);
    let key = volume.map(|volume| place.key(&volume.id)).ok_or_else(|| {
        let message = format!("No device is currently mapped at {device}");
        Refusal::new("InvalidInstanceAttributeValue", message)
    })?;
    if let Some(volume) = world.ec2.volumes.get_mut(&key) {
        volume.disk.delete_on_termination = delete;
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeVolumes {
    #[serde(default)]
    volume_id: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    /// No service manages volumes here.
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<Flag>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE: Searchable = Searchable {
    tags: "tagSet",
    by: &[
        ("attachment.attach-time", "attachmentSet.attachTime"),
        ("attachment.delete-on-termination", "attachmentSet.deleteOnTermination"),
        ("attachment.device", "attachmentSet.device"),
        ("attachment.instance-id", "attachmentSet.instanceId"),
        ("attachment.status", "attachmentSet.status"),
        ("availability-zone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("create-time", "createTime"),
        ("encrypted", "encrypted"),
        ("fast-restored", NOTHING),
        ("multi-attach-enabled", "multiAttachEnabled"),
        ("operator.managed", NOTHING),
        ("operator.principal", NOTHING),
        ("size", "size"),
        ("snapshot-id", "snapshotId"),
        ("status", "status"),
        ("volume-id", "volumeId"),
        ("volume-type", "volumeType"),
    ],
};

pub(super) fn describe_volumes(world: &mut World, call: &Call, input: DescribeVolumes) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.volume_id, "volumeIds", input.max_results)?;
    instances::settle(world, call.now);
    let place = &call.place;
    for id in &input.volume_id {
        if !is_id("vol", id) {
            let message = format!("Value ({id}) for parameter volumes is invalid. Expected: 'vol-...'.");
            return Err(invalid(message));
        }
        if !world.ec2.volumes.contains(&place.key(id)) {
            let message = format!("The volume '{id}' does not exist.");
            return Err(Refusal::new("InvalidVolume.NotFound", message));
        }
    }
    let wanted = |volume: &&Volume| input.volume_id.is_empty() || input.volume_id.contains(&volume.id);
    let all = world.ec2.volumes.under(&place.prefix()).map(|(_, volume)| volume).filter(wanted);
    let all = all.map(|volume| (volume.id.clone(), document(world, place, volume))).collect();
    let picked = SEARCHABLE.pick(&input.filter, all)?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "volumeSet": page.items, "nextToken": page.next }).into())
}

fn document(world: &World, place: &Place, volume: &Volume) -> Value {
    let disk = &volume.disk;
    let subnet = network::subnet(place, &volume.subnet);
    let attachments: Vec<Value> = volume
        .instance
        .iter()
        .map(|instance| {
            json!({
                "volumeId": volume.id,
                "instanceId": instance,
                "device": disk.device,
                "status": "attached",
                "attachTime": iso(volume.created),
                "deleteOnTermination": disk.delete_on_termination,
            })
        })
        .collect();
    json!({
        "volumeId": volume.id,
        "size": disk.gib,
        "volumeType": disk.kind,
        "iops": disk.iops,
        "throughput": disk.throughput,
        "encrypted": disk.encrypted,
        "kmsKeyId": disk.encrypted.then(|| key_arn(place, disk.kms_key.as_deref())),
        "snapshotId": disk.snapshot.clone().unwrap_or_default(),
        "availabilityZone": subnet.as_ref().map(|subnet| &subnet.zone),
        "availabilityZoneId": subnet.as_ref().map(|subnet| &subnet.zone_id),
        "status": if volume.instance.is_some() { "in-use" } else { "available" },
        "createTime": iso(volume.created),
        "attachmentSet": attachments,
        "multiAttachEnabled": false,
        "tagSet": tags::shown(world, place, &volume.id),
    })
}

/// The key that was named, or the one that every account has for its volumes.
fn key_arn(place: &Place, named: Option<&str>) -> String {
    match named {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(alias) if alias.starts_with("alias/") => place.arn("kms", alias),
        Some(id) => place.arn("kms", &format!("key/{id}")),
        None => {
            let digits = hex(format!("{}/ebs", place.prefix()).as_bytes());
            let part = |from: usize, to: usize| &digits[from..to];
            let id = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
            place.arn("kms", &format!("key/{id}"))
        }
    }
}
