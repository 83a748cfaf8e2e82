"""Combines hours with Spark, for data beyond one machine: the same rows, values, order, quarantine and lists as
hydrant's own engine. Works with Spark 3.5 and 4.

    spark-submit combine.py SETTINGS.json

SETTINGS says which hours (`hours`: each with its `files` in order and the `outputs` to make, relative to `results`),
what is wanted of them (`formats`, `columns`, `unwanted`, `append`), where what is not done yet may lie (`passing`), and
where on the driver's machine the answer goes (`out`): `spark.json`, which comes last. An hour's manifest is the last of
its files, and makes it complete, whoever is still there to read the answer. Without a file that was combined before
(`had`), an hour is not combined: the result that is there has more in it.

A line is a record of tab-parted columns, or it is malformed, or it begins with a brace: those are read by hydrant itself
(`reader`, a program that the executors can run), which knows every shape that posts have. Where there is none, an hour
that holds such lines is left alone and named, with the reason.

Standard output is progress, a JSON object a line: `{"stage": N, "of": N, "text": …}`.
"""
import base64
import bz2
import datetime
import json
import os
import re
import subprocess
import sys
import zlib

import pyspark
from pyspark import StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

STAGES = ["read", "repetitions", "rows", "lists", "quarantine", "place"]
KEPT, MALFORMED, UNWANTED, DAMAGE, ENDS, BLOCKED = range(6)
MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
USUAL = re.compile(r"... (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d\d) (\d\d):(\d\d):(\d\d) \+0000 (\d{4})", re.ASCII)
ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:(Z|z)|([+-])(\d\d)(?::?(\d\d))?)", re.ASCII
)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)
EPOCH = datetime.datetime(1970, 1, 1)
ABSENT = ("", "None")


class Blocked(Exception):
    """An hour that cannot be done here, and why."""


def tell(stage, text):
    print(json.dumps({"stage": STAGES.index(stage) + 1, "of": len(STAGES), "text": text}), flush=True)


# --- Files and lines


def unpack(content):
    """The bytes of a file, how it is packed, and what is wrong with that."""
    if content[:2] == b"\x1f\x8b":
        return members(content, lambda: zlib.decompressobj(31), "gzip")
    if content[:3] == b"BZh" and content[3:4] in b"123456789" and len(content) > 3:
        return members(content, bz2.BZ2Decompressor, "bzip2")
    if content[:4] == b"\x28\xb5\x2f\xfd":
        try:
            import zstandard
        except ImportError:
            raise Blocked("it is packed with zstd, which Python reads with the package `zstandard` alone") from None
        return members(content, lambda: zstandard.ZstdDecompressor().decompressobj(), "zstd")
    return content, "plain", None


def members(content, decoder, encoding):
    """One packed stream behind another."""
    parts, fault = [], None
    while content and fault is None:
        one = decoder()
        for at in range(0, len(content), 1 << 16):
            try:
                parts.append(one.decompress(content[at:at + (1 << 16)]))
            except Exception as error:  # each kind of packing has its own
                fault = "it is not good %s: %s" % (encoding, error)
                break
            if one.eof:
                content = one.unused_data + content[at + (1 << 16):]
                break
        else:
            fault = "it is not good %s: it is cut off" % encoding
    return b"".join(parts), encoding, fault


def lines_of(content):
    lines = content.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


def fields_in(line):
    tabs = line.count(b"\t")
    return tabs if line.endswith(b"\t") else tabs + 1


def read_by_hydrant(reader, lines):
    """What lines are that begin with a brace: for each a list of its rows, or of how many fields it has and why it is none."""
    if not lines:
        return []
    if not reader:
        raise Blocked("it holds lines of JSON, which only hydrant itself reads, and the executors have none (`reader`)")
    done = subprocess.run([reader, "lake", "lines"], input=b"".join(line + b"\n" for line in lines), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(answer) for answer in done.stdout.splitlines()]
    if len(answers) != len(lines):
        raise RuntimeError("%d answers for %d lines" % (len(answers), len(lines)))
    return answers


def take_apart(content, damage, settings):
    """Each line that is not empty: its number, its bytes, how long it is, and what it is (see `read_by_hydrant`)."""
    count, longest = settings["count"], settings["longest"]
    found, braced = [], []
    lines = lines_of(content)
    broken = len(lines) if damage and not content.endswith(b"\n") else None
    for number, line in enumerate(lines, 1):
        if number == broken:
            # However whole it looks, what was to follow is not known.
            answer = {"fields": fields_in(line[:longest]), "why": "its file breaks off in it"}
            found.append([number, line[:longest], len(line), [answer]])
            continue
        if line in (b"", b"\r"):
            continue
        bare = line[:-1] if line.endswith(b"\r") else line
        answer = None
        if len(line) > longest:
            answer = {"fields": 0, "why": "it has %d bytes, more than any record (%d)" % (len(line), longest)}
        elif b"\0" in bare or b"\r" in bare:
            at = min(place for place in (bare.find(b"\0"), bare.find(b"\r")) if place >= 0)
            what = "NUL" if bare[at] == 0 else "a carriage return within the line"
            answer = {"fields": fields_in(bare), "why": "byte %d is %s" % (at, what)}
        else:
            try:
                text = bare.decode("utf-8")
            except UnicodeDecodeError as error:
                answer = {"fields": fields_in(bare), "why": "byte %d is not UTF-8" % error.start}
            else:
                fields = text.split("\t")
                if len(fields) == count + 1 and not fields[-1]:
                    answer = {"row": fields[:-1]}
                elif bare.lstrip(b" \t\n\x0c\r").startswith(b"{"):
                    braced.append((len(found), bare))
                elif len(fields) == count and fields[-1]:
                    answer = {"row": fields}
                else:
                    has = fields_in(bare)
                    answer = {"fields": has, "why": "it has %d fields, not %d" % (has, count)}
        found.append([number, line[:longest], len(line), [answer]])
    for (place, _), answer in zip(braced, read_by_hydrant(settings.get("reader"), [line for _, line in braced])):
        found[place][3] = answer
    return found


# --- Values


def milliseconds(field):
    """Of a time since 1970; `None` if there is none, and `False` if it is no time."""
    usual = USUAL.fullmatch(field)
    try:
        if usual:
            month, day, hour, minute, second, year = usual.groups()
            at = datetime.datetime(int(year), MONTHS[month], int(day), int(hour), int(minute), int(second))
            return (at - EPOCH) // datetime.timedelta(milliseconds=1)
        if field in ABSENT:
            return None
        iso = ISO.fullmatch(field)
        if iso:
            year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = iso.groups()
            at = datetime.datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59))
            away = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
            at += -away if sign == "+" else away
            return (at - EPOCH) // datetime.timedelta(milliseconds=1) + int((fraction or "").ljust(3, "0")[:3] or 0)
        at = datetime.datetime.strptime(field, "%a %b %d %H:%M:%S %z %Y")
        if at.strftime("%a") != field[:3]:
            return False
        return int(at.timestamp()) * 1000
    except (ValueError, OverflowError):
        return False


def written_time(at):
    moment = EPOCH + datetime.timedelta(milliseconds=at)
    fraction = ".%06d" % moment.microsecond if moment.microsecond else ""
    return "%04d-%02d-%02d %02d:%02d:%02d%s+00:00" % (*moment.timetuple()[:6], fraction)


def quoted(field):
    """A field of CSV, in quotes only where it must be."""
    if "," in field or '"' in field or "\n" in field or "\r" in field:
        return '"%s"' % field.replace('"', '""')
    return field


def typed(kind, value):
    """What a typed column holds of a field, and whether the field is something else."""
    if kind == "text":
        return value, False
    if value in ABSENT:
        return None, False
    if kind == "optional":
        return value, False
    if kind == "flag":
        flag = {"True": True, "true": True, "False": False, "false": False}.get(value)
        return flag, flag is None
    if kind == "whole" and WHOLE.fullmatch(value) and -(1 << 63) <= int(value) < 1 << 63:
        return int(value), False
    if kind == "decimal" and DECIMAL.fullmatch(value):
        return float(value), False
    return None, True


class Unwanted:
    """Finds unwanted words, in lower case: anywhere, or where they stand alone."""

    def __init__(self, unwanted):
        self.words = unwanted["words"]
        self.anywhere = re.compile("|".join(map(re.escape, self.words))) if self.words else None
        self.alone = unwanted["match"] == "word"
        self.of_word = bytearray(0x110000) if self.alone and self.words else b""
        for first, last in unwanted["word_characters"] if self.of_word else []:
            self.of_word[first:last + 1] = b"\1" * (last + 1 - first)

    def is_in(self, text):
        if self.anywhere is None:
            return False
        text = text.lower()
        if not self.anywhere.search(text):
            return False
        return not self.alone or any(self.stands_alone(word, text) for word in self.words)

    def stands_alone(self, word, text):
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            before = at > 0 and self.joins(text[at - 1], word[0])
            after = end < len(text) and self.joins(word[-1], text[end])
            if not before and not after:
                return True
            at = text.find(word, at + 1)
        return False

    def joins(self, left, right):
        return self.of_word[ord(left)] and self.of_word[ord(right)]


# --- One file, on an executor


def nothing(columns):
    return (None,) * columns


class Taker:
    """Makes rows of files. `where` tells of a file's address which hour's it is and its place there."""

    def __init__(self, settings, where):
        self.settings, self.where = settings, where

    def __call__(self, files):
        settings = self.settings
        self.unwanted = Unwanted(settings["unwanted"])
        self.names = settings["names"]
        self.id, self.text = self.names.index("id"), self.names.index("text")
        self.times = [self.names.index(name) for name in ("created_at", "user_joined")]
        self.columns = [(self.names.index(column["name"]), column["type"]) for column in settings["columns"]]
        self.appended = [self.names.index(name) for name in settings["append"]]
        self.csv, self.parquet = "csv" in settings["formats"], "parquet" in settings["formats"]
        for path, content in files:
            hour, number = self.where[plain(path)]
            file = settings["hours"][hour]["files"][number]
            try:
                yield from self.file(hour, number, file, bytes(content))
            except Blocked as why:
                note = json.dumps({"blocked": "%s: %s" % (file["key"], why)})
                yield (hour, number, 0, BLOCKED, None, note, None, None, None, None, None) + nothing(len(self.columns))

    def file(self, hour, number, file, content):
        content, encoding, damage = unpack(content)
        row, none = 0, nothing(len(self.columns))
        name, key = file["name"], file["key"]
        for line_number, line, length, answers in take_apart(content, damage, self.settings):
            for answer in answers:
                fields, why = answer.get("row"), answer.get("why")
                stamps = () if fields is None else [milliseconds(fields[place]) for place in self.times]
                unreadable = [place for place, stamp in zip(self.times, stamps) if stamp is False]
                if unreadable:
                    why = "%s is not a time" % self.names[unreadable[0]]
                count = answer.get("fields", self.settings["count"])
                if why is not None:
                    note = {"file": key, "line": line_number, "reason": why}
                    try:
                        note["row"] = line.decode("utf-8")
                    except UnicodeDecodeError:
                        note["row_base64"] = base64.b64encode(line).decode("ascii")
                    if length > len(line):
                        note["length"] = length
                    yield (hour, number, row, MALFORMED, None, written(note), length, count, True, None, None) + none
                elif self.unwanted.is_in(fields[self.text]):
                    yield (hour, number, row, UNWANTED, None, None, length, count, False, None, None) + none
                else:
                    yield self.kept(hour, number, row, length, count, name, fields, stamps)
                row += 1
        last = content.count(b"\n") + (1 if content and not content.endswith(b"\n") else 0)
        if damage:
            note = written({"file": key, "line": last + 1, "reason": "from here on, %s" % damage})
            yield (hour, number, row, DAMAGE, None, note, None, None, None, None, None) + none
        note = json.dumps({"encoding": encoding, "damage": damage})
        yield (hour, number, row, ENDS, None, note, None, None, None, None, None) + none

    def kept(self, hour, number, row, length, count, name, fields, stamps):
        text = fields[self.text]
        for place in self.appended:
            for word in fields[place].split("|"):
                if word not in ABSENT:
                    text += word if not text or text.endswith(" ") else " " + word
        stamp_of = dict(zip(self.times, stamps))
        ident = fields[self.id] if fields[self.id] not in ABSENT else None
        line, values, misfits = None, nothing(len(self.columns)), None
        if self.csv:
            cells = []
            for place, kind in self.columns:
                if kind == "time":
                    stamp = stamp_of[place]
                    cells.append("" if stamp is None else written_time(stamp))
                else:
                    cells.append(quoted(text if place == self.text else fields[place]))
            cells.append(quoted(name))
            line = ",".join(cells)
        if self.parquet:
            values = []
            for at, (place, kind) in enumerate(self.columns):
                if kind == "time":
                    values.append(stamp_of[place])
                    continue
                value, misfit = typed(kind, text if place == self.text else fields[place])
                values.append(value)
                if misfit:
                    misfits = (misfits or []) + [at]
            values = tuple(values)
        return (hour, number, row, KEPT, ident, None, length, count, False, line, misfits) + values


def written(note):
    return json.dumps(note, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def plain(path):
    """A path without what file systems put before it: `file:///a` and `file:/a` are `/a`; buckets have one scheme."""
    if path.startswith("file:"):
        return "/" + path[5:].lstrip("/")
    return re.sub(r"^s3[an]?://", "s3://", path)


def fuller(about, went):
    """Why an hour's result is left as it is, when so many files of it went."""
    return (
        "%d %s that it was combined of went meanwhile: the result is left as it is; "
        "`hydrant combine --again --since %s --until %s` combines what is left"
    ) % (went, "file" if went == 1 else "files", about["name"], about["name"])


# --- The whole, on the driver


class Store:
    """The file system that the results lie in, by Hadoop's eyes."""

    def __init__(self, spark, address):
        self.jvm, self.conf = spark._jvm, spark._jsc.hadoopConfiguration()
        self.path = self.jvm.org.apache.hadoop.fs.Path
        self.system = self.path(address).getFileSystem(self.conf)

    def exists(self, path):
        return self.system.exists(self.path(path))

    def files(self, folder):
        if not self.exists(folder):
            return []
        found = [status.getPath().toString() for status in self.system.listStatus(self.path(folder))]
        return [path for path in found if os.path.basename(path).startswith("part-")]

    def move(self, path, to):
        self.system.mkdirs(self.path(to).getParent())
        if not self.system.rename(self.path(path), self.path(to)):
            raise RuntimeError("%s cannot be moved to %s" % (path, to))

    def write(self, path, text):
        out = self.system.create(self.path(path), True)
        try:
            out.write(bytearray(text.encode("utf-8")))
        finally:
            out.close()

    def remove(self, path):
        self.system.delete(self.path(path), True)


def session():
    builder = SparkSession.builder.appName("hydrant combine").config("spark.sql.session.timeZone", "UTC")
    builder = builder.config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MILLIS")
    builder = builder.config("spark.sql.parquet.compression.codec", "zstd").config("spark.sql.adaptive.enabled", "true")
    # Without the sums that Hadoop lays beside local files, and without a mark that the folder of a job is whole.
    builder = builder.config("spark.hadoop.fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
    builder = builder.config("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    return spark


class Combine:
    def __init__(self, spark, settings):
        self.spark, self.settings, self.hours = spark, settings, settings["hours"]
        self.store = Store(spark, settings["results"])
        self.moved = []
        spark_types = {
            "text": T.StringType(), "optional": T.StringType(), "whole": T.LongType(), "decimal": T.DoubleType(),
            "flag": T.BooleanType(), "time": T.LongType(),
        }
        self.schema = T.StructType(
            [T.StructField(name, kind) for name, kind in [
                ("hour", T.IntegerType()), ("file", T.IntegerType()), ("row", T.LongType()), ("kind", T.IntegerType()),
                ("ident", T.StringType()), ("note", T.StringType()), ("length", T.LongType()), ("fields", T.LongType()),
                ("malformed", T.BooleanType()), ("line", T.StringType()), ("misfits", T.ArrayType(T.IntegerType())),
            ]]
            + [T.StructField("c%d" % at, spark_types[column["type"]]) for at, column in enumerate(settings["columns"])]
        )

    def read(self):
        """Every line as a row, which files are gone, and what is known of those that need not be read."""
        where, urls, gone, notes = {}, [], set(), {}
        for hour, about in enumerate(self.hours):
            for number, file in enumerate(about["files"]):
                if file["bytes"] == 0:
                    # Spark passes over files without content.
                    notes[hour, number] = {"encoding": "plain", "damage": None}
                elif self.store.exists(file["url"]):
                    where[plain(file["url"])] = (hour, number)
                    urls.append(file["url"])
                else:
                    gone.add((hour, number))
        if urls:
            # What would be taken for a pattern is meant as it stands.
            paths = [re.sub(r"([{}\[\]*?\\])", r"\\\1", url) for url in urls]
            files = self.spark.read.format("binaryFile").load(paths).select("path", "content").rdd
            # Several files for each task, and several tasks for each core.
            tasks = min(len(urls), max(4 * self.spark.sparkContext.defaultParallelism, len(urls) // 64))
            files = files.map(tuple) if files.getNumPartitions() >= tasks else files.map(tuple).repartition(tasks)
            rows = files.mapPartitions(Taker(self.settings, where))
        else:
            rows = self.spark.sparkContext.emptyRDD()
        parsed = self.spark.createDataFrame(rows, self.schema, verifySchema=False)
        return parsed.persist(StorageLevel.MEMORY_AND_DISK), gone, notes

    def lay(self, frame, name, columns, text=False):
        """Writes rows with one file for each hour, in their order, to be placed later."""
        ordered = frame.repartition(max(len(self.hours), 1), "hour").sortWithinPartitions("hour", "file", "row")
        writer = ordered.select(F.col("hour").alias("at"), *columns).write.partitionBy("at").mode("overwrite")
        folder = "%s/%s" % (self.settings["passing"], name)
        writer.option("lineSep", "\n").text(folder) if text else writer.parquet(folder)

    def headed(self, frame, header):
        """Lines of CSV with the header before each hour's."""
        heads = [(hour, -1, -1, header) for hour in range(len(self.hours))]
        schema = "hour int, file int, row long, line string"
        return frame.union(self.spark.createDataFrame(heads, schema))

    def empty(self, name, columns):
        """A Parquet file without rows, for hours that have none."""
        folder = "%s/%s" % (self.settings["passing"], name)
        # As many as are needed, each a file of its own.
        nothing_at_all = self.spark.createDataFrame([], columns)
        for hour in range(len(self.hours)):
            target = "%s/at=%d" % (folder, hour)
            if not self.store.files(target):
                nothing_at_all.coalesce(1).write.mode("overwrite").parquet(target)

    def place(self, hour, name, kind, done, keys):
        files = self.store.files("%s/%s/at=%d" % (self.settings["passing"], name, hour))
        if not files:
            return
        if len(files) != 1:
            raise RuntimeError("%d files for one hour" % len(files))
        target = self.target(keys[kind]["key"])
        self.moved.append(target)
        self.store.move(files[0], target)
        done.append((kind, keys[kind]))

    def target(self, key):
        return "%s/%s" % (self.settings["results"].rstrip("/"), key)

    def source(self, file, note, of, number):
        """A source file, as manifests name it."""
        rows = [of.get((number, kind), 0) for kind in (KEPT, MALFORMED, UNWANTED)]
        source = {"key": file["key"], "etag": file["etag"], "bytes": file["bytes"], "encoding": note["encoding"]}
        source.update(rows=sum(rows), malformed=rows[1])
        if note["damage"]:
            source["damage"] = note["damage"]
        return source

    def manifest(self, about, sources, counts, not_typed, outputs):
        """Writes the manifest, whose name says how many rows there are, and sums the sources up."""
        there = {source["key"] for source in sources}
        sum_of_sources = sum(int(file["print"], 16) for file in about["files"] if file["key"] in there) % (1 << 64)
        key = about["manifest"].replace("{rows}", str(counts["rows_out"])).replace("{print}", "%016x" % sum_of_sources)
        said = self.settings["manifest"]
        whole = {
            "hydrant": said["hydrant"], "hour": about["name"], "combined_at": about["combined_at"], "sources": sources,
            "counts": counts, "columns": [column["name"] for column in self.settings["columns"]],
            "unwanted": said["unwanted"], "appended": said["appended"], "not_typed": not_typed, "outputs": outputs,
        }
        passing = "%s/manifest" % self.settings["passing"]
        self.store.write(passing, json.dumps(whole, indent=2, ensure_ascii=False))
        target = self.target(key)
        self.moved.append(target)
        self.store.move(passing, target)

    def run(self):
        settings = self.settings
        files = sum(len(hour["files"]) for hour in self.hours)
        tell("read", "%d files of %d hours, Spark %s on %s" % (files, len(self.hours), pyspark.__version__, self.spark.sparkContext.master))
        parsed, gone, notes = self.read()
        for row in parsed.where(F.col("kind") >= ENDS).select("hour", "file", "note").collect():
            notes[row["hour"], row["file"]] = json.loads(row["note"])
        failed = {}
        for hour, about in enumerate(self.hours):
            went = [file for number, file in enumerate(about["files"]) if file.get("had") and (hour, number) in gone]
            if went:
                failed[hour] = fuller(about, len(went))
            for number, file in enumerate(about["files"]):
                note = notes.get((hour, number))
                if (hour, number) not in gone and note is None:
                    failed.setdefault(hour, "%s was not read" % file["key"])
                elif note and "blocked" in note:
                    failed.setdefault(hour, note["blocked"])
        good = parsed if not failed else parsed.where(~F.col("hour").isin(list(failed)))
        tell("repetitions", "%d files read" % len(notes))
        candidates = good.where((F.col("kind") == KEPT) & F.col("ident").isNotNull()).select("hour", "file", "row", "ident")
        first = candidates.groupBy("hour", "ident").agg(F.count("*").alias("times"), F.min(F.struct("file", "row")).alias("first"))
        repeated = candidates.join(first.where("times > 1"), ["hour", "ident"]).where(F.struct("file", "row") != F.col("first"))
        repeated = repeated.select("hour", "file", "row").persist(StorageLevel.MEMORY_AND_DISK)
        duplicates = {row["hour"]: row["count"] for row in repeated.groupBy("hour").count().collect()}
        kept = good.where(F.col("kind") == KEPT)
        if duplicates:
            kept = kept.join(repeated, ["hour", "file", "row"], "left_anti")
        sums = good.where(F.col("kind") <= UNWANTED).groupBy("hour", "file", "kind").count().collect()
        misfits = kept.where(F.col("misfits").isNotNull()).select("hour", F.explode("misfits").alias("at")).groupBy("hour", "at").count().collect()
        tell("rows", "%d lines" % sum(row["count"] for row in sums))
        names = self.spark.createDataFrame(
            [(hour, number, file["name"]) for hour, about in enumerate(self.hours) for number, file in enumerate(about["files"])],
            "hour int, file int, file_name string",
        )
        rows = kept.join(F.broadcast(names), ["hour", "file"])
        csv, parquet = "csv" in settings["formats"], "parquet" in settings["formats"]
        columns = settings["columns"]
        if csv:
            header = ",".join([column["name"] for column in columns] + ["file_name"])
            lines = kept.select("hour", "file", "row", "line")
            self.lay(self.headed(lines, header), "csv", ["line"], text=True)
        if parquet:
            shown = [
                (F.timestamp_millis("c%d" % at) if column["type"] == "time" else F.col("c%d" % at)).alias(column["name"])
                for at, column in enumerate(columns)
            ] + [F.col("file_name")]
            self.lay(rows, "parquet", shown)
            self.empty("parquet", rows.select(*shown).schema)
        tell("lists", "of all lines")
        self.lists(good.where(F.col("kind") <= UNWANTED).join(F.broadcast(names), ["hour", "file"]), csv, parquet)
        tell("quarantine", "%d malformed" % sum(row["count"] for row in sums if row["kind"] == MALFORMED))
        away = good.where(F.col("kind").isin([MALFORMED, DAMAGE])).select("hour", "file", "row", F.col("note").alias("line"))
        self.lay(away, "quarantine", ["line"], text=True)
        tell("place", settings["results"])
        self.answer(failed, gone, notes, sums, duplicates, misfits)

    def lists(self, raw, csv, parquet):
        """The lists of raw rows."""
        when = [T.StructField("hour", T.IntegerType())] + [T.StructField("file_" + part, T.LongType()) for part in ("year", "month", "day", "hour")]
        times = []
        for at, hour in enumerate(self.hours):
            stamp = hour["hour"]
            times.append((at, int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]), int(stamp[8:10])))
        raw = raw.join(F.broadcast(self.spark.createDataFrame(times, T.StructType(when))), "hour")
        columns = [
            F.col("file").cast("long").alias("file_number"), "file_name", F.col("length").alias("encoded_length"),
            F.col("row").alias("values_index"), F.col("fields").alias("len_values"), F.col("malformed").alias("malformed_values"),
            "file_year", "file_month", "file_day", "file_hour",
        ]
        header = ["file_number", "file_name", "encoded_length", "values_index", "len_values", "malformed_values",
                  "file_year", "file_month", "file_day", "file_hour"]
        if csv:
            must = F.col("file_name").rlike('[,"\\n\\r]')
            name = F.when(must, F.concat(F.lit('"'), F.replace("file_name", F.lit('"'), F.lit('""')), F.lit('"'))).otherwise(F.col("file_name"))
            flag = F.when(F.col("malformed"), "True").otherwise("False")
            line = F.concat_ws(
                ",", F.col("file").cast("string"), name, "length", "row", "fields", flag, "file_year",
                *[F.lpad(F.col(column).cast("string"), 2, "0") for column in ("file_month", "file_day", "file_hour")],
            )
            lines = raw.select("hour", "file", "row", line.alias("line"))
            self.lay(self.headed(lines, ",".join(header)), "metadata", ["line"], text=True)
        if parquet:
            self.lay(raw, "metadata_parquet", columns)
            self.empty("metadata_parquet", raw.select(*columns).schema)

    def answer(self, failed, gone, notes, sums, duplicates, misfits):
        """Places the results and says what they are. What fails takes all of them with it."""
        answers = []
        try:
            for hour, about in enumerate(self.hours):
                if hour in failed:
                    answers.append({"hour": about["name"], "failed": failed[hour]})
                    continue
                done = []
                for name, kind in [("quarantine", "quarantine"), ("metadata", "metadata"), ("csv", "csv"),
                                   ("metadata_parquet", "metadata_parquet"), ("parquet", "parquet")]:
                    self.place(hour, name, kind, done, about["outputs"])
                of = {(row["file"], row["kind"]): row["count"] for row in sums if row["hour"] == hour}
                total = lambda kind: sum(count for (_, one), count in of.items() if one == kind)
                again = duplicates.get(hour, 0)
                there = [number for number in range(len(about["files"])) if (hour, number) not in gone]
                counts = {
                    "files": len(there), "bytes_in": sum(about["files"][number]["bytes"] for number in there),
                    "rows_in": total(KEPT) + total(MALFORMED) + total(UNWANTED), "rows_out": total(KEPT) - again,
                    "malformed": total(MALFORMED), "unwanted": total(UNWANTED), "duplicates": again,
                }
                sources = [self.source(about["files"][number], notes[hour, number], of, number) for number in there]
                not_typed = {self.settings["columns"][row["at"]]["name"]: row["count"] for row in misfits if row["hour"] == hour}
                self.manifest(about, sources, counts, dict(sorted(not_typed.items())), [key["full"] for _, key in done])
                answers.append({
                    "hour": about["name"], "counts": counts, "vanished": len(about["files"]) - len(there),
                    "outputs": [key["full"] for kind, key in done if kind in ("csv", "parquet")],
                    "beside": [key["full"] for kind, key in done if kind not in ("csv", "parquet")],
                    "damaged": ["%s: %s" % (one["key"], one["damage"]) for one in sources if "damage" in one],
                })
            path = os.path.join(self.settings["out"], "spark.json")
            os.makedirs(self.settings["out"], exist_ok=True)
            with open(path + ".part", "w", encoding="utf-8") as file:
                json.dump({"spark": pyspark.__version__, "hours": answers}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(path + ".part", path)
        except BaseException:
            for target in self.moved:
                self.store.remove(target)
            raise


def main(path):
    with open(path, encoding="utf-8") as given:
        settings = json.load(given)
    spark = session()
    combine = Combine(spark, settings)
    try:
        combine.run()
    finally:
        combine.store.remove(settings["passing"])
        spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
