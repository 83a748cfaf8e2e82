//! The images that there are: a few releases of Amazon Linux 2023, the same in every region.

use serde::Deserialize;
use serde_json::{Value, json};

use super::lists::{self, Filter, NOTHING, Searchable};
use super::{check_id, dry_run, hex, tags};
use crate::sandbox::call::Call;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// Amazon's own account.
const AMAZON: &str = "137112412989";
/// The device that every image boots from.
pub(super) const ROOT_DEVICE: &str = "/dev/xvda";

/// An image of Amazon Linux 2023.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) id: &'static str,
    release: &'static str,
    created: &'static str,
    kernel: &'static str,
    pub(super) architecture: &'static str,
    minimal: bool,
}

const fn image(
    id: &'static str,
    (release, created): (&'static str, &'static str),
    kernel: &'static str,
    architecture: &'static str,
    minimal: bool,
) -> Image {
    Image { id, release, created, kernel, architecture, minimal }
}

const NEWER: (&str, &str) = ("2023.8.20250818.0", "2025-08-15T19:42:36.000Z");
const OLDER: (&str, &str) = ("2023.8.20250721.2", "2025-07-23T01:12:09.000Z");
/// The kernel of the parameters that name no kernel.
const DEFAULT_KERNEL: &str = "6.1";

/// The newest first.
const IMAGES: [Image; 10] = [
    image("ami-00ca32bbc84273381", NEWER, DEFAULT_KERNEL, "x86_64", false),
    image("ami-0aa7db6294d00216f", NEWER, DEFAULT_KERNEL, "arm64", false),
    image("ami-0254b2d5c4c472488", NEWER, "6.12", "x86_64", false),
    image("ami-0c17ce4d5d4a1f0b7", NEWER, "6.12", "arm64", false),
    image("ami-0f2c24a0fd3f7c1d6", NEWER, DEFAULT_KERNEL, "x86_64", true),
    image("ami-05b1d3e2a5c9f4870", NEWER, DEFAULT_KERNEL, "arm64", true),
    image("ami-08a6efd148b1f7504", OLDER, DEFAULT_KERNEL, "x86_64", false),
    image("ami-0ad09867389dc17a1", OLDER, DEFAULT_KERNEL, "arm64", false),
    image("ami-0d1b2f7a94c8e3650", OLDER, DEFAULT_KERNEL, "x86_64", true),
    image("ami-0e7c5a3b1d9f82640", OLDER, DEFAULT_KERNEL, "arm64", true),
];

impl Image {
    fn name(&self) -> String {
        let kind = if self.minimal { "minimal-" } else { "" };
        format!("al2023-ami-{kind}{}-kernel-{}-{}", self.release, self.kernel, self.architecture)
    }

    /// The size of its disk in GiB: no root volume is smaller.
    pub(super) fn gib(&self) -> u32 {
        if self.minimal { 2 } else { 8 }
    }

    pub(super) fn snapshot(&self) -> String {
        format!("snap-0{}", &hex(self.id.as_bytes())[..16])
    }

    fn document(&self, tags: &Value) -> Value {
        let name = self.name();
        let minimal = if self.minimal { " Minimal" } else { "" };
        json!({
            "imageId": self.id,
            "imageLocation": format!("amazon/{name}"),
            "imageOwnerId": AMAZON,
            "imageOwnerAlias": "amazon",
            "imageState": "available",
            "imageType": "machine",
            "isPublic": true,
            "name": name,
            "description": format!(
                "Amazon Linux 2023{minimal} AMI {} {} HVM kernel-{}",
                self.release, self.architecture, self.kernel
            ),
            "architecture": self.architecture,
            "creationDate": self.created,
            "platformDetails": "Linux/UNIX",
            "usageOperation": "RunInstances",
            "rootDeviceName": ROOT_DEVICE,
            "rootDeviceType": "ebs",
            "blockDeviceMapping": [{
                "deviceName": ROOT_DEVICE,
                "ebs": {
                    "snapshotId": self.snapshot(),
                    "volumeSize": self.gib(),
                    "volumeType": "gp3",
                    "iops": 3000,
                    "throughput": 125,
                    "deleteOnTermination": true,
                    "encrypted": false,
                },
            }],
            "virtualizationType": "hvm",
            "hypervisor": "xen",
            "enaSupport": true,
            "sriovNetSupport": "simple",
            "bootMode": if self.architecture == "arm64" { "uefi" } else { "uefi-preferred" },
            "imdsSupport": "v2.0",
            "tagSet": tags,
        })
    }
}

/// The image that a public parameter of Systems Manager names.
pub(crate) fn by_public_parameter(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("/aws/service/ami-amazon-linux-latest/al2023-ami-")?;
    let (minimal, name) = name.strip_prefix("minimal-").map_or((false, name), |rest| (true, rest));
    let (kernel, architecture) = name.strip_prefix("kernel-")?.split_once('-')?;
    let kernel = if kernel == "default" { DEFAULT_KERNEL } else { kernel };
    let fits = |image: &&Image| {
        image.minimal == minimal && image.kernel == kernel && image.architecture == architecture
    };
    IMAGES.iter().find(fits).map(|image| image.id)
}

/// The image of an id, or the refusal.
pub(super) fn find(id: &str) -> Result<&'static Image, Refusal> {
    check_id("ami", id, "InvalidAMIID.Malformed")?;
    let image = IMAGES.iter().find(|image| image.id == id);
    image
        .ok_or_else(|| Refusal::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")))
}

/// The image that a launch names, by its id or as `resolve:ssm:` and a public parameter.
pub(super) fn named(name: &str) -> Result<&'static Image, Refusal> {
    let Some(parameter) = name.strip_prefix("resolve:ssm:") else { return find(name) };
    let unknown = || {
        Refusal::new(
            "InvalidAMIID.NotFound",
            format!("The parameter '{parameter}' of the image id '{name}' does not exist"),
        )
    };
    find(by_public_parameter(parameter).ok_or_else(unknown)?)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeImages {
    #[serde(default)]
    executable_by: Vec<String>,
    #[serde(default)]
    image_id: Vec<String>,
    #[serde(default)]
    owner: Vec<String>,
    /// No image here is deprecated or disabled.
    #[serde(rename = "IncludeDeprecated")]
    _include_deprecated: Option<Flag>,
    #[serde(rename = "IncludeDisabled")]
    _include_disabled: Option<Flag>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE: Searchable = Searchable {
    tags: "tagSet",
    by: &[
        ("architecture", "architecture"),
        ("block-device-mapping.delete-on-termination", "blockDeviceMapping.ebs.deleteOnTermination"),
        ("block-device-mapping.device-name", "blockDeviceMapping.deviceName"),
        ("block-device-mapping.encrypted", "blockDeviceMapping.ebs.encrypted"),
        ("block-device-mapping.snapshot-id", "blockDeviceMapping.ebs.snapshotId"),
        ("block-device-mapping.volume-size", "blockDeviceMapping.ebs.volumeSize"),
        ("block-device-mapping.volume-type", "blockDeviceMapping.ebs.volumeType"),
        ("creation-date", "creationDate"),
        ("description", "description"),
        ("ena-support", "enaSupport"),
        ("hypervisor", "hypervisor"),
        ("image-id", "imageId"),
        ("image-type", "imageType"),
        ("is-public", "isPublic"),
        ("kernel-id", NOTHING),
        ("manifest-location", "imageLocation"),
        ("name", "name"),
        ("owner-alias", "imageOwnerAlias"),
        ("owner-id", "imageOwnerId"),
        ("platform", NOTHING),
        ("product-code", NOTHING),
        ("product-code.type", NOTHING),
        ("ramdisk-id", NOTHING),
        ("root-device-name", "rootDeviceName"),
        ("root-device-type", "rootDeviceType"),
        ("source-instance-id", NOTHING),
        ("sriov-net-support", "sriovNetSupport"),
        ("state", "imageState"),
        ("state-reason-code", NOTHING),
        ("state-reason-message", NOTHING),
        ("virtualization-type", "virtualizationType"),
    ],
};

pub(super) fn describe_images(world: &mut World, call: &Call, input: DescribeImages) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.image_id, "imageIds", input.max_results)?;
    input.image_id.iter().try_for_each(|id| find(id).map(drop))?;
    let is_account = |owner: &str| owner.len() == 12 && owner.bytes().all(|digit| digit.is_ascii_digit());
    let aliases = ["self", "amazon", "aws-marketplace", "aws-backup-vault", "microsoft"];
    if let Some(bad) =
        input.owner.iter().find(|owner| !is_account(owner) && !aliases.contains(&owner.as_str()))
    {
        return Err(Refusal::new("InvalidUserID.Malformed", format!("Invalid user id: \"{bad}\"")));
    }
    let of_amazon = |owners: &[String]| owners.iter().any(|owner| owner == "amazon" || owner == AMAZON);
    let owned = input.owner.is_empty() || of_amazon(&input.owner);
    let open = input.executable_by.is_empty() || input.executable_by.iter().any(|who| who == "all");
    let wanted = |image: &&Image| {
        owned && open && (input.image_id.is_empty() || input.image_id.iter().any(|id| id == image.id))
    };
    let all = IMAGES
        .iter()
        .filter(wanted)
        .map(|image| (image.id.to_owned(), image.document(&tags::shown(world, &call.place, image.id))))
        .collect();
    let picked = SEARCHABLE.pick(&input.filter, all)?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "imagesSet": page.items, "nextToken": page.next }).into())
}
