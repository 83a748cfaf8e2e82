"""CloudWatch Logs: live tail."""

from conformance.checks import DIFFERS, check
from conformance.given import account, log_group, write

TAIL = "CloudWatch Logs API Reference, StartLiveTail"


def arn(c, group):
    return f"arn:aws:logs:us-east-1:{account(c)}:log-group:{group}"


class Session:
    """A live tail; its stream ends with the check."""

    def __init__(self, c, group, **arguments):
        self.c = c
        self.stream = c.logs.start_live_tail(logGroupIdentifiers=[arn(c, group)], **arguments)["responseStream"]
        c.later(self.stream.close)
        self.frames = iter(self.stream)

    def next(self):
        return next(self.frames)

    def events(self, least, updates=20):
        """What comes in, until there are so many."""
        seen = []
        for _ in range(updates):
            update = self.next().get("sessionUpdate", {})
            seen += update.get("sessionResults", [])
            if len(seen) >= least:
                return seen
        self.c.holds(False, f"there were {len(seen)} events within {updates} updates, not {least}")


@check(
    "logs",
    "a live tail begins with its session",
    moto=DIFFERS,
    aws=f"{TAIL}: a LiveTailSessionStart first, with requestId, sessionId and the log groups",
)
def _(c):
    group = log_group(c, "stream")
    start = Session(c, group).next()["sessionStart"]
    c.holds(start["sessionId"] and start["requestId"], "no sessionId or requestId")
    c.same([group in one for one in start["logGroupIdentifiers"]], [True], "whether it is the group")


@check(
    "logs",
    "a live tail updates when nothing happens",
    aws=f"{TAIL}: a LiveTailSessionUpdate every second, empty without events",
)
def _(c):
    session = Session(c, log_group(c, "stream"))
    session.next()
    update = session.next()["sessionUpdate"]
    c.same((update["sessionResults"], update["sessionMetadata"]["sampled"]), ([], False))


@check(
    "logs",
    "a live tail shows what is written",
    moto=DIFFERS,
    aws=f"{TAIL}: sessionResults with message, timestamp, logStreamName and logGroupIdentifier",
)
def _(c):
    group = log_group(c, "stream")
    session = Session(c, group)
    session.next()
    write(c, group, "stream", "live")
    [event] = session.events(1)
    c.same((event["message"], event["logStreamName"]), ("live", "stream"))
    c.holds(event["timestamp"] and event["ingestionTime"], "no times")
    c.holds(group in event["logGroupIdentifier"], "another group")


@check(
    "logs",
    "a live tail shows nothing from before",
    moto=DIFFERS,
    aws=f"{TAIL}: events that are ingested after the session began",
)
def _(c):
    group = log_group(c, "stream")
    write(c, group, "stream", "before")
    c.until(lambda: c.logs.filter_log_events(logGroupName=group)["events"], what="the event")
    session = Session(c, group)
    session.next()
    write(c, group, "stream", "after")
    c.same([event["message"] for event in session.events(1)], ["after"])


@check("logs", "a live tail keeps to its pattern", moto=DIFFERS, aws=f"{TAIL}: logEventFilterPattern")
def _(c):
    group = log_group(c, "stream")
    session = Session(c, group, logEventFilterPattern="ERROR")
    session.next()
    write(c, group, "stream", "all is well", "ERROR one")
    c.same([event["message"] for event in session.events(1)], ["ERROR one"])


@check(
    "logs",
    "a live tail keeps to its streams",
    moto=DIFFERS,
    aws=f"{TAIL}: logStreamNames, or logStreamNamePrefixes, for one group",
)
def _(c):
    group = log_group(c, "a", "b")
    session = Session(c, group, logStreamNames=["b"])
    session.next()
    write(c, group, "a", "of a")
    write(c, group, "b", "of b")
    c.same([event["message"] for event in session.events(1)], ["of b"])


@check(
    "logs",
    "a live tail takes names of streams or prefixes, not both",
    aws=f"{TAIL}: InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.logs.start_live_tail,
        status=400,
        logGroupIdentifiers=[arn(c, log_group(c, "a"))],
        logStreamNames=["a"],
        logStreamNamePrefixes=["a"],
    )


@check("logs", "a live tail of no group is refused", moto=DIFFERS, aws=f"{TAIL}: ResourceNotFoundException (400)")
def _(c):
    c.refused(
        "ResourceNotFoundException",
        c.logs.start_live_tail,
        status=400,
        logGroupIdentifiers=[arn(c, c.name("none"))],
    )
