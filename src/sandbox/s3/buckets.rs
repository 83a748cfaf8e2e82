//! Buckets: their names, where they are, whose they are.

use jiff::Timestamp;
use s3s::{S3Result, dto, s3_error};

use super::door::{Door, shown};
use super::refused::not_carried;
use super::{Bucket, about, multipart, versions};
use crate::sandbox::paging;
use crate::sandbox::world::World;

/// The region that has no name as a location.
const FIRST_REGION: &str = "us-east-1";

/// Where buckets can be.
const REGIONS: [&str; 33] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
];

/// What a page of buckets holds if nothing is said, and at most.
const MOST: i32 = 10_000;

impl Bucket {
    pub(super) fn new(account: &str, region: &str, now: Timestamp) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            created: now.as_second(),
            tags: crate::sandbox::tags::Tags::new(),
            versioning: None,
            public_access: Some(dto::PublicAccessBlockConfiguration {
                block_public_acls: Some(true),
                block_public_policy: Some(true),
                ignore_public_acls: Some(true),
                restrict_public_buckets: Some(true),
            }),
            encryption: None,
            lifecycle: None,
            policy: None,
            ownership: Some(dto::ObjectOwnership::BUCKET_OWNER_ENFORCED.to_owned()),
        }
    }

    /// The key of KMS that objects get which ask for nothing else.
    pub(super) fn kms_key(&self) -> Option<Box<str>> {
        let rule = self.encryption.as_ref()?.rules.first()?;
        let usual = rule.apply_server_side_encryption_by_default.as_ref()?;
        about::kms_key(usual.sse_algorithm.as_str(), usual.kms_master_key_id.as_deref()).ok().flatten()
    }
}

/// A bucket that is sure to be there: it was when the request came in.
pub(super) fn bucket<'a>(world: &'a World, name: &str) -> S3Result<&'a Bucket> {
    world.s3.buckets.get(name).ok_or_else(|| s3_error!(NoSuchBucket))
}

/// The same, to be changed.
pub(super) fn bucket_mut<'a>(world: &'a mut World, name: &str) -> S3Result<&'a mut Bucket> {
    world.s3.buckets.get_mut(name).ok_or_else(|| s3_error!(NoSuchBucket))
}

pub(super) fn create(
    world: &mut World,
    door: &Door,
    input: dto::CreateBucketInput,
) -> S3Result<dto::CreateBucketOutput> {
    let name = input.bucket.clone();
    check(&input)?;
    let asked = input.create_bucket_configuration.and_then(|asked| asked.location_constraint);
    let region = location(&door.region, asked.as_ref().map(dto::BucketLocationConstraint::as_str))?;
    // A bucket that a fault has lost is gone, with all that was in it, and its name is free.
    if world.s3.buckets.contains(&name) && world.faults.loses(&name) {
        let rows = format!("{name}\0");
        versions::forget_all(&mut world.s3, &rows);
        multipart::forget_all(&mut world.s3, &rows);
        world.s3.buckets.remove(&name);
    }
    if let Some(there) = world.s3.buckets.get(&name) {
        if there.account != door.caller.account() {
            return Err(s3_error!(BucketAlreadyExists));
        }
        // The first region keeps to what it did before there were others.
        if door.region != FIRST_REGION || there.region != FIRST_REGION || region != FIRST_REGION {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
    } else {
        let mut bucket = Bucket::new(door.caller.account(), region, door.now);
        if let Some(ownership) = input.object_ownership {
            bucket.ownership = Some(ownership.as_str().to_owned());
        }
        world.s3.buckets.insert(name.as_str(), bucket);
        world.faults.made(&name);
    }
    Ok(dto::CreateBucketOutput { location: Some(format!("/{name}")) })
}

fn check(input: &dto::CreateBucketInput) -> S3Result<()> {
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(not_carried("x-amz-bucket-object-lock-enabled"));
    }
    if let Some(asked) = &input.create_bucket_configuration
        && (asked.bucket.is_some() || asked.location.is_some())
    {
        return Err(not_carried("CreateBucketConfiguration.Bucket"));
    }
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    let is_private = input.acl.as_ref().is_none_or(|acl| acl.as_str() == dto::BucketCannedACL::PRIVATE);
    if !is_private || grants.into_iter().any(Option::is_some) {
        return Err(s3_error!(
            InvalidBucketAclWithObjectOwnership,
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        ));
    }
    let name = &input.bucket;
    let is_reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|begin| name.starts_with(begin))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end));
    if is_reserved {
        return Err(s3_error!(InvalidBucketName));
    }
    Ok(())
}

/// Where a bucket comes to be that is made in a region with a location constraint.
fn location<'a>(called: &'a str, constraint: Option<&'a str>) -> S3Result<&'a str> {
    let constraint = constraint.filter(|constraint| !constraint.is_empty());
    let illegal = |constraint: &str| {
        s3_error!(
            IllegalLocationConstraintException,
            "The {constraint} location constraint is incompatible for the region specific endpoint this request was \
             sent to."
        )
    };
    match (called, constraint) {
        (FIRST_REGION, None) => Ok(FIRST_REGION),
        (_, None) => Err(illegal("unspecified")),
        (FIRST_REGION | "eu-west-1", Some("EU")) => Ok("eu-west-1"),
        (_, Some(region)) if !REGIONS.contains(&region) => Err(s3_error!(InvalidLocationConstraint)),
        (FIRST_REGION, Some(FIRST_REGION)) => Err(s3_error!(InvalidLocationConstraint)),
        (called, Some(region)) if called == FIRST_REGION || called == region => Ok(region),
        (_, Some(region)) => Err(illegal(region)),
    }
}

pub(super) fn delete(world: &mut World, name: &str) -> S3Result<()> {
    let rows = format!("{name}\0");
    if let Some((_, version)) = world.s3.versions.under(&rows).next() {
        let has_versions = bucket(world, name)?.versioning.is_some() || version.object.is_none();
        return Err(if has_versions {
            s3_error!(
                BucketNotEmpty,
                "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
            )
        } else {
            s3_error!(BucketNotEmpty)
        });
    }
    multipart::forget_all(&mut world.s3, &rows);
    world.s3.buckets.remove(name);
    Ok(())
}

pub(super) fn list(
    world: &World,
    door: &Door,
    input: &dto::ListBucketsInput,
) -> S3Result<dto::ListBucketsOutput> {
    let limit = input.max_buckets.unwrap_or(MOST);
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=MOST as usize).contains(limit));
    let limit = limit.ok_or_else(|| {
        s3_error!(InvalidArgument, "Argument max-buckets must be an integer between 1 and 10000")
    })?;
    let after = match input.continuation_token.as_deref() {
        None => None,
        Some(token) => Some(
            paging::read_token(token)
                .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))?,
        ),
    };
    let own = world
        .s3
        .buckets
        .under(input.prefix.as_deref().unwrap_or_default())
        .filter(|(_, bucket)| bucket.account == door.caller.account())
        .filter(|(_, bucket)| input.bucket_region.as_ref().is_none_or(|region| *region == bucket.region))
        .map(|(name, bucket)| {
            let line = dto::Bucket {
                name: Some(name.to_owned()),
                creation_date: Some(shown(bucket.created)),
                bucket_region: Some(bucket.region.clone()),
            };
            (name.to_owned(), line)
        });
    let page = paging::page(own, after.as_deref(), limit);
    Ok(dto::ListBucketsOutput {
        buckets: Some(page.items),
        continuation_token: page.next,
        owner: Some(door.owner()),
        prefix: input.prefix.clone(),
    })
}

pub(super) fn head(world: &World, name: &str) -> S3Result<dto::HeadBucketOutput> {
    let region = Some(bucket(world, name)?.region.clone());
    Ok(dto::HeadBucketOutput { bucket_region: region, ..Default::default() })
}

pub(super) fn get_location(world: &World, name: &str) -> S3Result<dto::GetBucketLocationOutput> {
    let region = &bucket(world, name)?.region;
    let location_constraint = (region != FIRST_REGION).then(|| region.clone().into());
    Ok(dto::GetBucketLocationOutput { location_constraint })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{code, door, world_with_bucket};
    use super::*;

    #[test]
    fn a_location_must_fit_the_region_that_is_called() {
        assert_eq!(location("us-east-1", None).ok(), Some("us-east-1"));
        assert_eq!(location("us-east-1", Some("eu-west-1")).ok(), Some("eu-west-1"));
        assert_eq!(location("eu-west-1", Some("eu-west-1")).ok(), Some("eu-west-1"));
        assert_eq!(code(location("us-east-1", Some("us-east-1"))), "InvalidLocationConstraint");
        assert_eq!(code(location("eu-west-1", Some("mars-north-1"))), "InvalidLocationConstraint");
        assert_eq!(code(location("eu-west-1", None)), "IllegalLocationConstraintException");
        assert_eq!(code(location("eu-west-1", Some("us-west-2"))), "IllegalLocationConstraintException");
    }

    #[test]
    fn a_name_is_taken_once_for_all_accounts() {
        let mut trial = world_with_bucket();
        let input = || dto::CreateBucketInput { bucket: "posts".to_owned(), ..Default::default() };
        let own = door(&trial);
        assert!(create(&mut trial.world, &own, input()).is_ok(), "again in the first region");
        let stranger = Door {
            caller: crate::sandbox::call::Caller::Operator { account: "999999999999".to_owned() },
            ..own.clone()
        };
        assert_eq!(code(create(&mut trial.world, &stranger, input())), "BucketAlreadyExists");
        let elsewhere = Door { region: "eu-west-1".to_owned(), ..own };
        let mut input = input();
        input.create_bucket_configuration = Some(dto::CreateBucketConfiguration {
            location_constraint: Some("eu-west-1".to_owned().into()),
            ..Default::default()
        });
        assert_eq!(code(create(&mut trial.world, &elsewhere, input)), "BucketAlreadyOwnedByYou");
    }

    #[test]
    fn a_lost_bucket_that_is_made_again_is_a_new_one_and_stays() {
        let mut trial = world_with_bucket();
        let own = door(&trial);
        versions::put(&mut trial.world, "posts", "old", super::super::objects::tests::object(), trial.now);
        trial.world.faults.set(["lost-bucket".parse().expect("a fault")]);
        let input = |bucket: &str| dto::CreateBucketInput { bucket: bucket.to_owned(), ..Default::default() };
        for name in ["posts", "another"] {
            assert!(create(&mut trial.world, &own, input(name)).is_ok(), "{name}");
            assert!(!trial.world.faults.loses(name), "{name}");
        }
        assert!(trial.world.s3.versions.under("posts\0").next().is_none(), "its objects are lost");
        assert_eq!(trial.world.s3.rubbish.len(), 1, "and so are their bytes");
        trial.world.faults.set(["lost-bucket".parse().expect("a fault")]);
        assert!(trial.world.faults.loses("posts"), "switched on anew, it strikes anew");
    }

    #[test]
    fn a_bucket_with_a_delete_marker_is_not_empty() {
        let mut trial = world_with_bucket();
        bucket_mut(&mut trial.world, "posts").expect("there").versioning =
            Some(super::super::Versioning::Enabled);
        versions::delete(&mut trial.world.s3, "posts", "never", None, trial.now).expect("marked");
        assert_eq!(code(delete(&mut trial.world, "posts")), "BucketNotEmpty");
    }
}
