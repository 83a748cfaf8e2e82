"""Resource Groups Tagging API: what carries a tag."""

from conformance.checks import DIFFERS, check
from conformance.context import OTHER_REGION
from conformance.given import (
    account,
    bucket,
    log_group,
    run_instances,
    security_group,
    stream,
    unfinished_notebook,
)

GET = "Resource Groups Tagging API Reference, GetResources"


def tagged(c, tagging=None, **arguments):
    """Every ARN and its tags, over all pages."""
    found, token = {}, ""
    while True:
        more = {"PaginationToken": token} if token else {}
        page = (tagging or c.tagging).get_resources(**arguments, **more)
        for one in page["ResourceTagMappingList"]:
            found[one["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        token = page.get("PaginationToken")
        if not token:
            return found


def expect(c, arns, **arguments):
    """These and no others are found, soon."""
    c.until(lambda: set(tagged(c, **arguments)) == set(arns), 20, f"finding {sorted(arns)} and nothing else")


def by(key, *values):
    return {"TagFilters": [{"Key": key, "Values": list(values)}]}


def tagged_group(c, tags, region=None):
    """A log group's ARN, as this API names it."""
    logs = c.client("logs", region=region) if region else c.logs
    name = c.name("group")
    logs.create_log_group(logGroupName=name, tags=tags)
    c.later(logs.delete_log_group, logGroupName=name)
    return f"arn:aws:logs:{region or 'us-east-1'}:{account(c)}:log-group:{name}"


@check("tagging", "a tagged log group is found with its tags", aws=f"{GET}: ResourceARN and all Tags of each")
def _(c):
    key = c.name("key")
    arn = tagged_group(c, {key: "value", "other": "ü"})
    expect(c, {arn}, **by(key, "value"))
    c.same(tagged(c, **by(key, "value")), {arn: {key: "value", "other": "ü"}})


@check("tagging", "a tagged bucket is found", aws=f"{GET}: resources of Amazon S3 (bucket) are supported")
def _(c):
    key, name = c.name("key"), bucket(c)
    c.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": "value"}]})
    expect(c, {f"arn:aws:s3:::{name}"}, **by(key, "value"))


@check(
    "tagging",
    "a tagged delivery stream is found",
    aws=f"{GET}: resources of Amazon Data Firehose (deliverystream) are supported",
)
def _(c):
    key = c.name("key")
    made = stream(c, tags=[{"Key": key, "Value": "value"}])
    expect(c, {made.describe()["DeliveryStreamARN"]}, **by(key, "value"))


@check(
    "tagging",
    "tagged things of EC2 are found",
    aws=f"{GET}: resources of Amazon EC2 (instance, security-group, volume, …) are supported",
)
def _(c):
    key = c.name("key")
    tags = [{"Key": key, "Value": "value"}]
    group = security_group(c, TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}])
    made = run_instances(c, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])["Instances"][0][
        "InstanceId"
    ]
    own = f"arn:aws:ec2:us-east-1:{account(c)}"
    expect(c, {f"{own}:security-group/{group}", f"{own}:instance/{made}"}, **by(key, "value"))


@check(
    "tagging",
    "a tagged notebook instance is found",
    aws=f"{GET}: resources of Amazon SageMaker AI (notebook-instance) are supported",
)
def _(c):
    key = c.name("key")
    name = unfinished_notebook(c, Tags=[{"Key": key, "Value": "value"}])
    expect(c, {f"arn:aws:sagemaker:us-east-1:{account(c)}:notebook-instance/{name}"}, **by(key, "value"))


@check(
    "tagging",
    "values of one key are alternatives",
    aws=f"{GET}: multiple values of a key are linked with OR; a key without values finds all that have the key",
)
def _(c):
    key = c.name("key")
    one, two, three = (tagged_group(c, {key: value}) for value in ("1", "2", "3"))
    expect(c, {one, two}, **by(key, "1", "2"))
    expect(c, {one, two, three}, **by(key))
    expect(c, set(), **by(key, "4"))


@check("tagging", "several keys must all be there", aws=f"{GET}: multiple TagFilters are linked with AND")
def _(c):
    key, other = c.name("key"), c.name("other")
    both = tagged_group(c, {key: "1", other: "1"})
    tagged_group(c, {key: "1"})
    expect(c, {both}, TagFilters=[{"Key": key, "Values": ["1"]}, {"Key": other}])


@check(
    "tagging",
    "tags are compared with regard to case",
    aws="Tagging AWS resources: tag keys and values are case-sensitive",
)
def _(c):
    key = c.name("key")
    arn = tagged_group(c, {key: "Value"})
    expect(c, {arn}, **by(key, "Value"))
    c.same(tagged(c, **by(key, "value")), {}, "those with another value")
    c.same(tagged(c, **by(key.upper(), "Value")), {}, "those with another key")


@check(
    "tagging",
    "resources are found by type",
    moto=DIFFERS,
    aws=f"{GET}: ResourceTypeFilters are service or service:resourceType, linked with OR",
)
def _(c):
    key, name = c.name("key"), bucket(c)
    c.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": "1"}]})
    group = security_group(
        c, TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": key, "Value": "1"}]}]
    )
    of_logs, of_s3 = tagged_group(c, {key: "1"}), f"arn:aws:s3:::{name}"
    of_ec2 = f"arn:aws:ec2:us-east-1:{account(c)}:security-group/{group}"
    expect(c, {of_logs, of_s3, of_ec2}, **by(key))
    expect(c, {of_s3}, **by(key), ResourceTypeFilters=["s3"])
    expect(c, {of_logs, of_s3}, **by(key), ResourceTypeFilters=["logs:log-group", "s3"])
    expect(c, {of_ec2}, **by(key), ResourceTypeFilters=["ec2:security-group"])
    expect(c, set(), **by(key), ResourceTypeFilters=["ec2:instance"])


@check(
    "tagging",
    "resources come in pages",
    moto=DIFFERS,
    aws=f"{GET}: ResourcesPerPage is the most on a page; the PaginationToken of the last page is empty",
)
def _(c):
    key = c.name("key")
    made = {tagged_group(c, {key: "1"}) for _ in range(3)}
    expect(c, made, **by(key))
    seen, token, pages = [], "", 0
    while True:
        more = {"PaginationToken": token} if token else {}
        page = c.tagging.get_resources(**by(key), ResourcesPerPage=1, **more)
        c.holds(len(page["ResourceTagMappingList"]) <= 1, "a page has more than ResourcesPerPage")
        seen += [one["ResourceARN"] for one in page["ResourceTagMappingList"]]
        pages += 1
        token = page.get("PaginationToken")
        if not token:
            break
    c.same((len(seen), set(seen)), (3, made))
    c.holds(pages >= 3, "there were too few pages")


@check("tagging", "only a region's resources are found", aws=f"{GET}: returns resources in the specified Region")
def _(c):
    key = c.name("key")
    here, there = tagged_group(c, {key: "1"}), tagged_group(c, {key: "1"}, OTHER_REGION)
    expect(c, {here}, **by(key))
    expect(c, {there}, tagging=c.client("tagging", region=OTHER_REGION), **by(key))


@check(
    "tagging",
    "resources can be asked for by ARN",
    aws=f"{GET}: ResourceARNList names the resources whose tags are wanted",
)
def _(c):
    key = c.name("key")
    one, _ = tagged_group(c, {key: "1"}), tagged_group(c, {key: "1"})
    c.until(lambda: tagged(c, ResourceARNList=[one]) == {one: {key: "1"}}, what="the tags of that ARN")


@check(
    "tagging",
    "ARNs and types cannot both be asked for",
    moto=DIFFERS,
    aws=f"{GET}: ResourceARNList with ResourceTypeFilters is an InvalidParameterException",
)
def _(c):
    arn = tagged_group(c, {c.name("key"): "1"})
    c.refused(
        "InvalidParameterException",
        c.tagging.get_resources,
        status=400,
        ResourceARNList=[arn],
        ResourceTypeFilters=["logs"],
    )


@check(
    "tagging",
    "changed tags are found as they are now",
    aws=f"{GET}: returns the tags associated with the resource",
)
def _(c):
    key, name = c.name("key"), log_group(c)
    arn = f"arn:aws:logs:us-east-1:{account(c)}:log-group:{name}"
    c.logs.tag_resource(resourceArn=arn, tags={key: "1"})
    expect(c, {arn}, **by(key, "1"))
    c.logs.tag_resource(resourceArn=arn, tags={key: "2"})
    expect(c, {arn}, **by(key, "2"))
    c.logs.untag_resource(resourceArn=arn, tagKeys=[key])
    expect(c, set(), **by(key))


@check("tagging", "a deleted resource is found no more", aws=f"{GET}: returns resources that are in the account")
def _(c):
    key = c.name("key")
    arn = tagged_group(c, {key: "1"})
    expect(c, {arn}, **by(key))
    c.logs.delete_log_group(logGroupName=arn.rsplit(":", 1)[1])
    expect(c, set(), **by(key))


@check(
    "tagging",
    "a bucket is tagged and untagged like everything else",
    aws="API Reference, TagResources: applies tags to the resources of the list, existing tags stay; FailedResourcesMap "
    "tells those that failed",
)
def _(c):
    name = bucket(c)
    arn = f"arn:aws:s3:::{name}"
    c.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    c.same(c.tagging.tag_resources(ResourceARNList=[arn], Tags={"b": "2"})["FailedResourcesMap"], {})
    there = c.s3.get_bucket_tagging(Bucket=name)["TagSet"]
    c.same({tag["Key"]: tag["Value"] for tag in there}, {"a": "1", "b": "2"})
    c.tagging.untag_resources(ResourceARNList=[arn], TagKeys=["a"])
    c.same(c.s3.get_bucket_tagging(Bucket=name)["TagSet"], [{"Key": "b", "Value": "2"}])


@check(
    "tagging",
    "what cannot be tagged is named",
    moto=DIFFERS,
    aws="API Reference, TagResources: FailedResourcesMap maps the ARNs that failed to an error code and message",
)
def _(c):
    missing = f"arn:aws:s3:::{c.name('bucket')}"
    failed = c.tagging.tag_resources(ResourceARNList=[missing], Tags={"b": "2"})["FailedResourcesMap"]
    c.same(list(failed), [missing])
