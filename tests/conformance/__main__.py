"""`python3 -m conformance --endpoint URL`: runs the checks and says which fail."""

import argparse
import json
import queue
import sys
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass

from conformance.checks import load
from conformance.context import Cloud, Context, Failed


@dataclass
class Result:
    check: object
    reason: str | None
    seconds: float
    left: list


def main():
    options = read_options()
    checks = [check for check in load() if is_wanted(check, options.only)]
    if not checks:
        sys.exit(f"no check is called {' or '.join(options.only)}")
    if options.list:
        for check in checks:
            print(f"{check.identity}\n    {check.aws}")
        return
    cloud = Cloud(options.endpoint)
    results = again_alone(cloud, run_all(cloud, checks, options.jobs), options.name)
    verdicts = [(result, verdict(result, options.name)) for result in results]
    for result, judged in verdicts:
        tell(result, judged, options)
    counts = Counter(judged for _, judged in verdicts)
    if options.report:
        write_report(options.report, verdicts)
    passed = counts["passed"] + counts["now passes"]
    print(f"{passed} passed, {counts['failed']} failed, {counts['differs']} differ as known")
    sys.exit(1 if counts["failed"] else 0)


def read_options():
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="where the AWS-like services are")
    parser.add_argument("--only", action="append", default=[], help="a service, or a part of a check's title")
    parser.add_argument("--jobs", type=int, default=8, help="how many checks run at once")
    parser.add_argument("--name", help="the endpoint's name (moto), for what is known to differ there")
    parser.add_argument("--report", help="a file for the results as JSON")
    parser.add_argument("--list", action="store_true", help="names the checks and runs none")
    parser.add_argument("--differences", action="store_true", help="also says how what is known to differ differs")
    return parser.parse_args()


def is_wanted(check, only):
    return not only or any(check.service == text or text.lower() in check.identity.lower() for text in only)


def run_all(cloud, checks, jobs):
    """Runs them in threads; the results are in the order of the checks."""
    waiting = queue.SimpleQueue()
    for index, check in enumerate(checks):
        waiting.put((index, check))
    results = [None] * len(checks)

    def work():
        while True:
            try:
                index, check = waiting.get_nowait()
            except queue.Empty:
                return
            results[index] = run_one(cloud, check)

    workers = [threading.Thread(target=work) for _ in range(max(1, jobs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


def again_alone(cloud, results, name):
    """Failed checks once more, each alone: some look at states that last a moment, which a busy machine misses."""
    for index, result in enumerate(results):
        if verdict(result, name) == "failed":
            print(f"again, alone: {result.check.identity}\n    {result.reason}")
            results[index] = run_one(cloud, result.check)
    return results


def run_one(cloud, check):
    context = Context(cloud)
    began = time.monotonic()
    try:
        check.function(context)
        reason = None
    except Failed as failure:
        reason = f"{failure} [{place(failure)}]"
    except Exception as error:  # noqa: BLE001 whatever goes wrong in a check is that check's failure
        reason = f"{type(error).__name__}: {error} [{place(error)}]"
    left = context.undo()
    return Result(check, reason, time.monotonic() - began, left)


def place(error):
    """The line of the check at which it went wrong."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/conformance/" in frame.filename]
    checks = [frame for frame in own if not frame.filename.endswith(("context.py", "__main__.py"))]
    frame = (checks or own or frames)[-1]
    return f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"


def verdict(result, name):
    known = result.check.differs_on(name)
    if result.reason is None:
        return "now passes" if known else "passed"
    return "differs" if known else "failed"


def tell(result, judged, options):
    if judged == "failed":
        print(f"FAILED {result.check.identity}\n    {result.reason}\n    AWS: {result.check.aws}")
    elif judged == "now passes":
        print(f"now passes: {result.check.identity}")
    elif judged == "differs" and options.differences:
        print(f"differs: {result.check.identity}\n    {result.reason}")
    for trouble in result.left:
        print(f"left behind by {result.check.identity}: {trouble}")


def write_report(path, verdicts):
    report = [
        {
            "service": result.check.service,
            "title": result.check.title,
            "aws": result.check.aws,
            "verdict": judged,
            "reason": result.reason,
            "seconds": round(result.seconds, 3),
            "left_behind": result.left,
        }
        for result, judged in verdicts
    ]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1, ensure_ascii=False)


main()
