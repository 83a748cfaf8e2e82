"""Where Spark begins to pay: `combine` by hydrant itself and by Spark on this machine, over made lakes of growing size.

    python3 benches/spark_crossing.py FOLDER [--hydrant PROGRAM] [--submit PROGRAM] [--millions 1,4,16]

Makes lakes of so many million rows in FOLDER (and uses them again), combines each to Parquet by both, and prints wall
time, CPU seconds and peak memory of all processes together, Java and Pythons too. `--submit` is a spark-submit with
PySpark 3.5; the Python beside it is taken for its workers. Then what the two lines of time against rows say: from how
many rows Spark is faster here, if ever.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

WORDS = (
    "telescope launch orbit rover crew station matter light shuttle probe lander image dust ring moon rocket engine booster "
    "sample return window delay nebula galaxy comet asteroid payload astronaut capsule saturn jupiter neptune"
).split()
FILES, ROWS = 58, 1500


def make(folder, hours):
    """Hours of a lake as the predecessor wrote them, half a kilobyte a row."""
    if os.path.exists(os.path.join(folder, "whole")):
        return
    rng, number = random.Random(1), 0
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(3, 45))) for _ in range(20_000)]
    for hour in range(hours):
        day, of_day = 1 + hour // 24, hour % 24
        into = os.path.join(folder, "2021/12/%02d/%02d" % (day, of_day))
        os.makedirs(into, exist_ok=True)
        for file in range(FILES):
            rows = []
            for _ in range(ROWS):
                number += 1
                fields = [str(1_477_000_000_000_000_000 + number * 4001)] + ["None"] * 52
                fields[12] = "Wed Dec %02d %02d:%02d:%02d +0000 2021" % (day, of_day, file, number % 60)
                fields[13] = '<a href="http://example.org/download" rel="nofollow">Web App</a>'
                fields[16] = "Web App"
                fields[33:44] = ["Ann", "user_%d" % (number % 50_021), str(number % 90_001), str(number % 500), "2",
                                 str(number % 7001), str(number % 40_009), "False", "False", "False", "Sat Nov 27 20:38:14 +0000 2010"]
                fields[45] = "yes" if number % 3 == 0 else "no"
                fields[52] = texts[number * 7919 % len(texts)]
                rows.append("\t".join(fields) + "\t\n")
            with open(os.path.join(into, "stream-1-2021-12-%02d-%02d-%02d-00-%032x" % (day, of_day, file, number)), "w") as out:
                out.write("".join(rows))
    with open(os.path.join(folder, "whole"), "w"):
        pass


def tree(root):
    """All processes that descend from one."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as stat:
                    parents[int(name)] = int(stat.read().rpartition(") ")[2].split()[1])
            except OSError:
                pass
    family, grown = {root}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return family


def measured(command, env):
    """Wall seconds, CPU seconds, and peak megabytes of a command and all that it starts; what it answered."""
    began, before = time.time(), os.times()
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    peak, over = [0], threading.Event()

    def watch():
        while not over.wait(0.1):
            total = 0
            for process in tree(running.pid):
                try:
                    # What processes share is counted once among them.
                    with open("/proc/%d/smaps_rollup" % process) as maps:
                        total += next(int(line.split()[1]) for line in maps if line.startswith("Pss:"))
                except (OSError, StopIteration):
                    pass
            peak[0] = max(peak[0], total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out = running.stdout.read().decode()
    code = running.wait()
    over.set()
    watcher.join()
    after = os.times()
    if code:
        sys.exit("%s ended with %d" % (" ".join(command), code))
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.time() - began, cpu, peak[0] / 1000, json.loads(out.strip().splitlines()[-1])


def main():
    given = argparse.ArgumentParser()
    given.add_argument("folder")
    given.add_argument("--hydrant", default="target/release/hydrant")
    given.add_argument("--submit", default="spark-submit")
    given.add_argument("--millions", default="1,4,16")
    given = given.parse_args()
    env = dict(os.environ, HYDRANT_SPARK_SUBMIT=given.submit, HOME=given.folder, SPARK_DRIVER_MEMORY=os.environ.get("SPARK_DRIVER_MEMORY", "4g"))
    python = os.path.join(os.path.dirname(given.submit), "python")
    if os.path.exists(python):
        env["PYSPARK_PYTHON"] = python
    lines = {"local": [], "spark": []}
    for millions in map(int, given.millions.split(",")):
        lake = os.path.join(given.folder, "lake-%d" % millions)
        make(lake, -(-millions * 1_000_000 // (FILES * ROWS)))
        for engine in lines:
            to = os.path.join(given.folder, "out")
            shutil.rmtree(to, ignore_errors=True)
            command = [given.hydrant, "combine", "--from", lake, "--to", to, "--engine", engine, "--json"]
            wall, cpu, peak, done = measured(command, env)
            lines[engine].append((done["rows_in"], wall))
            print("%2d million rows  %-5s  %7.1f s wall  %7.1f CPU s  %6.0f MB peak  %9d rows out"
                  % (millions, engine, wall, cpu, peak, done["rows_out"]), flush=True)
            shutil.rmtree(to, ignore_errors=True)
    if len(lines["local"]) > 1:
        (local_start, local_each), (spark_start, spark_each) = (line(points) for points in lines.values())
        print("hydrant: %.1f s and %.2f s a million rows; Spark here: %.1f s and %.2f s" % (local_start, local_each * 1e6, spark_start, spark_each * 1e6))
        if spark_each >= local_each:
            # Cores are what Spark can be given more of: so many as these would do a million rows in the same time.
            print("Spark on this machine is never faster; it takes %.0f times its cores to keep step" % (spark_each / max(local_each, 1e-12)))
        else:
            print("Spark is faster from %.1f million rows" % ((spark_start - local_start) / (local_each - spark_each) / 1e6))


def line(points):
    """Where the straight line through the first and the last point starts, and how steep it is."""
    (first, one), (last, other) = points[0], points[-1]
    each = (other - one) / (last - first)
    return one - first * each, each


if __name__ == "__main__":
    main()
