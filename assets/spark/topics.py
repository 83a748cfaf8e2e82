"""Finds topics with Spark's MLlib: the same text steps and vocabulary rules as hydrant's own engine, for data beyond one
machine. Works with Spark 3.5 and 4.

    spark-submit topics.py SETTINGS.json

SETTINGS says what to read (`tokens`, a file of documents that are tokens already, or `input`, combined hours), how
(`steps`, `stop_words`), with what (`k`, `iterations`, `seed`, `optimizer`: online or em, `weights`: counts or tfidf),
and to which folder of the driver's machine the results go (`out`). The results are plain files, which hydrant makes a
model of: `terms.csv` (each word and in how many documents it is), `topics.csv` (a row a topic, its words' weights, in
the order of `terms.csv`), `doc_topics.csv` (as hydrant writes it) and `spark.json` (all that is to be known of the fit),
which comes last: without it there is no result.

Standard output is progress, a JSON object a line: `{"stage": N, "of": N, "text": …}`.
"""
import csv
import json
import math
import os
import sys
import time
import unicodedata

import pyspark
from pyspark.ml.clustering import LDA
from pyspark.ml.feature import IDF, CountVectorizerModel, StopWordsRemover
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

STAGES = ["read", "clean", "vocabulary", "fit", "judge", "write"]
COUNTED = ["posts", "retweets", "short", "stop_words", "empty", "equal", "near", "documents", "words_dropped", "vocabulary"]
LEADING = 10
PARTS = 1_000_000
# A mark that is no letter itself belongs to the letter before it: it parts no token, and counts for no letter.
MARK = r"[\p{M}&&[^\p{IsAlphabetic}]]"
PARTING = r"[^\p{IsAlphabetic}\p{M}]+%s*|^%s+" % (MARK, MARK)


class Clock:
    """Tells which stage it is, and keeps how long each took."""

    def __init__(self):
        self.seconds, self.stage, self.since = {}, None, time.monotonic()

    def begin(self, stage, text):
        self.end()
        self.stage = stage
        print(json.dumps({"stage": STAGES.index(stage) + 1, "of": len(STAGES), "text": text}), flush=True)

    def end(self):
        now = time.monotonic()
        if self.stage is not None:
            self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + now - self.since
        self.since = now


def numbered(spark, frame):
    """Each row with its place in the input, from 0."""
    schema = T.StructType([T.StructField("place", T.LongType())] + frame.schema.fields)
    return spark.createDataFrame(frame.rdd.zipWithIndex().map(lambda pair: (pair[1], *pair[0])), schema)


def read_tokens(spark, path):
    lines = numbered(spark, spark.read.text(path))
    tokens = F.filter(F.split("value", " "), lambda token: token != "")
    return lines.select("place", tokens.alias("tokens"))


def read_posts(spark, paths):
    """The texts of combined hours, and whether each repeats another."""
    parts = []
    for path in paths:
        path = path.replace("s3://", "s3a://", 1) if path.startswith("s3://") else path
        if path.endswith(".parquet"):
            part = spark.read.parquet(path)
        else:
            part = spark.read.csv(path, header=True, multiLine=True, quote='"', escape='"', nullValue="\0")
        parts.append(part.select(F.coalesce("text", F.lit("")).alias("text"), F.col("retweeted_tweet").cast("string")))
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    return numbered(spark, whole)


def clean(posts, steps, stop_words, counts):
    """Posts as documents of tokens, one for all posts that are equal then; each step counts what it drops."""
    counts["posts"] = posts.count()
    is_retweet = F.coalesce(F.lower("retweeted_tweet"), F.lit("")).isin("yes", "true")
    if not steps["retweets"]:
        kept = posts.where(~is_retweet)
        counts["retweets"] = counts["posts"] - kept.count()
        posts = kept
    words = F.size(F.filter(F.split("text", r"(?U)\s+"), lambda word: word != ""))
    before = posts.count()
    posts = posts.where(words > steps["longer_than"])
    counts["short"] = before - posts.count()

    def in_small_letters(text):
        """Each letter with its marks as the one character that they are, if there is one; of İ, an i."""
        lower = text.lower()
        return lower if lower.isascii() else unicodedata.normalize("NFC", lower).replace("i\u0307", "i")

    posts = posts.select("place", F.udf(in_small_letters)("text").alias("small"))
    parting = "[^a-z]+" if steps["ascii"] else PARTING
    letters = lambda token: F.length(token if steps["ascii"] else F.regexp_replace(token, MARK, ""))
    tokens = F.filter(F.split("small", parting), lambda token: letters(token) >= F.lit(max(steps["letters"], 1)))
    documents = posts.select("place", tokens.alias("all_tokens"))
    remover = StopWordsRemover(inputCol="all_tokens", outputCol="tokens", stopWords=stop_words, caseSensitive=True)
    documents = remover.transform(documents)
    stopped = documents.select(F.sum(F.size("all_tokens") - F.size("tokens"))).first()[0]
    counts["stop_words"] = int(stopped or 0)
    filled = documents.where(F.size("tokens") > 0)
    left = filled.count()
    counts["empty"] = documents.count() - left
    one_each = filled.groupBy("tokens").agg(F.min("place").alias("place")).orderBy("place")
    counts["equal"] = left - one_each.count()
    return one_each.select("place", "tokens")


def vocabulary(documents, rule, count):
    """The words that count, by falling document frequency, and in how many documents each is."""
    each = documents.select(F.explode(F.array_distinct("tokens")).alias("term")).groupBy("term").agg(F.count("*").alias("df"))
    kept = each.where((F.col("df") >= rule["least"]) & (F.col("df") <= rule["most"] * count))
    rows = kept.orderBy(F.desc("df"), F.asc("term")).limit(rule["size"]).collect()
    return [row["term"] for row in rows], [row["df"] for row in rows], each.count()


def weigh(counted):
    """The documents with what their words weigh by TF-IDF, as the predecessor had it."""
    return IDF(inputCol="counts", outputCol="weighed", minDocFreq=0).fit(counted).transform(counted)


def fit(counted, settings):
    """The model, and the documents with their topics."""
    column = "counts"
    if settings["weights"] == "tfidf":
        counted, column = weigh(counted), "weighed"
    lda = LDA(
        featuresCol=column, topicDistributionCol="shares", k=settings["k"], maxIter=settings["iterations"],
        seed=settings["seed"], optimizer=settings["optimizer"],
    )
    model = lda.fit(counted)
    return model, model.transform(counted)


def millionths(shares):
    """Six places each, and together exactly 1: what rounding leaves is the largest share's."""
    whole = [int(math.floor(share * PARTS + 0.5)) for share in shares]
    largest = max(range(len(shares)), key=lambda topic: shares[topic])
    whole[largest] = max(whole[largest] + PARTS - sum(whole), 0)
    return [("%d.%06d" % divmod(part, PARTS)).rstrip("0").rstrip(".") for part in whole]


def judge(counted, tops, documents):
    """Coherence of each topic's leading words, and how many of all leading words are different ones."""
    leading = sorted({term for top in tops for term in top})

    def pairs(rows):
        met = {}
        wanted = set(leading)
        for row in rows:
            held = [int(term) for term in row[0].indices if int(term) in wanted]
            for at, one in enumerate(held):
                for other in held[at:]:
                    met[one, other] = met.get((one, other), 0) + 1
        return met.items()

    met = dict(counted.select("counts").rdd.mapPartitions(pairs).reduceByKey(lambda a, b: a + b).collect())
    coherence = []
    for top in tops:
        values = []
        for at, one in enumerate(top):
            for other in top[at + 1:]:
                both = met.get((min(one, other), max(one, other)), 0)
                apart = met.get((one, one), 0) * met.get((other, other), 0)
                if both == 0:
                    values.append(-1.0)
                elif both >= documents:
                    values.append(1.0)
                else:
                    values.append(math.log(both * documents / apart) / -math.log(both / documents))
        coherence.append(sum(values) / len(values) if values else 0.0)
    return coherence, len(leading) / max(sum(map(len, tops)), 1)


def rows(path, lines):
    """Writes a table whole or not at all."""
    with open(path + ".part", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


def run(settings):
    clock, counts = Clock(), dict.fromkeys(COUNTED, 0)
    spark = SparkSession.builder.appName("hydrant topics").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    clock.begin("read", "Spark %s on %s" % (pyspark.__version__, spark.sparkContext.master))
    if settings.get("tokens"):
        documents = read_tokens(spark, settings["tokens"]).cache()
        counts["posts"] = documents.count()
        rule = {"least": 1, "most": 1.0, "size": 1 << 30}
    else:
        posts = read_posts(spark, settings["input"]).cache()
        clock.begin("clean", "%d posts" % posts.count())
        documents = clean(posts, settings["steps"], settings["stop_words"], counts).cache()
        rule = settings["steps"]["vocabulary"]
    count = documents.count()
    if count == 0:
        raise SystemExit("nothing is left to fit: %s" % json.dumps(counts))
    clock.begin("vocabulary", "%d documents" % count)
    terms, frequencies, all_terms = vocabulary(documents, rule, count)
    if len(terms) < 2:
        raise SystemExit("%d words count in %d documents: nothing can be learned from that" % (len(terms), count))
    vectorizer = CountVectorizerModel.from_vocabulary(terms, inputCol="tokens", outputCol="counts")
    counted = vectorizer.transform(documents).select("place", "counts").cache()
    tokens = counted.rdd.map(lambda row: float(sum(row["counts"].values))).sum()
    counts.update(documents=count, vocabulary=len(terms), words_dropped=all_terms - len(terms))
    clock.begin("fit", "%d words, %d tokens, %d topics, %d iterations" % (len(terms), tokens, settings["k"], settings["iterations"]))
    model, told = fit(counted, settings)
    matrix = model.topicsMatrix().toArray().T
    matrix = matrix / matrix.sum(axis=1, keepdims=True)
    prior = [float(value) for value in model.estimatedDocConcentration().toArray()]
    told = told.select("place", "counts", "shares").cache()
    clock.begin("judge", "topics of %d documents" % count)
    # How much of all text belongs to each topic: documents count by their tokens.
    weights = told.rdd.map(lambda row: [share * float(sum(row[1].values)) for share in row[2]])
    weights = weights.reduce(lambda a, b: [x + y for x, y in zip(a, b)])
    order = sorted(range(settings["k"]), key=lambda topic: (-weights[topic], topic))
    matrix = matrix[order]
    shares = [weights[topic] / max(sum(weights), 1e-300) for topic in order]
    tops = [sorted(range(len(terms)), key=lambda term: (-row[term], term))[:LEADING] for row in matrix]
    coherence, diversity = judge(counted, tops, count)
    clock.begin("write", settings["out"])
    os.makedirs(settings["out"], exist_ok=True)
    into = lambda name: os.path.join(settings["out"], name)
    expected = [prior[topic] / sum(prior) for topic in order]

    def told_rows():
        yield ["document"] + ["topic_%d" % topic for topic in range(settings["k"])]
        for number, row in enumerate(told.orderBy("place").toLocalIterator()):
            own = [row["shares"][topic] for topic in order]
            # A document without words says nothing: what is expected of any is all that is known.
            yield [number] + millionths(own if sum(own) > 0 else expected)

    rows(into("doc_topics.csv"), told_rows())
    rows(into("terms.csv"), [["term", "document_frequency"]] + [list(pair) for pair in zip(terms, frequencies)])
    rows(into("topics.csv"), ([repr(float(weight)) for weight in row] for row in matrix))
    likelihood = float(model.logLikelihood(counted)) / max(tokens, 1.0) if settings["weights"] == "counts" else None
    clock.end()
    result = {
        "spark": pyspark.__version__, "optimizer": settings["optimizer"], "weights": settings["weights"],
        "k": settings["k"], "seed": settings["seed"], "iterations": settings["iterations"], "documents": count,
        "tokens": int(tokens), "counts": counts, "shares": shares, "prior": [prior[topic] for topic in order],
        "npmi": coherence, "diversity": diversity, "likelihood": likelihood, "seconds": clock.seconds,
    }
    with open(into("spark.json.part"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    os.replace(into("spark.json.part"), into("spark.json"))
    spark.stop()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as given:
        run(json.load(given))
