"""hydrant's topic models and others', side by side on the same documents: `topics_peers.py TOKENS [PEER…]`.

TOKENS is what `hydrant topics fit --tokens` takes: one document a line, tokens parted by spaces. Every tenth document
is held out. Each peer runs in a process of its own, one after another, and is scored by the same measure:

  cpu    CPU seconds of the fit, without reading documents and writing the model (hydrant: of its phases, by wall time
         on `--threads`; on one thread that is CPU time, if nothing else runs)
  rate   million tokens a CPU second: tokens × passes / cpu
  peak   peak memory of the whole process
  gain   held-out log-likelihood a token by document completion, minus the unigram model's, in nats: shares are told
         from every other token of a held-out document by EM on the model's words, and the tokens between are scored;
         words are mixed with one part in a hundred of the unigram model, so that nothing is impossible
  npmi   mean over topics of the coherence of their ten leading words in the training documents

Needs numpy. Peers that are not installed are named and left out: `pip install numpy scikit-learn gensim tomotopy`.

  --k 20  --passes 100  --seed 1  --threads 1  --hydrant PATH (default: target/release/hydrant)
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time


def hydrant(documents, words, options, method="lda"):
    with tempfile.TemporaryDirectory() as folder:
        tokens = pathlib.Path(folder, "tokens.txt")
        tokens.write_text("".join(" ".join(document) + "\n" for document in documents))
        command = [options.hydrant, "topics", "fit", "--tokens", tokens, "--model", method, "--k", options.k]
        command += ["--iterations", options.passes, "--seed", options.seed, "--threads", options.threads]
        command += ["--out", folder, "--json"]
        run = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
        about = json.loads(run.stdout)
        lines = pathlib.Path(folder, "topic_term_matrix.csv").read_text().splitlines()
    import csv

    import numpy

    terms = next(csv.reader(lines[:1]))
    weights = numpy.loadtxt(lines[1:], delimiter=",", ndmin=2)
    numbers = {word: number for number, word in enumerate(words)}
    topics = numpy.zeros((weights.shape[0], len(words)))
    topics[:, [numbers[term] for term in terms]] = weights
    seconds = sum(about["seconds"].get(phase, 0) for phase in ("arrange", "sample", "average"))
    return topics, seconds, about["iterations"]


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
    return topics, seconds, options.passes


def gensim(documents, words, options):
    from gensim.models import LdaModel

    numbers = {word: number for number, word in enumerate(words)}
    bags = []
    for document in documents:
        bag = {}
        for word in document:
            bag[numbers[word]] = bag.get(numbers[word], 0) + 1
        bags.append(sorted(bag.items()))
    passes = min(options.passes, 5)
    began = time.process_time()
    model = LdaModel(
        bags, num_topics=options.k, id2word=dict(enumerate(words)), passes=passes, alpha=[0.1] * options.k, eta=0.01,
        random_state=options.seed, eval_every=None,
    )
    return model.get_topics(), time.process_time() - began, passes


def counts(documents, words):
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(analyzer=lambda document: document, vocabulary=words)
    return vectorizer.transform(documents)


def sklearn_lda(documents, words, options):
    from sklearn.decomposition import LatentDirichletAllocation

    matrix = counts(documents, words)
    passes = min(options.passes, 5)
    model = LatentDirichletAllocation(
        options.k, doc_topic_prior=0.1, topic_word_prior=0.01, learning_method="online", max_iter=passes,
        random_state=options.seed, n_jobs=options.threads,
    )
    began = time.process_time()
    model.fit(matrix)
    return model.components_, time.process_time() - began, passes


def sklearn_nmf(documents, words, options):
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfTransformer

    matrix = TfidfTransformer().fit_transform(counts(documents, words))
    model = NMF(options.k, init="nndsvd", max_iter=options.passes, random_state=options.seed)
    began = time.process_time()
    model.fit(matrix)
    return model.components_, time.process_time() - began, model.n_iter_


PEERS = {
    "hydrant-lda": hydrant,
    "hydrant-gsdmm": hydrant_gsdmm,
    "hydrant-nmf": hydrant_nmf,
    "tomotopy": tomotopy,
    "gensim": gensim,
    "sklearn-lda": sklearn_lda,
    "sklearn-nmf": sklearn_nmf,
}
# The module that each needs; hydrant is a program.
MODULES = {"tomotopy": "tomotopy", "gensim": "gensim", "sklearn-lda": "sklearn", "sklearn-nmf": "sklearn"}


def gain(topics, unigram, held_out):
    """Document completion, and the unigram model on the same tokens."""
    import numpy

    mixed = 0.99 * topics + 0.01 * unigram
    prior = topics.shape[0] * [0.1]
    total, plain, tokens = 0.0, 0.0, 0
    for document in held_out:
        seen, unseen = document[::2], document[1::2]
        if not unseen:
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


def once(peer, options):
    """One peer, in this process: prints its figures as JSON."""
    import numpy

    lines = [line.split() for line in pathlib.Path(options.tokens).read_text().splitlines()]
    learned = [line for number, line in enumerate(lines) if number % 10]
    words = sorted({word for line in learned for word in line})
    numbers = {word: number for number, word in enumerate(words)}
    topics, seconds, passes = PEERS[peer](learned, words, options)
    topics = numpy.asarray(topics, dtype=float)
    topics /= numpy.maximum(topics.sum(axis=1, keepdims=True), 1e-300)
    coded = [[numbers[word] for word in line] for line in learned]
    unigram = numpy.bincount([word for line in coded for word in line], minlength=len(words)) + 0.5
    unigram = unigram / unigram.sum()
    held_out = [[numbers[word] for word in line if word in numbers] for line in lines[::10]]
    tokens = sum(map(len, learned))
    figures = {
        "topics": len(topics),
        "cpu": seconds,
        "rate": tokens * passes / max(seconds, 1e-9) / 1e6,
        "passes": int(passes),
        "gain": gain(topics, unigram, held_out[:5000]),
        "npmi": npmi(topics, coded),
    }
    print(json.dumps(figures))


def missing(peer, options):
    if peer.startswith("hydrant"):
        return None if os.access(options.hydrant, os.X_OK) else f"there is no program {options.hydrant}"
    import importlib.util

    return None if importlib.util.find_spec(MODULES[peer]) else f"{MODULES[peer]} is not installed"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens")
    parser.add_argument("peers", nargs="*", metavar="PEER", help=" ".join(PEERS))
    for name, value in (("k", 20), ("passes", 100), ("seed", 1), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--hydrant", default="target/release/hydrant")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        return once(options.once, options)
    unknown = [peer for peer in options.peers if peer not in PEERS]
    if unknown:
        parser.error(f"there is no peer {unknown[0]}: choose from {' '.join(PEERS)}")
    print(f"{options.tokens}: k {options.k}, seed {options.seed}, {options.threads} threads")
    print(f"{'peer':<14} {'topics':>6} {'passes':>6} {'cpu s':>8} {'Mtok/s':>7} {'peak MB':>8} {'gain':>7} {'npmi':>7}")
    for peer in options.peers or PEERS:
        lacking = missing(peer, options)
        if lacking:
            print(f"{peer:<14} left out: {lacking}")
            continue
        command = [sys.executable, __file__, *sys.argv[1:], "--once", peer]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        answer = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            print(f"{peer:<14} failed")
            continue
        found = json.loads(answer)
        print(
            f"{peer:<14} {found['topics']:>6} {found['passes']:>6} {found['cpu']:>8.2f} {found['rate']:>7.2f} "
            f"{used.ru_maxrss / 1000:>8.0f} {found['gain']:>7.3f} {found['npmi']:>7.3f}",
            flush=True,
        )


main()
