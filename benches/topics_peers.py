"""hydrant's topic models and others', side by side on the same documents: `topics_peers.py CORPUS [PEER…]`.

CORPUS is a file of what `hydrant topics fit --tokens` takes, one document a line, tokens parted by spaces, of which every
tenth document is held out; or a folder with such files, whose tokens are numbers from 0: `train.ids` to learn from,
`vocab.txt` with a line for each number, perhaps `test_a.ids` and `test_b.ids` (the halves of held-out documents: told
from, and scored) and `labels.txt` (a number for each document). Each peer runs in a process of its own, one after
another, and is scored by the same measure:

  cpu    CPU seconds of the fit, without reading documents and writing the model (hydrant: the wall time of the phases of
         its fit, or, if that is less, the CPU time of its whole process, reading and writing included)
  rate   million tokens a CPU second: tokens × passes / cpu
  peak   peak memory in MB of the whole process (MLlib: of Python alone, which is not where it works)
  gain   held-out log-likelihood a token by document completion, minus the unigram model's, in nats: shares are told
         from one half of a held-out document by EM on the model's words, and the other half is scored; words are mixed
         with one part in a hundred of the unigram model, so that nothing is impossible
  npmi   mean over topics of the coherence of their ten leading words in the training documents
  nmi    normalised mutual information (arithmetic) of each document's first topic and its label

`--evaluator SCRIPT` has the scores from another program instead: it is called with a CORPUS folder, `--topic-word` and
`--doc-topic` (files of numpy), and prints a JSON object with gain, npmi and nmi.

Needs numpy. Peers that are not installed are named and left out:
`pip install numpy scikit-learn gensim tomotopy pyspark tweetopic psutil` (MLlib needs Java, too; MALLET is not on PyPI).

  --k 20  --passes 100  --seed 1  --threads 1  --hydrant PATH (default: target/release/hydrant)  --json FILE (appended)
"""

import argparse
import csv
import json
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass


@dataclass
class Fitted:
    """What a peer found: a row a topic of words, a row a document of topics, and what it took."""

    topics: object
    shares: object
    seconds: float
    passes: int


def used():
    """CPU seconds of this process and of those under it that still run."""
    seconds = time.process_time()
    try:
        import psutil

        for child in psutil.Process().children(recursive=True):
            times = child.cpu_times()
            seconds += times.user + times.system
    except ImportError:
        pass
    return seconds


def hydrant(documents, words, options, method="lda"):
    import numpy

    with tempfile.TemporaryDirectory() as folder:
        tokens = pathlib.Path(folder, "tokens.txt")
        tokens.write_text("".join(" ".join(document) + "\n" for document in documents))
        command = [options.hydrant, "topics", "fit", "--tokens", tokens, "--model", method, "--k", options.k]
        command += ["--iterations", options.passes, "--seed", options.seed, "--threads", options.threads]
        command += ["--out", folder, "--json"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        about = json.loads(run.stdout)
        with open(pathlib.Path(folder, "topic_term_matrix.csv"), newline="") as table:
            terms = next(csv.reader(table))
            weights = numpy.loadtxt(table, delimiter=",", ndmin=2)
        shares = numpy.loadtxt(pathlib.Path(folder, "doc_topics.csv"), delimiter=",", skiprows=1, ndmin=2)[:, 1:]
    numbers = {word: number for number, word in enumerate(words)}
    topics = numpy.zeros((weights.shape[0], len(words)))
    topics[:, [numbers[term] for term in terms]] = weights
    fit = sum(about["seconds"].get(phase, 0) for phase in ("arrange", "sample", "average"))
    whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Fitted(topics, shares, min(fit, whole) if options.threads == 1 else whole, about["iterations"])


def hydrant_gsdmm(documents, words, options):
    return hydrant(documents, words, options, "gsdmm")


def hydrant_nmf(documents, words, options):
    return hydrant(documents, words, options, "nmf")


def tomotopy(documents, words, options):
    import numpy
    import tomotopy

    model = tomotopy.LDAModel(k=options.k, alpha=0.1, eta=0.01, seed=options.seed)
    model.optim_interval = 0
    for document in documents:
        if document:
            model.add_doc(document)
    model.train(0)
    began = time.process_time()
    model.train(options.passes, workers=options.threads)
    seconds = time.process_time() - began
    numbers = {word: number for number, word in enumerate(words)}
    topics = numpy.zeros((options.k, len(words)))
    columns = [numbers[word] for word in model.used_vocabs]
    for topic in range(options.k):
        topics[topic, columns] = model.get_topic_word_dist(topic)
    shares = numpy.full((len(documents), options.k), 1 / options.k)
    held = iter(model.docs)
    for number, document in enumerate(documents):
        if document:
            shares[number] = next(held).get_topic_dist()
    return Fitted(topics, shares, seconds, options.passes)


def gensim(documents, words, options):
    from gensim.models import LdaModel

    numbers = {word: number for number, word in enumerate(words)}
    bags = []
    for document in documents:
        bag = {}
        for word in document:
            bag[numbers[word]] = bag.get(numbers[word], 0) + 1
        bags.append(sorted(bag.items()))
    passes = min(options.passes, options.slow_passes)
    began = time.process_time()
    model = LdaModel(
        bags, num_topics=options.k, id2word=dict(enumerate(words)), passes=passes, alpha=[0.1] * options.k, eta=0.01,
        random_state=options.seed, eval_every=None,
    )
    seconds = time.process_time() - began
    return Fitted(model.get_topics(), model.inference(bags)[0], seconds, passes)


def counts(documents, words):
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(analyzer=lambda document: document, vocabulary=words)
    return vectorizer.transform(documents)


def sklearn_lda(documents, words, options):
    from sklearn.decomposition import LatentDirichletAllocation

    matrix = counts(documents, words)
    passes = min(options.passes, options.slow_passes)
    model = LatentDirichletAllocation(
        options.k, doc_topic_prior=0.1, topic_word_prior=0.01, learning_method="online", max_iter=passes,
        random_state=options.seed, n_jobs=options.threads,
    )
    began = time.process_time()
    model.fit(matrix)
    seconds = time.process_time() - began
    return Fitted(model.components_, model.transform(matrix), seconds, passes)


def sklearn_nmf(documents, words, options):
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfTransformer

    matrix = TfidfTransformer().fit_transform(counts(documents, words))
    model = NMF(options.k, init="nndsvd", max_iter=options.passes, random_state=options.seed)
    began = time.process_time()
    shares = model.fit_transform(matrix)
    seconds = time.process_time() - began
    return Fitted(model.components_, shares * model.components_.sum(axis=1), seconds, model.n_iter_)


def mllib(documents, words, options, optimizer, most):
    import numpy
    from pyspark.ml.clustering import LDA
    from pyspark.ml.linalg import Vectors
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master(f"local[{options.threads}]").config("spark.driver.memory", "6g")
        .config("spark.ui.enabled", "false").config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1").config("spark.log.level", "ERROR").getOrCreate()
    )
    matrix = counts(documents, words)
    matrix.sort_indices()
    ends = list(zip(matrix.indptr, matrix.indptr[1:]))
    rows = [
        (number, Vectors.sparse(len(words), matrix.indices[a:b].tolist(), matrix.data[a:b].astype(float).tolist()))
        for number, (a, b) in enumerate(ends)
    ]
    frame = session.createDataFrame(rows, ["id", "features"]).cache()
    frame.count()
    passes = min(options.passes, most)
    began = used()
    model = LDA(k=options.k, maxIter=passes, seed=options.seed, optimizer=optimizer).fit(frame)
    topics = model.topicsMatrix().toArray().T
    seconds = used() - began
    shares = numpy.zeros((len(documents), options.k))
    for row in model.transform(frame).select("id", "topicDistribution").collect():
        shares[row[0]] = row[1].toArray()
    session.stop()
    return Fitted(topics, shares, seconds, passes)


def mllib_em(documents, words, options):
    return mllib(documents, words, options, "em", options.slow_passes)


def mllib_online(documents, words, options):
    # A step looks at a twentieth of the documents.
    found = mllib(documents, words, options, "online", 20 * options.slow_passes)
    found.passes = max(1, found.passes // 20)
    return found


def tweetopic(documents, words, options):
    import numpy
    from tweetopic import DMM

    matrix = counts(documents, words)
    model = DMM(options.k, n_iterations=options.passes, alpha=0.1, beta=0.1)
    # Compiled as it is first called: that is not the fit.
    DMM(2, n_iterations=1, alpha=0.1, beta=0.1).fit(matrix[:50])
    numpy.random.seed(options.seed)
    began = time.process_time()
    model.fit(matrix)
    seconds = time.process_time() - began
    return Fitted(model.components_, model.transform(matrix), seconds, options.passes)


PEERS = {
    "hydrant-lda": hydrant,
    "hydrant-gsdmm": hydrant_gsdmm,
    "hydrant-nmf": hydrant_nmf,
    "tomotopy": tomotopy,
    "gensim": gensim,
    "sklearn-lda": sklearn_lda,
    "sklearn-nmf": sklearn_nmf,
    "mllib-em": mllib_em,
    "mllib-online": mllib_online,
    "tweetopic": tweetopic,
}
# The module that each needs; hydrant is a program.
MODULES = {
    "tomotopy": "tomotopy", "gensim": "gensim", "sklearn-lda": "sklearn", "sklearn-nmf": "sklearn",
    "mllib-em": "pyspark", "mllib-online": "pyspark", "tweetopic": "tweetopic",
}


def gain(topics, unigram, halves):
    """Document completion, and the unigram model on the same tokens."""
    import numpy

    mixed = 0.99 * topics + 0.01 * unigram
    prior = topics.shape[0] * [0.1]
    total, plain, tokens = 0.0, 0.0, 0
    for seen, unseen in halves:
        if not unseen or not seen:
            continue
        rows = mixed[:, seen]
        shares = numpy.full(topics.shape[0], 1 / topics.shape[0])
        for _ in range(50):
            parts = shares[:, None] * rows
            parts /= parts.sum(axis=0)
            shares = parts.sum(axis=1) + prior
            shares /= shares.sum()
        total += numpy.log(shares @ mixed[:, unseen]).sum()
        plain += numpy.log(unigram[unseen]).sum()
        tokens += len(unseen)
    return (total - plain) / max(tokens, 1)


def npmi(topics, documents):
    leading = [list(row.argsort()[::-1][:10]) for row in topics]
    wanted = {word for words in leading for word in words}
    holding = {word: set() for word in wanted}
    for number, document in enumerate(documents):
        for word in wanted.intersection(document):
            holding[word].add(number)
    scores = []
    for words in leading:
        for at, one in enumerate(words):
            for other in words[at + 1 :]:
                both = len(holding[one] & holding[other])
                if both == 0:
                    scores.append(-1.0)
                elif both == len(documents):
                    scores.append(1.0)
                else:
                    chance = len(holding[one]) * len(holding[other]) / len(documents)
                    scores.append(math.log(both / chance) / -math.log(both / len(documents)))
    return sum(scores) / max(len(scores), 1)


def nmi(shares, labels):
    import numpy

    topics = shares.argmax(axis=1)
    table = numpy.zeros((labels.max() + 1, topics.max() + 1))
    numpy.add.at(table, (labels, topics), 1 / len(labels))
    apart = numpy.outer(table.sum(axis=1), table.sum(axis=0))
    met = table > 0
    entropy = lambda parts: -(parts[parts > 0] * numpy.log(parts[parts > 0])).sum()
    mutual = (table[met] * numpy.log(table[met] / apart[met])).sum()
    return 2 * mutual / (entropy(table.sum(axis=1)) + entropy(table.sum(axis=0)))


@dataclass
class Corpus:
    """Documents to learn from, the words in the order of their numbers, halves of held-out documents, labels."""

    learned: list
    words: list
    halves: list
    labels: object


def read(path):
    lines = lambda file: [line.split() for line in pathlib.Path(file).read_text().splitlines()]
    if not path.is_dir():
        documents = lines(path)
        learned = [line for number, line in enumerate(documents) if number % 10]
        words = sorted({word for line in learned for word in line})
        known = set(words)
        held_out = [[word for word in line if word in known] for line in documents[::10]]
        return Corpus(learned, words, [(line[::2], line[1::2]) for line in held_out], None)
    import numpy

    words = [str(number) for number in range(len((path / "vocab.txt").read_text().splitlines()))]
    halves = []
    if (path / "test_a.ids").exists():
        halves = list(zip(lines(path / "test_a.ids"), lines(path / "test_b.ids")))
    labels = numpy.loadtxt(path / "labels.txt", dtype=int) if (path / "labels.txt").exists() else None
    return Corpus(lines(path / "train.ids"), words, halves, labels)


def scores(found, corpus, options):
    import numpy

    if options.evaluator:
        with tempfile.TemporaryDirectory() as folder:
            files = {"--topic-word": found.topics, "--doc-topic": found.shares}
            command = [sys.executable, options.evaluator, str(options.corpus)]
            for name, numbers in files.items():
                numpy.save(f"{folder}/{name}.npy", numbers)
                command += [name, f"{folder}/{name}.npy"]
            if options.once in ("hydrant-gsdmm", "tweetopic"):
                command += ["--foldin", "single"]
            return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    numbers = {word: number for number, word in enumerate(corpus.words)}
    coded = [[numbers[word] for word in line] for line in corpus.learned]
    unigram = numpy.bincount([word for line in coded for word in line], minlength=len(numbers)) + 0.5
    unigram = unigram / unigram.sum()
    halves = [[[numbers[word] for word in half] for half in both] for both in corpus.halves[:5000]]
    told = {"npmi": npmi(found.topics, coded)}
    if halves:
        told["gain"] = gain(found.topics, unigram, halves)
    if corpus.labels is not None:
        told["nmi"] = nmi(found.shares, corpus.labels)
    return told


def once(options):
    """One peer, in this process: prints its figures as JSON."""
    import numpy

    corpus = read(options.corpus)
    found = PEERS[options.once](corpus.learned, corpus.words, options)
    found.topics = numpy.array(found.topics, dtype=float)
    found.topics /= numpy.maximum(found.topics.sum(axis=1, keepdims=True), 1e-300)
    tokens = sum(map(len, corpus.learned))
    figures = {
        "peer": options.once,
        "corpus": options.corpus.name,
        "k": options.k,
        "seed": options.seed,
        "threads": options.threads,
        "topics": len(found.topics),
        "cpu": found.seconds,
        "rate": tokens * found.passes / max(found.seconds, 1e-9) / 1e6,
        "passes": int(found.passes),
        "peak": max(resource.getrusage(of).ru_maxrss for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1000,
    }
    if options.once.startswith("hydrant"):
        # The program's own, not that of what has read its tables since.
        figures["peak"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(json.dumps(figures | {name: score for name, score in scores(found, corpus, options).items() if name in SCORES}))


SCORES = ("gain", "npmi", "nmi")


def missing(peer, options):
    if peer.startswith("hydrant"):
        return None if os.access(options.hydrant, os.X_OK) else f"there is no program {options.hydrant}"
    import importlib.util

    return None if importlib.util.find_spec(MODULES[peer]) else f"{MODULES[peer]} is not installed"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("peers", nargs="*", metavar="PEER", help=" ".join(PEERS))
    for name, value in (("k", 20), ("passes", 100), ("seed", 1), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--slow-passes", type=int, default=5, help="at most so many passes of peers that take minutes")
    parser.add_argument("--hydrant", default="target/release/hydrant")
    parser.add_argument("--evaluator")
    parser.add_argument("--json")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        return once(options)
    unknown = [peer for peer in options.peers if peer not in PEERS]
    if unknown:
        parser.error(f"there is no peer {unknown[0]}: choose from {' '.join(PEERS)}")
    if options.evaluator and not options.corpus.is_dir():
        parser.error("an evaluator of its own wants a folder for CORPUS")
    print(f"{options.corpus.name}: k {options.k}, seed {options.seed}, {options.threads} threads")
    print(
        f"{'peer':<14} {'topics':>6} {'passes':>6} {'cpu s':>8} {'Mtok/s':>7} {'peak MB':>8} "
        f"{'gain':>7} {'npmi':>7} {'nmi':>7}"
    )
    for peer in options.peers or PEERS:
        lacking = missing(peer, options)
        if lacking:
            print(f"{peer:<14} left out: {lacking}")
            continue
        run = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--once", peer], stdout=subprocess.PIPE, text=True)
        if run.returncode != 0:
            print(f"{peer:<14} failed")
            continue
        found = json.loads(run.stdout.splitlines()[-1])
        told = " ".join(f"{found[name]:>7.3f}" if name in found else f"{'':>7}" for name in SCORES)
        print(
            f"{peer:<14} {found['topics']:>6} {found['passes']:>6} {found['cpu']:>8.2f} {found['rate']:>7.2f} "
            f"{found['peak']:>8.0f} {told}",
            flush=True,
        )
        if options.json:
            with open(options.json, "a") as file:
                print(json.dumps(found), file=file)


main()
