"""CloudWatch Logs: groups and streams."""

from conformance.checks import DIFFERS, check
from conformance.given import account, log_group, now, write

GROUP = "CloudWatch Logs API Reference, CreateLogGroup"
GROUPS = "CloudWatch Logs API Reference, DescribeLogGroups"
STREAM = "CloudWatch Logs API Reference, CreateLogStream"
STREAMS = "CloudWatch Logs API Reference, DescribeLogStreams"
RETENTION = "CloudWatch Logs API Reference, PutRetentionPolicy"
DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]


def described(c, name):
    return c.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]


def group_arn(c, name):
    return f"arn:aws:logs:us-east-1:{account(c)}:log-group:{name}"


def stream_names(c, group, **arguments):
    return [
        one["logStreamName"] for one in c.logs.describe_log_streams(logGroupName=group, **arguments)["logStreams"]
    ]


@check(
    "logs",
    "a group is described as it was made",
    aws=f"{GROUPS}: logGroupName, arn with :* at its end, logGroupArn without, creationTime, storedBytes, metricFilterCount",
)
def _(c):
    name = log_group(c)
    found = described(c, name)
    c.same((found["logGroupName"], found["arn"]), (name, f"{group_arn(c, name)}:*"))
    c.same((found["storedBytes"], found["metricFilterCount"]), (0, 0))
    c.holds(abs(found["creationTime"] - now()) < 120_000, "creationTime is not now")
    c.holds("retentionInDays" not in found, "a new group forgets")


@check(
    "logs",
    "a group has an ARN without a star too",
    aws="CloudWatch Logs API Reference, LogGroup: logGroupArn has no trailing :*",
)
def _(c):
    name = log_group(c)
    c.same(described(c, name).get("logGroupArn"), group_arn(c, name))


@check(
    "logs",
    "a group is of the standard class unless it is said",
    moto=DIFFERS,
    aws=f"{GROUP}: without logGroupClass, STANDARD",
)
def _(c):
    c.same(described(c, log_group(c)).get("logGroupClass"), "STANDARD")


@check("logs", "a group's name is its own", aws=f"{GROUP}: ResourceAlreadyExistsException (400)")
def _(c):
    c.refused(
        "ResourceAlreadyExistsException",
        c.logs.create_log_group,
        status=400,
        logGroupName=log_group(c),
        message="The specified log group already exists",
    )


@check(
    "logs",
    "a group's name has only certain characters",
    moto=DIFFERS,
    aws=f"{GROUP}: letters, digits, _ - / . and #; otherwise InvalidParameterException (400)",
)
def _(c):
    for name in ("a group", "a:group", "a*", "größe"):
        c.refused("InvalidParameterException", c.logs.create_log_group, status=400, logGroupName=name)
    name = f"/{c.name('path')}/A_b.c#d"
    c.logs.create_log_group(logGroupName=name)
    c.later(c.logs.delete_log_group, logGroupName=name)


@check(
    "logs",
    "a group's name has at most 512 characters",
    aws=f"{GROUP}: 1 to 512 characters; InvalidParameterException (400)",
)
def _(c):
    c.refused("InvalidParameterException", c.logs.create_log_group, status=400, logGroupName="g" * 513)


@check(
    "logs",
    "a missing group is not found by any operation",
    aws="CloudWatch Logs API Reference: ResourceNotFoundException (400)",
)
def _(c):
    name = c.name("none")
    for call, more in [
        (c.logs.delete_log_group, {}),
        (c.logs.describe_log_streams, {}),
        (c.logs.create_log_stream, {"logStreamName": "s"}),
        (c.logs.delete_log_stream, {"logStreamName": "s"}),
        (c.logs.put_retention_policy, {"retentionInDays": 1}),
        (c.logs.delete_retention_policy, {}),
        (c.logs.filter_log_events, {}),
        (c.logs.get_log_events, {"logStreamName": "s"}),
        (c.logs.put_log_events, {"logStreamName": "s", "logEvents": [{"timestamp": now(), "message": "m"}]}),
    ]:
        c.refused(
            "ResourceNotFoundException",
            call,
            status=400,
            logGroupName=name,
            message="The specified log group does not exist",
            **more,
        )


@check(
    "logs",
    "a deleted group is gone with its streams",
    aws="CloudWatch Logs API Reference, DeleteLogGroup: deletes all its events for good",
)
def _(c):
    name = log_group(c, "stream")
    c.logs.delete_log_group(logGroupName=name)
    c.same(c.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"], [])
    c.while_refused("OperationAbortedException", c.logs.create_log_group, logGroupName=name)
    c.same(stream_names(c, name), [], "the streams of a new group of that name")


@check(
    "logs",
    "groups are listed by prefix and in order",
    aws=f"{GROUPS}: the results are ASCII-sorted by log group name",
)
def _(c):
    prefix = c.name("prefix")
    made = [f"{prefix}/{end}" for end in ("b", "a", "B", "a-1", "a/1")]
    for name in made:
        c.logs.create_log_group(logGroupName=name)
        c.later(c.logs.delete_log_group, logGroupName=name)
    found = c.logs.describe_log_groups(logGroupNamePrefix=f"{prefix}/")["logGroups"]
    c.same([one["logGroupName"] for one in found], sorted(made))


@check(
    "logs",
    "groups are found by a part of their name",
    moto=DIFFERS,
    aws=f"{GROUPS}: logGroupNamePattern is a case-sensitive substring search",
)
def _(c):
    name = log_group(c)
    part = name.removeprefix("conf-")
    found = c.logs.describe_log_groups(logGroupNamePattern=part)["logGroups"]
    c.same([one["logGroupName"] for one in found], [name])
    c.same(c.logs.describe_log_groups(logGroupNamePattern=part.upper())["logGroups"], [], "with other case")


@check(
    "logs",
    "groups are not found by prefix and part together",
    moto=DIFFERS,
    aws=f"{GROUPS}: logGroupNamePrefix and logGroupNamePattern are mutually exclusive; InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.logs.describe_log_groups,
        status=400,
        logGroupNamePrefix="a",
        logGroupNamePattern="b",
    )


@check("logs", "groups are listed in pages", aws=f"{GROUPS}: limit and nextToken; the last page has no token")
def _(c):
    prefix = c.name("prefix")
    made = [f"{prefix}-{number}" for number in range(3)]
    for name in made:
        c.logs.create_log_group(logGroupName=name)
        c.later(c.logs.delete_log_group, logGroupName=name)
    first = c.logs.describe_log_groups(logGroupNamePrefix=prefix, limit=2)
    second = c.logs.describe_log_groups(logGroupNamePrefix=prefix, limit=2, nextToken=first["nextToken"])
    c.holds("nextToken" not in second, "the last page has a token")
    c.same([one["logGroupName"] for page in (first, second) for one in page["logGroups"]], made)


@check(
    "logs", "a page has at most 50 groups", aws=f"{GROUPS}: limit is from 1 to 50; InvalidParameterException (400)"
)
def _(c):
    c.refused("InvalidParameterException", c.logs.describe_log_groups, status=400, limit=51)


@check("logs", "a retention is one of certain numbers of days", aws=f"{RETENTION}: {', '.join(map(str, DAYS))}")
def _(c):
    name = log_group(c)
    for days in DAYS:
        c.logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        c.same(described(c, name)["retentionInDays"], days)


@check(
    "logs",
    "a retention of other days is refused",
    moto=DIFFERS,
    aws=f"{RETENTION}: InvalidParameterException (400) for other values",
)
def _(c):
    name = log_group(c)
    for days in (0, 2, 8, 366, 4000):
        c.refused(
            "InvalidParameterException",
            c.logs.put_retention_policy,
            status=400,
            logGroupName=name,
            retentionInDays=days,
        )
    c.holds("retentionInDays" not in described(c, name), "a retention was set all the same")


@check(
    "logs",
    "a retention can be taken away",
    aws="CloudWatch Logs API Reference, DeleteRetentionPolicy: events then never expire",
)
def _(c):
    name = log_group(c)
    c.logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    c.logs.delete_retention_policy(logGroupName=name)
    c.holds("retentionInDays" not in described(c, name), "there is still a retention")


@check("logs", "a group's tags are made with it", aws=f"{GROUP}: tags; ListTagsForResource gives them back")
def _(c):
    name = log_group(c, tags={"Owner": "me & you", "empty": ""})
    c.same(
        c.logs.list_tags_for_resource(resourceArn=group_arn(c, name))["tags"], {"Owner": "me & you", "empty": ""}
    )


@check(
    "logs",
    "a group's tags are added, replaced and removed",
    aws="CloudWatch Logs API Reference, TagResource: a tag of the same key is replaced; UntagResource removes keys",
)
def _(c):
    arn = group_arn(c, log_group(c, tags={"a": "1"}))
    c.logs.tag_resource(resourceArn=arn, tags={"a": "2", "b": "3"})
    c.same(c.logs.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "2", "b": "3"}, "the tags")
    c.logs.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
    c.same(c.logs.list_tags_for_resource(resourceArn=arn)["tags"], {"b": "3"}, "the tags left")


@check(
    "logs",
    "a missing group has no tags",
    moto=DIFFERS,
    aws="CloudWatch Logs API Reference, ListTagsForResource: ResourceNotFoundException (400)",
)
def _(c):
    arn = group_arn(c, c.name("none"))
    c.refused("ResourceNotFoundException", c.logs.list_tags_for_resource, status=400, resourceArn=arn)
    c.refused("ResourceNotFoundException", c.logs.tag_resource, status=400, resourceArn=arn, tags={"a": "1"})


@check(
    "logs",
    "a stream is described as it was made",
    aws=f"{STREAMS}: logStreamName, arn, creationTime; no event times without events",
)
def _(c):
    name = log_group(c, "a/stream")
    [found] = c.logs.describe_log_streams(logGroupName=name)["logStreams"]
    c.same((found["logStreamName"], found["arn"]), ("a/stream", f"{group_arn(c, name)}:log-stream:a/stream"))
    c.holds(abs(found["creationTime"] - now()) < 120_000, "creationTime is not now")
    c.holds("firstEventTimestamp" not in found and "lastEventTimestamp" not in found, "it has events")


@check("logs", "a stream's name is its own", moto=DIFFERS, aws=f"{STREAM}: ResourceAlreadyExistsException (400)")
def _(c):
    c.refused(
        "ResourceAlreadyExistsException",
        c.logs.create_log_stream,
        status=400,
        logGroupName=log_group(c, "one"),
        logStreamName="one",
        message="The specified log stream already exists",
    )


@check(
    "logs",
    "a stream's name has no colon and no star",
    moto=DIFFERS,
    aws=f"{STREAM}: don't use : (colon) or * (asterisk); InvalidParameterException (400)",
)
def _(c):
    group = log_group(c)
    for name in ("a:b", "a*"):
        c.refused(
            "InvalidParameterException",
            c.logs.create_log_stream,
            status=400,
            logGroupName=group,
            logStreamName=name,
        )
    c.logs.create_log_stream(logGroupName=group, logStreamName="i-0/[$LATEST] grüße")


@check(
    "logs",
    "a missing stream is not found",
    moto=DIFFERS,
    aws="CloudWatch Logs API Reference: ResourceNotFoundException (400)",
)
def _(c):
    where = {"logGroupName": log_group(c), "logStreamName": "none"}
    says = {"status": 400, "message": "The specified log stream does not exist"}
    c.refused("ResourceNotFoundException", c.logs.delete_log_stream, **says, **where)
    c.refused("ResourceNotFoundException", c.logs.get_log_events, **says, **where)
    c.refused(
        "ResourceNotFoundException",
        c.logs.put_log_events,
        **says,
        **where,
        logEvents=[{"timestamp": now(), "message": "m"}],
    )


@check("logs", "a deleted stream is gone", aws="CloudWatch Logs API Reference, DeleteLogStream")
def _(c):
    group = log_group(c, "one", "two")
    c.logs.delete_log_stream(logGroupName=group, logStreamName="one")
    c.same(stream_names(c, group), ["two"])


@check(
    "logs",
    "streams are listed by name",
    aws=f"{STREAMS}: orderBy is LogStreamName by default; descending turns it round",
)
def _(c):
    group = log_group(c, "b", "a", "c")
    c.same(stream_names(c, group), ["a", "b", "c"])
    c.same(stream_names(c, group, descending=True), ["c", "b", "a"], "descending")


@check("logs", "streams are listed by prefix", aws=f"{STREAMS}: logStreamNamePrefix")
def _(c):
    c.same(stream_names(c, log_group(c, "i-1", "i-2", "j-1"), logStreamNamePrefix="i-"), ["i-1", "i-2"])


@check(
    "logs",
    "streams are listed by their last event",
    aws=f"{STREAMS}: orderBy LastEventTime orders by the event time, eventually",
)
def _(c):
    group = log_group(c, "a", "b", "c")
    start = now() - 60_000
    for offset, stream in enumerate(("b", "c", "a")):
        write(c, group, stream, "event", at=start + offset)
    wanted = ["a", "c", "b"]
    c.until(
        lambda: stream_names(c, group, orderBy="LastEventTime", descending=True) == wanted,
        what=f"the order {wanted}",
    )


@check(
    "logs",
    "streams by their last event have no prefix",
    aws=f"{STREAMS}: with LastEventTime logStreamNamePrefix cannot be specified; InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.logs.describe_log_streams,
        status=400,
        logGroupName=log_group(c, "a"),
        orderBy="LastEventTime",
        logStreamNamePrefix="a",
    )


@check("logs", "streams are listed in pages", aws=f"{STREAMS}: limit (1 to 50) and nextToken")
def _(c):
    group = log_group(c, "a", "b", "c")
    first = c.logs.describe_log_streams(logGroupName=group, limit=2)
    second = c.logs.describe_log_streams(logGroupName=group, limit=2, nextToken=first["nextToken"])
    c.holds("nextToken" not in second, "the last page has a token")
    c.same([one["logStreamName"] for page in (first, second) for one in page["logStreams"]], ["a", "b", "c"])
    c.refused("InvalidParameterException", c.logs.describe_log_streams, status=400, logGroupName=group, limit=51)


@check(
    "logs",
    "a stream tells the times of its events",
    aws="CloudWatch Logs API Reference, LogStream: firstEventTimestamp, lastEventTimestamp and lastIngestionTime, eventually",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 60_000
    write(c, group, "stream", "one", "two", "three", at=start, step=10)

    def told():
        [found] = c.logs.describe_log_streams(logGroupName=group)["logStreams"]
        return found if found.get("lastEventTimestamp") else None

    found = c.until(told, what="the event times")
    c.same((found["firstEventTimestamp"], found["lastEventTimestamp"]), (start, start + 20))
    c.holds(abs(found["lastIngestionTime"] - now()) < 120_000, "lastIngestionTime is not now")


@check(
    "logs",
    "streams can be asked for by the group's ARN",
    aws=f"{STREAMS}: logGroupIdentifier is the name or the ARN",
)
def _(c):
    name = log_group(c, "stream")
    found = c.logs.describe_log_streams(logGroupIdentifier=group_arn(c, name))["logStreams"]
    c.same([one["logStreamName"] for one in found], ["stream"])
