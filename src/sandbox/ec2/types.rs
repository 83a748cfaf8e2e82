//! The types of instances: families with their sizes, of which virtual processors and memory follow.

use serde::Deserialize;
use serde_json::{Value, json};

use super::dry_run;
use super::lists::{self, Filter, NOTHING, Searchable};
use crate::sandbox::call::Call;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::{Flag, Number};
use crate::sandbox::world::World;

/// A type of instance.
#[derive(Debug, Clone)]
pub(super) struct InstanceType {
    pub(super) name: String,
    pub(super) architecture: &'static str,
    pub(super) vcpus: u32,
    pub(super) threads_per_core: u32,
    mib: u32,
    family: &'static Family,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    architecture: &'static str,
    maker: &'static str,
    gigahertz: f64,
    /// Sizes with their virtual processors and MiB of memory.
    sizes: Sizes,
    /// Older families run on Xen.
    nitro: bool,
    current: bool,
}

#[derive(Debug, Clone, Copy)]
enum Sizes {
    /// The sizes of burstable families, each with virtual processors and MiB.
    Listed(&'static [(&'static str, u32, u32)]),
    /// Sizes with their virtual processors; so many MiB for each.
    PerProcessor(&'static [(&'static str, u32)], u32),
}

const BURSTABLE: &[(&str, u32, u32)] = &[
    ("nano", 2, 512),
    ("micro", 2, 1024),
    ("small", 2, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16384),
    ("2xlarge", 8, 32768),
];
const FIRST_BURSTABLE: &[(&str, u32, u32)] = &[
    ("nano", 1, 512),
    ("micro", 1, 1024),
    ("small", 1, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16384),
    ("2xlarge", 8, 32768),
];
const FIRST: &[(&str, u32, u32)] = &[("small", 1, 1740), ("medium", 1, 3840)];
const FIFTH: &[(&str, u32)] = &[
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("24xlarge", 96),
];
const FIFTH_COMPUTE: &[(&str, u32)] = &[
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("9xlarge", 36),
    ("12xlarge", 48),
    ("18xlarge", 72),
    ("24xlarge", 96),
];
const SIXTH: &[(&str, u32)] = &[
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("24xlarge", 96),
    ("32xlarge", 128),
];
const GRAVITON: &[(&str, u32)] = &[
    ("medium", 1),
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
];

/// MiB for each virtual processor: general purpose, compute and memory families.
const GENERAL: u32 = 4096;
const COMPUTE: u32 = 2048;
const MEMORY: u32 = 8192;

const fn intel(name: &'static str, gigahertz: f64, sizes: Sizes) -> Family {
    Family { name, architecture: "x86_64", maker: "Intel", gigahertz, sizes, nitro: true, current: true }
}

const fn amd(name: &'static str, gigahertz: f64, sizes: Sizes) -> Family {
    Family { name, architecture: "x86_64", maker: "AMD", gigahertz, sizes, nitro: true, current: true }
}

const fn graviton(name: &'static str, gigahertz: f64, sizes: Sizes) -> Family {
    Family { name, architecture: "arm64", maker: "AWS", gigahertz, sizes, nitro: true, current: true }
}

const FAMILIES: &[Family] = &[
    Family { nitro: false, current: false, ..intel("m1", 2.0, Sizes::Listed(FIRST)) },
    Family { nitro: false, ..intel("t2", 2.5, Sizes::Listed(FIRST_BURSTABLE)) },
    intel("t3", 2.5, Sizes::Listed(BURSTABLE)),
    amd("t3a", 2.2, Sizes::Listed(BURSTABLE)),
    graviton("t4g", 2.5, Sizes::Listed(BURSTABLE)),
    intel("m5", 3.1, Sizes::PerProcessor(FIFTH, GENERAL)),
    amd("m5a", 2.5, Sizes::PerProcessor(FIFTH, GENERAL)),
    intel("m6i", 3.5, Sizes::PerProcessor(SIXTH, GENERAL)),
    graviton("m6g", 2.5, Sizes::PerProcessor(GRAVITON, GENERAL)),
    intel("m7i", 3.2, Sizes::PerProcessor(FIFTH, GENERAL)),
    graviton("m7g", 2.6, Sizes::PerProcessor(GRAVITON, GENERAL)),
    intel("c5", 3.4, Sizes::PerProcessor(FIFTH_COMPUTE, COMPUTE)),
    intel("c6i", 3.5, Sizes::PerProcessor(SIXTH, COMPUTE)),
    graviton("c6g", 2.5, Sizes::PerProcessor(GRAVITON, COMPUTE)),
    graviton("c7g", 2.6, Sizes::PerProcessor(GRAVITON, COMPUTE)),
    intel("r5", 3.1, Sizes::PerProcessor(FIFTH, MEMORY)),
    intel("r6i", 3.5, Sizes::PerProcessor(SIXTH, MEMORY)),
    graviton("r6g", 2.5, Sizes::PerProcessor(GRAVITON, MEMORY)),
    graviton("r7g", 2.6, Sizes::PerProcessor(GRAVITON, MEMORY)),
];

impl Family {
    fn types(&'static self) -> impl Iterator<Item = InstanceType> {
        let sizes: Vec<(&str, u32, u32)> = match self.sizes {
            Sizes::Listed(sizes) => sizes.to_vec(),
            Sizes::PerProcessor(sizes, mib) => {
                sizes.iter().map(|(size, vcpus)| (*size, *vcpus, vcpus * mib)).collect()
            }
        };
        sizes.into_iter().map(move |(size, vcpus, mib)| InstanceType {
            name: format!("{}.{size}", self.name),
            architecture: self.architecture,
            vcpus,
            threads_per_core: if vcpus > 1 && self.architecture == "x86_64" && self.nitro { 2 } else { 1 },
            mib,
            family: self,
        })
    }
}

/// The type of a name.
pub(super) fn find(name: &str) -> Option<InstanceType> {
    let family = name.split('.').next()?;
    let family = FAMILIES.iter().find(|known| known.name == family)?;
    family.types().find(|known| known.name == name)
}

impl InstanceType {
    fn document(&self) -> Value {
        let family = self.family;
        let burstable = family.name.starts_with('t');
        let support = |yes: bool| if yes { "supported" } else { "unsupported" };
        json!({
            "instanceType": self.name,
            "currentGeneration": family.current,
            "freeTierEligible": matches!(self.name.as_str(), "t2.micro" | "t3.micro"),
            "supportedUsageClasses": ["on-demand", "spot"],
            "supportedRootDeviceTypes": ["ebs"],
            "supportedVirtualizationTypes": ["hvm"],
            "supportedBootModes": if self.architecture == "arm64" { json!(["uefi"]) } else { json!(["legacy-bios", "uefi"]) },
            "bareMetal": false,
            "hypervisor": if family.nitro { "nitro" } else { "xen" },
            "processorInfo": {
                "supportedArchitectures": [self.architecture],
                "sustainedClockSpeedInGhz": family.gigahertz,
                "manufacturer": family.maker,
            },
            "vCpuInfo": {
                "defaultVCpus": self.vcpus,
                "defaultCores": self.vcpus / self.threads_per_core,
                "defaultThreadsPerCore": self.threads_per_core,
            },
            "memoryInfo": { "sizeInMiB": self.mib },
            "instanceStorageSupported": false,
            "ebsInfo": {
                "ebsOptimizedSupport": if family.nitro { "default" } else { "unsupported" },
                "encryptionSupport": "supported",
                "nvmeSupport": if family.nitro { "required" } else { "unsupported" },
            },
            "networkInfo": {
                "networkPerformance": if burstable && !family.nitro { "Low to Moderate" } else { "Up to 5 Gigabit" },
                "ipv6Supported": true,
                "enaSupport": if family.nitro { "required" } else { "unsupported" },
                "efaSupported": false,
            },
            "placementGroupInfo": { "supportedStrategies": ["partition", "spread"] },
            "burstablePerformanceSupported": burstable,
            "dedicatedHostsSupported": !burstable,
            "hibernationSupported": family.nitro,
            "autoRecoverySupported": true,
            "nitroEnclavesSupport": support(family.nitro && self.vcpus >= 4 && !burstable),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeInstanceTypes {
    #[serde(default)]
    instance_type: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    max_results: Option<Number<i64>>,
    next_token: Option<String>,
    dry_run: Option<Flag>,
}

const SEARCHABLE: Searchable = Searchable {
    tags: NOTHING,
    by: &[
        ("auto-recovery-supported", "autoRecoverySupported"),
        ("bare-metal", "bareMetal"),
        ("burstable-performance-supported", "burstablePerformanceSupported"),
        ("current-generation", "currentGeneration"),
        ("dedicated-hosts-supported", "dedicatedHostsSupported"),
        ("ebs-info.ebs-optimized-support", "ebsInfo.ebsOptimizedSupport"),
        ("ebs-info.encryption-support", "ebsInfo.encryptionSupport"),
        ("ebs-info.nvme-support", "ebsInfo.nvmeSupport"),
        ("free-tier-eligible", "freeTierEligible"),
        ("hibernation-supported", "hibernationSupported"),
        ("hypervisor", "hypervisor"),
        ("instance-storage-supported", "instanceStorageSupported"),
        ("instance-type", "instanceType"),
        ("memory-info.size-in-mib", "memoryInfo.sizeInMiB"),
        ("network-info.efa-supported", "networkInfo.efaSupported"),
        ("network-info.ena-support", "networkInfo.enaSupport"),
        ("network-info.ipv6-supported", "networkInfo.ipv6Supported"),
        ("network-info.network-performance", "networkInfo.networkPerformance"),
        ("nitro-enclaves-support", "nitroEnclavesSupport"),
        ("processor-info.supported-architecture", "processorInfo.supportedArchitectures"),
        ("processor-info.sustained-clock-speed-in-ghz", "processorInfo.sustainedClockSpeedInGhz"),
        ("supported-boot-mode", "supportedBootModes"),
        ("supported-root-device-type", "supportedRootDeviceTypes"),
        ("supported-usage-class", "supportedUsageClasses"),
        ("supported-virtualization-type", "supportedVirtualizationTypes"),
        ("vcpu-info.default-cores", "vCpuInfo.defaultCores"),
        ("vcpu-info.default-threads-per-core", "vCpuInfo.defaultThreadsPerCore"),
        ("vcpu-info.default-vcpus", "vCpuInfo.defaultVCpus"),
    ],
};

pub(super) fn describe_instance_types(_: &mut World, _: &Call, input: DescribeInstanceTypes) -> Answer {
    dry_run(input.dry_run)?;
    lists::not_both(&input.instance_type, "instanceTypes", input.max_results)?;
    let named = &input.instance_type;
    let unknown: Vec<&str> = named.iter().map(String::as_str).filter(|name| find(name).is_none()).collect();
    if !unknown.is_empty() {
        let list = unknown.join(", ");
        let message = format!("The following supplied instance types do not exist: [{list}]");
        return Err(Refusal::new("InvalidInstanceType", message));
    }
    let all = FAMILIES
        .iter()
        .flat_map(Family::types)
        .filter(|known| named.is_empty() || named.contains(&known.name))
        .map(|known| (known.name.clone(), known.document()))
        .collect();
    let picked = SEARCHABLE.pick(&input.filter, all)?;
    let page = lists::page(picked, input.max_results, input.next_token.as_deref())?;
    Ok(json!({ "instanceTypeSet": page.items, "nextToken": page.next }).into())
}
