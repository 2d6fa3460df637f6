"""playmask, as it is used."""

import sys
import time
from functools import cache
from pathlib import Path

from worker import latencies, launched, peak, read_json, serve

ORDERS = {"unilm": {"mask": "unilm"}, "gpt2": {}, "t5": {}}


@cache
def model(path: str, **options):
    """A checkpoint, loaded once."""
    import playmask

    return playmask.load(path, **options)


@cache
def task(path: str, dtype: str | None = None):
    """A saved task, loaded once."""
    import playmask

    return playmask.load_task(path, dtype=dtype)


def fine_tune(case):
    """Fine-tune a classifier of pairs; the second of two epochs is timed.

    The pairs are one of so many shares of an epoch. What is prepared for a training depends on how
    long it is, so it is told that of three whole epochs, and stopped.
    """
    import playmask  # first: it chooses the backend
    from playmask.checkpoints.load import policy_of

    import keras  # isort: skip

    keras.config.set_dtype_policy(policy_of(case.get("dtype", "float32")))
    pairs = [tuple(pair) for pair in read_json(case["pairs"])]
    body = playmask.load(case["path"], heads=("pool",))
    made = playmask.TextClassifier.new(
        body, ["0", "1"], max_length=case["length"], pooling="pooled"
    )
    seen = first_vectors(made, pairs)
    clock = Epochs()

    def run():
        made.fit(
            pairs, epochs=max(3 * case["shares"], 2), batch_size=case["batch"],
            learning_rate=2e-5, callbacks=[clock.callback()], verbose=0,
        )  # fmt: skip
        return {"seconds": clock.last, "cold": clock.first, "outputs": seen}

    return run


class Epochs:
    """The seconds of the first epoch and of the second, which is the last."""

    def callback(self):
        """What Keras calls."""
        import keras

        marks = []

        def end(epoch, logs):
            marks.append(time.perf_counter())
            self.last = marks[-1] - marks[-2]
            self.first = marks[1] - marks[0]
            callback.model.stop_training = epoch == 1

        callback = keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: marks.append(time.perf_counter()), on_epoch_end=end
        )
        return callback


def first_vectors(made, pairs):
    """The last layer's first vector of four pairs: what must be equal before anything is timed."""
    import numpy as np

    from playmask.runtime.predictor import Predictor

    body = made.transformer
    run = Predictor(
        made.network,
        limits=made.predictor.limits,
        maximum=made.settings.max_length,
        function=lambda inputs: {"first": body(inputs)["hidden"][:, 0]},
    )
    rows = [made.row(tuple(pair[:2])) for pair in pairs[:4]]
    return np.stack([out["first"] for out in run(rows)])[:, :16].astype("float64").tolist()


def classify(case):
    """Label many texts."""
    made, texts = task(case["task"], case.get("dtype")), read_json(case["texts"])

    def run():
        found = made.predict(texts)
        return {"outputs": [answer.probabilities["1"] for answer in found[:64]]}

    return run


def encode(case):
    """The vectors of many texts."""
    made, texts = task(case["task"]), read_json(case["texts"])

    def run():
        return {"outputs": made.encode(texts)[:64].astype("float64").tolist()}

    return run


def rerank(case):
    """Order passages by how relevant they are to the beginning of another one."""
    made, (query, *passages) = task(case["task"]), read_json(case["texts"])
    query = query[:12]

    def run():
        found = {each.number: each.score for each in made.rerank(query, passages)}
        return {"outputs": [found[i] for i in range(len(passages))]}

    return run


def latency(case):
    """Label single texts."""
    made, texts = task(case["task"]), read_json(case["texts"])

    def run():
        taken = latencies(made.predict, texts, case["threads"], case["calls"])
        return {"latencies": taken, "outputs": [made.predict(texts[0]).probabilities["1"]]}

    return run


def tag(case):
    """Find mentions in many texts."""
    made, texts = task(case["task"]), read_json(case["texts"])
    return lambda: {"outputs": [], "found": sum(map(len, made.predict(texts)))}


relate = tag


def tokenize(case):
    """Ids of many texts."""
    import playmask

    words, texts = playmask.Tokenizer.load(case["path"]), read_json(case["texts"])
    return lambda: {
        "outputs": [e.ids for e in words.encode(texts, max_length=case["length"])][:200]
    }


def generate(case):
    """Generate as the case says."""
    import playmask

    loaded = model(case["path"], dtype=case["dtype"], **ORDERS[case["kind"]])
    beams = case["beams"]
    search = playmask.Greedy() if beams == 1 else playmask.Beams(beams, length_penalty=1.0)

    def run():
        made = playmask.generate(
            loaded,
            case["prompts"],
            max_tokens=case["new"],
            end=None,
            search=search,
            batch_size=len(case["prompts"]),
        )
        return {"tokens": [texts[0] for texts in made.tokens]}

    return run


def steps(case):
    """Training steps, or forward passes, of random texts of one length."""
    import numpy as np

    import playmask
    from playmask.checkpoints.load import policy_of
    from playmask.model.products import PRODUCTS
    from playmask.runtime.compiled import Compiled
    from playmask.tasks.classification.classify import TextClassifier
    from playmask.tokenizers import Tokenizer

    import keras  # isort: skip

    half = PRODUCTS if case["device"] == "cpu" else "mixed_bfloat16"
    keras.config.set_dtype_policy(policy_of(half if case["dtype"] == "bfloat16" else "float32"))
    body = playmask.build(playmask.Architecture.from_json(case["architecture"]))
    random, shape = np.random.default_rng(0), (case["rows"], case["tokens"])
    inputs = {"tokens": random.integers(1000, 20000, shape).astype("int32")}
    inputs["valid"] = np.ones(shape, bool)
    if not case["training"]:
        forward = Compiled(body, lambda given: {"first": body(given)["hidden"][:, 0]})

        def run():
            for _ in range(case["steps"]):
                last = forward(inputs)["first"]
            last.block_until_ready()
            return {"outputs": []}

        return run
    task = TextClassifier.new(
        body, ["0", "1"], tokenizer=Tokenizer.from_texts(["一"]), max_length=512, pooling="first"
    )
    network = task.network
    task.compile(keras.optimizers.AdamW(2e-5))
    labels = np.arange(case["rows"]) % 2

    def train():
        for _ in range(case["steps"]):
            network.train_on_batch(inputs, labels)
        return {"outputs": []}

    return train


def pretrain(case):
    """Masked language modelling of reviews, packed and masked as the steps go on.

    A lap is an epoch of so many steps, from the first one's beginning to the last one's loss.
    """
    import playmask

    made = playmask.Pretraining.new(
        "mlm",
        playmask.build(playmask.Architecture.from_json(case["architecture"]), heads=("mlm",)),
        tokenizer=playmask.Tokenizer.load(case["vocabulary"]),
        max_length=case["tokens"],
        rate=case["masked"],
        epoch_steps=case["steps"],
    )
    texts = read_json(case["texts"])

    def run():
        marks = [time.perf_counter()]
        made.fit(
            texts, epochs=1 + case["laps"], batch_size=case["rows"], clip=case["clip"],
            precision=case["dtype"], callbacks=[marking(marks, case["steps"])], verbose=0,
        )  # fmt: skip
        begun, _, first, *later = marks
        laps = [end - start for start, end in zip(later[::2], later[1::2], strict=True)]
        return {"seconds": laps[-1], "laps": laps, "cold": first - begun, "outputs": []}

    return run


def marking(marks, steps):
    """A callback that marks when each epoch's first step begins, and when its last has ended."""
    import keras

    def begin(batch, logs):
        if batch == 0:
            marks.append(time.perf_counter())

    def end(batch, logs):
        if batch == steps - 1:
            float(logs["loss"])  # until then a card may still be at work
            marks.append(time.perf_counter())

    return keras.callbacks.LambdaCallback(on_train_batch_begin=begin, on_train_batch_end=end)


def forward(case):
    """A forward pass of random ids, for scaling."""
    import numpy as np

    import playmask
    from playmask.runtime.compiled import Compiled

    made = playmask.build(playmask.Architecture.from_json(case["architecture"]))
    ids = np.random.default_rng(0).integers(1000, 20000, (case["rows"], case["tokens"]))
    run = Compiled(made, lambda inputs: {"sum": made(inputs)["hidden"].sum()})

    def once():
        run({"tokens": ids.astype("int32")})["sum"].block_until_ready()
        return {"outputs": [], "peak": peak()}

    return once


def load(path):
    """A function that labels one text, from a saved task or a published checkpoint."""
    import numpy as np

    import playmask

    if (Path(path) / "task.json").exists():
        return playmask.load_task(path).predict
    made = playmask.load(path)

    def answer(text):
        encoding = made.tokenizer.encode(text)
        run = playmask.Predictor(made, limits={"tokens": 21128, "segments": 2}, maximum=128)
        return np.asarray(run([{"tokens": encoding.ids}])[0]["hidden"])

    return answer


def importing():
    """Import the library and what it computes with."""
    import jax

    import playmask

    assert playmask.load
    jax.numpy.zeros(1).block_until_ready()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--launch"]:
        launched(importing, load)
    serve(
        {
            "fine-tuning": fine_tune,
            "steps": steps,
            "pretraining": pretrain,
            "classification": classify,
            "encoding": encode,
            "reranking": rerank,
            "latency": latency,
            "tagging": tag,
            "relations": relate,
            "tokenising": tokenize,
            "generation": generate,
            "scaling": forward,
        }
    )
