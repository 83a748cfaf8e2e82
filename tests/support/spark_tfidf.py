"""Spark's own TF-IDF of a few texts: the values that `topics::vocabulary` is held to.

usage: spark_tfidf.py     (needs pyspark and Java)

Prints a line for each word of each document: document, word, weight."""
from pyspark.ml.feature import IDF, CountVectorizer
from pyspark.sql import SparkSession

TEXTS = [
    "rocket launch rocket delayed",
    "launch window telescope",
    "telescope image galaxy telescope galaxy telescope",
    "galaxy rocket",
    "launch",
]

session = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
)
rows = session.createDataFrame([(i, t.split()) for i, t in enumerate(TEXTS)], ["document", "tokens"])
counter = CountVectorizer(inputCol="tokens", outputCol="counts", vocabSize=262144, minDF=1.0).fit(rows)
counted = counter.transform(rows)
weighed = IDF(inputCol="counts", outputCol="weights", minDocFreq=0).fit(counted).transform(counted)
for row in sorted(weighed.collect(), key=lambda row: row["document"]):
    for word, weight in sorted((counter.vocabulary[i], w) for i, w in zip(row["weights"].indices, row["weights"].values)):
        print(row["document"], word, repr(float(weight)))
session.stop()
