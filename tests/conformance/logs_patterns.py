"""CloudWatch Logs: filter patterns."""

from conformance.checks import DIFFERS, check
from conformance.given import log_group, now, write

TERMS = "CloudWatch Logs User Guide, Filter pattern syntax, Match terms"
JSON = "CloudWatch Logs User Guide, Filter pattern syntax, Match terms in JSON log events"
COLUMNS = "CloudWatch Logs User Guide, Filter pattern syntax, Match terms in space-delimited log events"
REGEX = "CloudWatch Logs User Guide, Filter pattern syntax, Supported regular expressions"


def pattern(title, text, messages, matching, aws, moto=DIFFERS):
    @check("logs", f"a pattern {title}", aws=aws, moto=moto)
    def _(c):
        group = log_group(c, "stream")
        write(c, group, "stream", *messages, at=now() - 10_000)

        def found(**filtered):
            return [one["message"] for one in c.logs.filter_log_events(logGroupName=group, **filtered)["events"]]

        c.until(lambda: len(found()) == len(messages), what="all events")
        c.same(found(filterPattern=text), matching)


ERRORS = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN] all is well",
    "[error] in small letters",
]
ROWS = [
    '{"level": "error", "count": 7, "who": {"name": "a.b"}, "tags": ["x", "y"]}',
    '{"level": "warn", "count": 3, "who": {"name": "c"}, "none": null}',
    '{"level": "error", "count": 1.5, "who": {"name": "d"}, "ok": true}',
    "level error count 7",
]
LINES = [
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 200 1534',
    '127.0.0.1 - frank [10/Oct/2000:13:25:16 -0700] "GET /none.html HTTP/1.0" 404 5324',
    '10.0.0.1 - alice [10/Oct/2000:13:25:17 -0700] "PUT /index.html HTTP/1.0" 500 12',
]

pattern(
    "that is empty matches all",
    "",
    ERRORS,
    ERRORS,
    f"{TERMS}; FilterLogEvents: without a pattern all events match",
    moto=None,
)
pattern("of one term", "REQUEST", ERRORS, ERRORS[:2], f"{TERMS}: events that contain the term", moto=None)
pattern(
    "has regard to case", "ERROR", ERRORS, ERRORS[:3], f"{TERMS}: filter patterns are case sensitive", moto=None
)
pattern(
    "of two terms wants both",
    "ERROR REQUEST",
    ERRORS,
    ERRORS[:2],
    f"{TERMS}: all terms must be there, in any order",
    moto=None,
)
pattern(
    "of two terms takes them in any order",
    "REQUEST ERROR",
    ERRORS,
    ERRORS[:2],
    f"{TERMS}: all terms, in any order",
    moto=None,
)
pattern(
    "in quotes wants the exact phrase",
    '"BAD REQUEST"',
    [*ERRORS, "REQUEST BAD"],
    ERRORS[:1],
    f"{TERMS}: a phrase in double quotation marks is matched exactly",
    moto=None,
)
pattern(
    "in quotes takes other characters",
    '"[ERROR 419]"',
    ERRORS,
    ERRORS[2:3],
    f"{TERMS}: terms with other than letters, digits and underscores stand in double quotation marks",
    moto=None,
)
pattern(
    "excludes a term",
    "ERROR -REQUEST",
    ERRORS,
    ERRORS[2:3],
    f"{TERMS}: - before a term excludes events that contain it",
)
pattern("excludes two terms", "ERROR -BAD -MISSING", ERRORS, ERRORS[1:2], f"{TERMS}: each - excludes")
pattern(
    "of alternatives wants one",
    "?BAD ?MISSING",
    ERRORS,
    [ERRORS[0], ERRORS[2]],
    f"{TERMS}: ? before terms matches any of them",
)

pattern(
    "compares a JSON text",
    '{ $.level = "error" }',
    ROWS,
    [ROWS[0], ROWS[2]],
    f"{JSON}: = compares strings; other events do not match",
)
pattern(
    "compares a JSON text to differ", '{ $.level != "error" }', ROWS, [ROWS[1]], f"{JSON}: != compares strings"
)
pattern(
    "compares a JSON number", "{ $.count > 2 }", ROWS, ROWS[:2], f"{JSON}: <, >, <=, >=, = and != compare numbers"
)
pattern("reaches into JSON", '{ $.who.name = "c" }', ROWS, [ROWS[1]], f"{JSON}: properties of objects by .")
pattern(
    "takes a star in a JSON text",
    '{ $.who.name = "a*" }',
    ROWS,
    [ROWS[0]],
    f"{JSON}: * stands for any characters in a string",
)
pattern(
    "takes an element of a JSON array",
    '{ $.tags[1] = "y" }',
    ROWS,
    [ROWS[0]],
    f"{JSON}: [n] is an element of an array",
)
pattern(
    "wants two things of JSON",
    '{ $.level = "error" && $.count < 5 }',
    ROWS,
    [ROWS[2]],
    f"{JSON}: && joins conditions",
)
pattern(
    "wants one of two things of JSON",
    "{ $.count = 3 || $.count = 7 }",
    ROWS,
    ROWS[:2],
    f"{JSON}: || joins conditions",
)
pattern(
    "groups conditions",
    '{ ($.level = "warn") || ($.level = "error" && $.count > 5) }',
    ROWS,
    ROWS[:2],
    f"{JSON}: parentheses group",
)
pattern("finds null in JSON", "{ $.none IS NULL }", ROWS, [ROWS[1]], f"{JSON}: IS NULL")
pattern("finds what is missing in JSON", "{ $.ok NOT EXISTS }", ROWS, ROWS[:2], f"{JSON}: NOT EXISTS")
pattern("finds true in JSON", "{ $.ok IS TRUE }", ROWS, [ROWS[2]], f"{JSON}: IS TRUE")

pattern(
    "names columns",
    "[ip, id, user, timestamp, request, status = 404, bytes]",
    LINES,
    LINES[1:2],
    f"{COLUMNS}: a condition on a named field; brackets and quotation marks make one field",
)
pattern(
    "compares columns",
    "[ip, id, user, timestamp, request, status >= 400, bytes > 100]",
    LINES,
    LINES[1:2],
    f"{COLUMNS}: numeric comparisons",
)
pattern(
    "takes a star in a column",
    "[ip = 10.*, ...]",
    LINES,
    LINES[2:],
    f"{COLUMNS}: * in a string, and an ellipsis for the rest",
)
pattern(
    "takes an ellipsis for columns",
    "[..., status = 4*, bytes]",
    LINES,
    LINES[1:2],
    f"{COLUMNS}: an ellipsis (...) stands for fields",
)


@check(
    "logs",
    "a pattern that is none is refused",
    moto=DIFFERS,
    aws="CloudWatch Logs API Reference, FilterLogEvents: InvalidParameterException (400)",
)
def _(c):
    c.refused(
        "InvalidParameterException",
        c.logs.filter_log_events,
        status=400,
        logGroupName=log_group(c, "stream"),
        filterPattern="{ $.level = ",
    )


pattern(
    "of regular expressions",
    r"%ERROR\s4[0-9]1%",
    ERRORS,
    ERRORS[1:2],
    f"{REGEX}: a regular expression stands between percent signs",
)
