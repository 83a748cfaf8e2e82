"""CloudWatch Logs: writing and reading events."""

from conformance.checks import DIFFERS, check
from conformance.given import log_group, now, write

PUT = "CloudWatch Logs API Reference, PutLogEvents"
GET = "CloudWatch Logs API Reference, GetLogEvents"
FILTER = "CloudWatch Logs API Reference, FilterLogEvents"
HOUR = 3_600_000
DAY = 24 * HOUR


def put(c, group, events, stream="stream"):
    return {
        "logGroupName": group,
        "logStreamName": stream,
        "logEvents": [{"timestamp": at, "message": message} for at, message in events],
    }


def read(c, group, **arguments):
    return [
        one["message"]
        for one in c.logs.get_log_events(logGroupName=group, logStreamName="stream", **arguments)["events"]
    ]


def found(c, group, **arguments):
    """All messages that FilterLogEvents finds, over all pages."""
    return [one["message"] for page in pages(c, group, **arguments) for one in page]


def pages(c, group, **arguments):
    result, token = [], {}
    while True:
        page = c.logs.filter_log_events(logGroupName=group, **arguments, **token)
        result.append(page["events"])
        if not page.get("nextToken"):
            return result
        token = {"nextToken": page["nextToken"]}


def expect(c, group, wanted, **arguments):
    """Events can be read soon after they are written."""
    c.until(lambda: found(c, group, **arguments) == wanted, what=f"finding {wanted}")


@check(
    "logs",
    "events are read as they were written",
    aws=f"{GET}: timestamp, message and ingestionTime of each event",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 1000
    write(c, group, "stream", "first", "zweite Zeile: größer <&>", "third\nwith a second line", at=start)
    events = c.until(
        lambda: c.logs.get_log_events(logGroupName=group, logStreamName="stream")["events"], what="events"
    )
    c.same(
        [(one["timestamp"], one["message"]) for one in events],
        [(start, "first"), (start + 1, "zweite Zeile: größer <&>"), (start + 2, "third\nwith a second line")],
    )
    c.holds(all(abs(one["ingestionTime"] - now()) < 120_000 for one in events), "an ingestionTime is not now")


@check(
    "logs",
    "events of a batch must be in order",
    aws=f"{PUT}: chronological order by timestamp; InvalidParameterException (400)",
)
def _(c):
    group = log_group(c, "stream")
    c.refused(
        "InvalidParameterException",
        c.logs.put_log_events,
        status=400,
        **put(c, group, [(now(), "later"), (now() - 1000, "earlier")]),
    )


@check(
    "logs",
    "a batch spans at most a day",
    moto=DIFFERS,
    aws=f"{PUT}: a batch cannot span more than 24 hours; InvalidParameterException (400)",
)
def _(c):
    group = log_group(c, "stream")
    c.refused(
        "InvalidParameterException",
        c.logs.put_log_events,
        status=400,
        **put(c, group, [(now() - DAY - HOUR, "yesterday"), (now(), "today")]),
    )


@check(
    "logs",
    "events from more than 14 days ago are rejected",
    moto=DIFFERS,
    aws=f"{PUT}: rejectedLogEventsInfo with tooOldLogEventEndIndex, the rest of the batch is accepted; the index is exclusive",
)
def _(c):
    group = log_group(c, "stream")
    edge = now() - 14 * DAY
    answer = c.logs.put_log_events(**put(c, group, [(edge - HOUR, "too old"), (edge + HOUR, "old")]))
    c.same(answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"], 1, "tooOldLogEventEndIndex")
    expect(c, group, ["old"], startTime=edge - DAY)


@check(
    "logs",
    "events from more than two hours ahead are rejected",
    aws=f"{PUT}: rejectedLogEventsInfo with tooNewLogEventStartIndex, which is inclusive",
)
def _(c):
    group = log_group(c, "stream")
    answer = c.logs.put_log_events(**put(c, group, [(now(), "now"), (now() + 3 * HOUR, "ahead")]))
    c.same(answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"], 1, "tooNewLogEventStartIndex")
    expect(c, group, ["now"])


@check("logs", "a good batch has no rejections", aws=f"{PUT}: rejectedLogEventsInfo only if events were rejected")
def _(c):
    c.holds(
        not write(c, log_group(c, "stream"), "stream", "one").get("rejectedLogEventsInfo"), "there are rejections"
    )


@check(
    "logs",
    "events from before the retention are rejected",
    moto=DIFFERS,
    aws=f"{PUT}: events preceding the log group's retention period are rejected",
)
def _(c):
    group = log_group(c, "stream")
    c.logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    answer = c.logs.put_log_events(**put(c, group, [(now() - 3 * DAY, "forgotten")]))
    c.holds(answer.get("rejectedLogEventsInfo"), "there are no rejections")
    c.same(found(c, group, startTime=now() - 4 * DAY), [])


@check(
    "logs",
    "a batch is at most 1 MiB",
    moto=DIFFERS,
    aws=f"{PUT}: at most 1,048,576 bytes, with 26 for each event; InvalidParameterException (400)",
)
def _(c):
    group = log_group(c, "stream")
    c.refused(
        "InvalidParameterException",
        c.logs.put_log_events,
        status=400,
        **put(c, group, [(now(), "x" * 200_000)] * 6),
    )


@check(
    "logs",
    "each event of a batch weighs 26 bytes more",
    moto=DIFFERS,
    aws=f"{PUT}: the size is the sum of all messages in UTF-8, plus 26 bytes for each event",
)
def _(c):
    group = log_group(c, "stream")
    # With 26 bytes more each, 5,000 messages of 183 bytes are 1,045,000 bytes; of 184 bytes, 1,050,000.
    c.logs.put_log_events(**put(c, group, [(now(), "x" * 183)] * 5000))
    c.refused(
        "InvalidParameterException",
        c.logs.put_log_events,
        status=400,
        **put(c, group, [(now(), "x" * 184)] * 5000),
    )


@check(
    "logs",
    "a batch has at most 10,000 events",
    moto=DIFFERS,
    aws=f"{PUT}: at most 10,000 log events in a batch; InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.logs.put_log_events,
        status=400,
        **put(c, log_group(c, "stream"), [(now(), "x")] * 10_001),
    )


@check(
    "logs",
    "a batch has at least one event",
    moto=DIFFERS,
    aws=f"{PUT}: logEvents has 1 to 10,000 items; InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.unchecked("logs").put_log_events,
        status=400,
        **put(c, log_group(c, "stream"), []),
    )


@check(
    "logs",
    "an event says something",
    moto=DIFFERS,
    aws="CloudWatch Logs API Reference, InputLogEvent: message has at least 1 character; InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.unchecked("logs").put_log_events,
        status=400,
        **put(c, log_group(c, "stream"), [(now(), "")]),
    )


@check(
    "logs",
    "sequence tokens are of no importance",
    aws=f"{PUT}: the sequence token is ignored; requests are always accepted",
)
def _(c):
    group = log_group(c, "stream")
    for text in ("one", "two"):
        c.logs.put_log_events(**put(c, group, [(now() - 1000, text)]), sequenceToken="49999")
    c.until(lambda: sorted(found(c, group)) == ["one", "two"], what="both events")


@check(
    "logs",
    "the newest events are read first, in order",
    aws=f"{GET}: startFromHead is false by default: the latest events, and each page in the order of time",
)
def _(c):
    group = log_group(c, "stream")
    write(c, group, "stream", "1", "2", "3", "4", "5")
    c.until(lambda: read(c, group, limit=2) == ["4", "5"], what="the last two events")
    c.same(read(c, group, limit=2, startFromHead=True), ["1", "2"], "from the head")


@check(
    "logs",
    "events are read page by page to the end",
    aws=f"{GET}: nextForwardToken goes on; at the end of the stream the same token is given back",
)
def _(c):
    group = log_group(c, "stream")
    write(c, group, "stream", "1", "2", "3", "4", "5")
    expect(c, group, ["1", "2", "3", "4", "5"])
    where = {"logGroupName": group, "logStreamName": "stream", "limit": 2, "startFromHead": True}
    seen, token = [], {}
    for _ in range(10):
        page = c.logs.get_log_events(**where, **token)
        c.holds(page["nextForwardToken"] and page["nextBackwardToken"], "a token is missing")
        seen += [one["message"] for one in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    c.same(seen, ["1", "2", "3", "4", "5"])


@check("logs", "events are read backwards", aws=f"{GET}: nextBackwardToken gives the events before")
def _(c):
    group = log_group(c, "stream")
    write(c, group, "stream", "1", "2", "3", "4")
    expect(c, group, ["1", "2", "3", "4"])
    where = {"logGroupName": group, "logStreamName": "stream", "limit": 2}
    last = c.logs.get_log_events(**where)
    before = c.logs.get_log_events(**where, nextToken=last["nextBackwardToken"])
    c.same([[one["message"] for one in page["events"]] for page in (last, before)], [["3", "4"], ["1", "2"]])


@check(
    "logs",
    "a token goes on when there is more",
    aws=f"{GET}: a nextForwardToken at the end finds what is written afterwards",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 10_000
    write(c, group, "stream", "1", at=start)
    expect(c, group, ["1"])
    where = {"logGroupName": group, "logStreamName": "stream", "startFromHead": True}
    token = c.logs.get_log_events(**where)["nextForwardToken"]
    write(c, group, "stream", "2", at=start + 1000)

    def more():
        return [one["message"] for one in c.logs.get_log_events(**where, nextToken=token)["events"]]

    c.same(c.until(more, what="the new event"), ["2"])


@check(
    "logs",
    "events are read from a time up to another",
    moto=DIFFERS,
    aws=f"{GET}: startTime is included, endTime is not",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 10_000
    write(c, group, "stream", "0", "1", "2", "3", at=start)
    expect(c, group, ["0", "1", "2", "3"])
    c.same(read(c, group, startTime=start + 1, endTime=start + 3), ["1", "2"])


@check(
    "logs",
    "a token that is none is refused",
    aws=f"{GET}: InvalidParameterException (400) for a nextToken that is not valid",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.logs.get_log_events,
        status=400,
        logGroupName=log_group(c, "stream"),
        logStreamName="stream",
        nextToken="nonsense",
    )


@check(
    "logs",
    "found events say where they are from",
    aws=f"{FILTER}: logStreamName, timestamp, message, ingestionTime and eventId of each event",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 1000
    write(c, group, "stream", "one", at=start)
    expect(c, group, ["one"])
    [event] = c.logs.filter_log_events(logGroupName=group)["events"]
    c.same((event["logStreamName"], event["timestamp"], event["message"]), ("stream", start, "one"))
    c.holds(event["eventId"] and event["ingestionTime"], "no eventId or ingestionTime")


@check(
    "logs",
    "events are found in the order of time, over all streams",
    moto=DIFFERS,
    aws=f"{FILTER}: events are sorted by timestamp; interleaved is ignored and taken as true",
)
def _(c):
    group = log_group(c, "a", "b")
    start = now() - 10_000
    write(c, group, "a", "0", "2", "4", at=start, step=20)
    write(c, group, "b", "1", "3", at=start + 10, step=20)
    expect(c, group, ["0", "1", "2", "3", "4"])


@check(
    "logs",
    "pages of found events neither repeat nor skip",
    moto=DIFFERS,
    aws=f"{FILTER}: limit and nextToken; pages may be empty before the last",
)
def _(c):
    group = log_group(c, "a", "b")
    start = now() - 10_000
    write(c, group, "a", "0", "2", "4", at=start, step=20)
    write(c, group, "b", "1", "3", at=start + 10, step=20)
    expect(c, group, ["0", "1", "2", "3", "4"])
    result = pages(c, group, limit=2)
    c.holds(all(len(page) <= 2 for page in result), "a page has more than its limit")
    c.same([one["message"] for page in result for one in page], ["0", "1", "2", "3", "4"])


@check(
    "logs",
    "each event has an id that stays",
    aws="CloudWatch Logs API Reference, FilteredLogEvent: eventId is the ID of the log event",
)
def _(c):
    group = log_group(c, "stream")
    at = now() - 1000
    write(c, group, "stream", "same", "same", at=at, step=0)
    expect(c, group, ["same", "same"])
    ids = [one["eventId"] for one in c.logs.filter_log_events(logGroupName=group)["events"]]
    c.same(len(set(ids)), 2, "the number of different ids")
    again = [one["eventId"] for one in c.logs.filter_log_events(logGroupName=group, startTime=at)["events"]]
    c.same(again, ids, "the ids of a second look")


@check(
    "logs",
    "events are found from a time up to another",
    aws=f"{FILTER}: events before startTime and events later than endTime are not returned",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 10_000
    write(c, group, "stream", "0", "1", "2", "3", at=start)
    expect(c, group, ["0", "1", "2", "3"])
    c.same(found(c, group, startTime=start + 1, endTime=start + 2), ["1", "2"])


@check(
    "logs",
    "events of certain streams are found",
    moto=DIFFERS,
    aws=f"{FILTER}: logStreamNames, or logStreamNamePrefix",
)
def _(c):
    group = log_group(c, "i-1", "i-2", "j-1")
    start = now() - 10_000
    for offset, stream in enumerate(("i-1", "i-2", "j-1")):
        write(c, group, stream, stream, at=start + offset)
    expect(c, group, ["i-1", "i-2", "j-1"])
    c.same(found(c, group, logStreamNames=["i-2", "j-1"]), ["i-2", "j-1"], "by names")
    c.same(found(c, group, logStreamNamePrefix="i-"), ["i-1", "i-2"], "by prefix")


@check(
    "logs",
    "streams are named or begin alike, not both",
    moto=DIFFERS,
    aws=f"{FILTER}: logStreamNames with logStreamNamePrefix is an InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.logs.filter_log_events,
        status=400,
        logGroupName=log_group(c, "a"),
        logStreamNames=["a"],
        logStreamNamePrefix="a",
    )


@check(
    "logs",
    "the newest events can be found first",
    moto=DIFFERS,
    aws=f"{FILTER}: startFromHead false returns the latest events first",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 10_000
    write(c, group, "stream", "0", "1", "2", at=start)
    expect(c, group, ["0", "1", "2"])
    c.same(found(c, group, startFromHead=False, startTime=start, endTime=start + 1000), ["2", "1", "0"])


@check(
    "logs",
    "late events are found in their place",
    aws=f"{FILTER}: events are sorted by timestamp, whenever they were ingested",
)
def _(c):
    group = log_group(c, "stream")
    start = now() - 100_000
    write(c, group, "stream", "second", at=start + 1000)
    write(c, group, "stream", "first", at=start)
    expect(c, group, ["first", "second"])
