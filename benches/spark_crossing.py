"""Where Spark begins to pay: the same work by hydrant itself and by Spark on this machine, over made data of growing size.

    python3 benches/spark_crossing.py FOLDER [--work combine|fit] [--hydrant PROGRAM] [--submit PROGRAM] [--millions 1,4,16]

`combine` makes hours of a lake in FOLDER (and uses them again): a million rows are written, each with a text of its own,
and more hours are the same files once more by hard links, so that sixteen million take the disk of one; they are read
from the page cache then, by both. `fit` is of combined hours that hydrant has made of such a lake without links (posts
that say the same would be folded), with what each engine takes for granted and 20 topics.

Prints wall time, CPU seconds and peak memory of all processes together, Java and Pythons too, and each size as a row of
`assets/spark/measured.toml`. `--submit` is a spark-submit with PySpark 3.5; the Python beside it is taken for its
workers. CPU seconds count for the advice: they hold on a machine that has other work, too.
"""
import argparse
import bisect
import ctypes
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

FILES, ROWS = 58, 1500
HOUR = FILES * ROWS
# Words as a language has them: few often, many seldom (Zipf), and some that go together.
WORDS, SUBJECTS, OF_SUBJECT = 20_000, 40, 300


def spelled(number):
    """A word of letters for a number, at least three long."""
    letters = ""
    number += 500
    while number:
        number, letter = divmod(number, 21)
        letters += "bcdfghjklmnpqrstvwxyz"[letter] + "aeiou"[letter % 5]
    return letters


class Texts:
    """Texts of 3 to 45 words, each about one of some subjects, no two the same."""

    def __init__(self):
        self.rng = random.Random(1)
        self.words = [spelled(number) for number in range(WORDS)]
        self.sums = list(itertools.accumulate(1 / (rank + 10) for rank in range(WORDS)))
        self.subjects = [self.rng.sample(self.words, OF_SUBJECT) for _ in range(SUBJECTS)]

    def one(self):
        rng, subject = self.rng, self.rng.choice(self.subjects)
        words = []
        for _ in range(rng.randint(3, 45)):
            if rng.random() < 0.6:
                # The first of a subject's words more often than its last.
                words.append(subject[int(OF_SUBJECT * rng.random() ** 2)])
            else:
                words.append(self.words[bisect.bisect(self.sums, rng.random() * self.sums[-1])])
        return " ".join(words)


def place(folder, hour):
    day, of_day = 1 + hour // 24, hour % 24
    return os.path.join(folder, "2021/12/%02d/%02d" % (day, of_day)), day, of_day


def make(folder, hours, distinct):
    """Hours of a lake as the predecessor wrote them, half a kilobyte a row; from `distinct` on by hard links."""
    if os.path.exists(os.path.join(folder, "whole")):
        return
    texts, number = Texts(), 0
    for hour in range(hours):
        into, day, of_day = place(folder, hour)
        os.makedirs(into, exist_ok=True)
        if hour >= distinct:
            of = place(folder, hour % distinct)[0]
            for name in sorted(os.listdir(of)):
                os.link(os.path.join(of, name), os.path.join(into, name))
            continue
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
                fields[52] = texts.one()
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


def adopt():
    """Whatever loses its parent becomes a child of this process, so that its CPU time is counted, too."""
    subreaper = 36
    ctypes.CDLL(None).prctl(subreaper, 1, 0, 0, 0)


def measured(command, env):
    """Wall seconds, CPU seconds, and peak megabytes of a command and all that it starts; what it answered."""
    began, before = time.time(), os.times()
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    peak, over, said = [0], threading.Event(), []

    def watch():
        while not over.wait(0.2):
            total = 0
            for process in tree(running.pid):
                try:
                    # What processes share is counted once among them.
                    with open("/proc/%d/smaps_rollup" % process) as maps:
                        total += next(int(line.split()[1]) for line in maps if line.startswith("Pss:"))
                except (OSError, StopIteration):
                    pass
            peak[0] = max(peak[0], total)

    threads = [threading.Thread(target=watch), threading.Thread(target=lambda: said.append(running.stderr.read().decode()))]
    for thread in threads:
        thread.start()
    out = running.stdout.read().decode()
    code = running.wait()
    wall = time.time() - began
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass
    over.set()
    for thread in threads:
        thread.join()
    after = os.times()
    if code:
        sys.exit("%s ended with %d: %s" % (" ".join(command), code, said[0][-2000:]))
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, peak[0] / 1000, json.loads(out.strip().splitlines()[-1])


def weight(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(path) for name in names if name != "whole")


def main():
    given = argparse.ArgumentParser()
    given.add_argument("folder")
    given.add_argument("--work", choices=["combine", "fit"], default="combine")
    given.add_argument("--hydrant", default="target/release/hydrant")
    given.add_argument("--submit", default="spark-submit")
    given.add_argument("--millions", default="1,4,16")
    given.add_argument("--engines", default="local,spark")
    given = given.parse_args()
    adopt()
    env = dict(os.environ, HYDRANT_SPARK_SUBMIT=given.submit, HOME=given.folder, SPARK_DRIVER_MEMORY=os.environ.get("SPARK_DRIVER_MEMORY", "4g"))
    python = os.path.join(os.path.dirname(given.submit), "python")
    if os.path.exists(python):
        env["PYSPARK_PYTHON"] = python
    points = []
    for millions in map(float, given.millions.split(",")):
        hours = -(-int(millions * 1_000_000) // HOUR)
        if given.work == "combine":
            once = -(-1_000_000 // HOUR)
            source = os.path.join(given.folder, "lake-%g" % millions)
            make(source, hours, min(hours, once))
            work = ["combine", "--from", source]
        else:
            source = os.path.join(given.folder, "hours-%g" % millions)
            if not os.path.exists(source):
                lake = os.path.join(given.folder, "passing")
                make(lake, hours, hours)
                subprocess.run([given.hydrant, "combine", "--from", lake, "--to", source], check=True, env=env, stdout=subprocess.DEVNULL)
                shutil.rmtree(lake)
            source = os.path.join(source, "parquet")
            work = ["topics", "fit", "--input", source, "--model", "lda", "--k", "20"]
        point = {"rows": hours * HOUR, "bytes": weight(source)}
        for engine in given.engines.split(","):
            to = os.path.join(given.folder, "out")
            shutil.rmtree(to, ignore_errors=True)
            command = [given.hydrant, *work, "--to" if given.work == "combine" else "--out", to, "--engine", engine, "--json"]
            load = os.getloadavg()[0]
            wall, cpu, peak, done = measured(command, env)
            name = "here" if engine == "local" else engine
            point.update({name + "_s": round(wall, 1), name + "_cpu_s": round(cpu, 1), name + "_mb": round(peak)})
            about = "%d rows out" % done["rows_out"] if given.work == "combine" else "%d documents, %d tokens, %d iterations, coherence %.3f" % (
                done["documents"], done["tokens"], done["iterations"], done["coherence_npmi"])
            print("%s of %4g million rows  %-5s  %7.1f s wall  %7.1f CPU s  %6.0f MB peak  %s  (load before: %.1f)"
                  % (given.work, millions, engine, wall, cpu, peak, about, load), flush=True)
            shutil.rmtree(to, ignore_errors=True)
        points.append(point)
        print("[[%s]]\n%s" % (given.work, "\n".join("%s = %s" % pair for pair in point.items())), flush=True)
    if len(points) > 1 and "spark_cpu_s" in points[0] and "here_cpu_s" in points[0]:
        (here_start, here_each), (spark_start, spark_each) = (line(points, name) for name in ("here_cpu_s", "spark_cpu_s"))
        print("hydrant: %.1f CPU s and %.2f a million rows; Spark: %.1f and %.2f: it takes %.1f times the cores to keep step"
              % (here_start, here_each * 1e6, spark_start, spark_each * 1e6, spark_each / max(here_each, 1e-12)))


def line(points, name):
    """Where the straight line through the first and the last point starts, and how steep it is."""
    first, last = points[0], points[-1]
    each = (last[name] - first[name]) / (last["rows"] - first["rows"])
    return first[name] - first["rows"] * each, each


if __name__ == "__main__":
    main()
