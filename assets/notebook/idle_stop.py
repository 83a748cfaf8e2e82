#!/usr/bin/python3
"""Stops this notebook instance when nobody has worked on it for a while: a forgotten one costs money by the hour.

Work is a kernel that computes, a kernel or a terminal that was used, and the start itself. Where Jupyter does not
answer, a machine under load counts as one that works. What needs a browser open and nothing else is not work.

Arguments: the notebook's name, its region, the seconds without work after which it is stopped.
"""
import datetime
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

JUPYTER = os.environ.get("HYDRANT_JUPYTER", "https://localhost:8443")
AWS = os.environ.get("HYDRANT_AWS", "aws")
EVERY = float(os.environ.get("HYDRANT_EVERY", "60"))
BUSY_LOAD = 0.5


def ask(path):
    """What Jupyter answers; an empty list of what it does not have. Its certificate is its own."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    context = trust if JUPYTER.startswith("https") else None
    try:
        with urllib.request.urlopen(JUPYTER + path, timeout=10, context=context) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        raise


def moment(text):
    """A time as Jupyter writes it, in seconds since 1970."""
    parsed = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed.timestamp()


def last_work(now):
    """When there was work last, as far as can be seen now."""
    try:
        kernels, terminals = ask("/api/kernels"), ask("/api/terminals")
    except (OSError, ValueError) as error:
        print("Jupyter does not answer:", error, flush=True)
        return now if os.getloadavg()[0] > BUSY_LOAD else 0
    if any(kernel.get("execution_state") == "busy" for kernel in kernels):
        return now
    used = [thing.get("last_activity") for thing in kernels + terminals]
    return max((moment(text) for text in used if text), default=0)


def stop(name, region):
    command = [AWS, "sagemaker", "stop-notebook-instance", "--notebook-instance-name", name, "--region", region]
    return subprocess.run(command, check=False).returncode == 0


def main():
    name, region, idle = sys.argv[1], sys.argv[2], float(sys.argv[3])
    last = time.time()
    while True:
        now = time.time()
        last = max(last, last_work(now))
        if now - last >= idle:
            print("no work for %d s: stopping" % (now - last), flush=True)
            if stop(name, region):
                return
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
