"""What words weigh by TF-IDF in the Spark job: the script's own steps, up to where MLlib takes the weights.

usage: spark-submit spark_weights.py topics.py SETTINGS.json OUT

Writes a line for each word of each document: document, word, weight."""
import importlib.util
import json
import sys

from pyspark.ml.feature import CountVectorizerModel
from pyspark.sql import SparkSession

script, settings, out = sys.argv[1:4]
spec = importlib.util.spec_from_file_location("topics", script)
topics = importlib.util.module_from_spec(spec)
spec.loader.exec_module(topics)
with open(settings, encoding="utf-8") as file:
    settings = json.load(file)
spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
counts = dict.fromkeys(topics.COUNTED, 0)
documents = topics.clean(topics.read_posts(spark, settings["input"]), settings["steps"], settings["stop_words"], counts).cache()
terms, _, _ = topics.vocabulary(documents, settings["steps"]["vocabulary"], documents.count())
counted = CountVectorizerModel.from_vocabulary(terms, inputCol="tokens", outputCol="counts").transform(documents)
with open(out, "w", encoding="utf-8") as file:
    for number, row in enumerate(topics.weigh(counted).orderBy("place").collect()):
        for term, weight in zip(row["weighed"].indices, row["weighed"].values):
            print(number, terms[term], repr(float(weight)), file=file)
spark.stop()
