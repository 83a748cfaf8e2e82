"""Runs the script of a job where the folders of Spark's driver are nobody's: brings the script and its settings there,
runs it with its results in a passing folder, and puts these where hydrant finds them, the script's last file last.

    spark-submit elsewhere.py SCRIPT SETTINGS OUT

SCRIPT and SETTINGS are files, and OUT a folder: paths that the driver can open, or addresses that Hadoop can (`s3://…`).
Beside the results lie `progress.json`, the last line of progress that the script has told, and `failure.txt`, why it
came to no end. Works with Spark 3.5 and 4; the driver has to be a classic one, with a Java machine of its own.
"""
import json
import os
import runpy
import shutil
import sys
import tempfile
import traceback

from pyspark.sql import SparkSession

LAST = "spark.json"


class Files:
    """Files by paths and by addresses."""

    def __init__(self, spark):
        self.path = spark._jvm.org.apache.hadoop.fs.Path
        self.configuration = spark._jsc.hadoopConfiguration()

    def bring(self, address, to):
        if address.startswith("/"):
            shutil.copyfile(address, to)
        else:
            there = self.path(address)
            # Without a checksum file beside it.
            there.getFileSystem(self.configuration).copyToLocalFile(False, there, self.path("file://" + to), True)

    def put(self, path, folder, name):
        if folder.startswith("/"):
            os.makedirs(folder, exist_ok=True)
            shutil.copyfile(path, os.path.join(folder, name))
        else:
            there = self.path("%s/%s" % (folder.rstrip("/"), name))
            there.getFileSystem(self.configuration).copyFromLocalFile(False, True, self.path("file://" + path), there)


class Told:
    """Standard output, and the last line of progress in a file."""

    def __init__(self, output, tell):
        self.output, self.tell, self.rest = output, tell, ""

    def write(self, text):
        self.output.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if line.startswith('{"stage"'):
                self.tell(line)
        return len(text)

    def flush(self):
        self.output.flush()

    def __getattr__(self, name):
        return getattr(self.output, name)


def run(script, settings, out):
    spark = SparkSession.builder.appName("hydrant").getOrCreate()
    files = Files(spark)
    here = tempfile.mkdtemp(prefix="hydrant-")
    within = lambda name: os.path.join(here, name)
    files.bring(script, within("job.py"))
    files.bring(settings, within("given.json"))
    with open(within("given.json"), encoding="utf-8") as given:
        whole = json.load(given)
    whole["out"] = within("out")
    os.makedirs(whole["out"])
    with open(within("settings.json"), "w", encoding="utf-8") as own:
        json.dump(whole, own)

    def leave(name, text):
        with open(within(name), "w", encoding="utf-8") as file:
            file.write(text)
        files.put(within(name), out, name)

    # The session ends when the results are there, not when the script has done with it; where it is shared, not at all.
    SparkSession.stop = lambda self: None
    sys.argv = [within("job.py"), within("settings.json")]
    before, sys.stdout = sys.stdout, Told(sys.stdout, lambda line: leave("progress.json", line))
    try:
        runpy.run_path(within("job.py"), run_name="__main__")
    except BaseException as error:
        why = str(error) if isinstance(error, SystemExit) else traceback.format_exception_only(type(error), error)[-1]
        leave("failure.txt", why.strip())
        raise
    finally:
        sys.stdout = before
    for name in sorted(os.listdir(whole["out"]), key=lambda name: (name == LAST, name)):
        files.put(os.path.join(whole["out"], name), out, name)


if __name__ == "__main__":
    run(*sys.argv[1:4])
