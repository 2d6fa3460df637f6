"""bert4keras 0.11.5 on TensorFlow 1.15: as in its examples."""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

from worker import latencies, launched, read_json, serve

MODELS = {}


def built(path, **options):
    """A model of a TensorFlow checkpoint, built once."""
    from bert4keras.models import build_transformer_model

    key = path, str(options)
    if key not in MODELS:
        MODELS[key] = build_transformer_model(
            path + "/bert_config.json", path + "/bert_model.ckpt", **options
        )
    return MODELS[key]


def tokenizer(path):
    """Its tokenizer, in Python."""
    from bert4keras.tokenizers import Tokenizer

    return Tokenizer(path + "/vocab.txt", do_lower_case=True)


def fine_tune(case):
    """Fine-tune a classifier of pairs with fit; the second of two epochs is timed."""
    import keras
    from bert4keras.backend import set_gelu
    from bert4keras.snippets import DataGenerator, sequence_padding

    set_gelu("erf")
    words, length = tokenizer(case["path"]), case["length"]
    pairs = read_json(case["pairs"])

    class Generator(DataGenerator):
        """Batches padded to their longest row."""

        def __iter__(self, random=False):
            tokens, segments, labels = [], [], []
            for end, (first, second, label) in self.sample(random):
                ids, kinds = words.encode(first, second, maxlen=length)
                tokens.append(ids)
                segments.append(kinds)
                labels.append([int(label)])
                if len(tokens) == self.batch_size or end:
                    yield (
                        [sequence_padding(tokens), sequence_padding(segments)],
                        sequence_padding(labels),
                    )
                    tokens, segments, labels = [], [], []

    bert = built(case["path"], with_pool=True, return_keras_model=False)
    last = "Transformer-%d-FeedForward-Norm" % (bert.num_hidden_layers - 1)
    hidden = bert.model.get_layer(last).output
    first = keras.models.Model(bert.model.inputs, hidden)
    output = keras.layers.Dropout(0.1)(bert.model.output)
    output = keras.layers.Dense(2, activation="softmax")(output)
    model = keras.models.Model(bert.model.inputs, output)
    model.compile(keras.optimizers.Adam(lr=2e-5), "sparse_categorical_crossentropy")
    rows = [words.encode(a, b, maxlen=length) for a, b, _ in pairs[:4]]
    seen = [
        first.predict([[ids], [kinds]])[0, 0, :16].astype("float64").tolist() for ids, kinds in rows
    ]
    generator = Generator(pairs, case["batch"])

    def run():
        marks = []
        callback = keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: marks.append(time.perf_counter()),
            on_epoch_end=lambda epoch, logs: marks.append(time.perf_counter()),
        )
        model.fit_generator(
            generator.forfit(),
            steps_per_epoch=len(generator),
            epochs=2,
            callbacks=[callback],
            verbose=0,
        )
        return {"seconds": marks[2] - marks[1], "cold": marks[1] - marks[0], "outputs": seen}

    return run


def latency(case):
    """Single texts through predict; the head has weights of its own, so no answers to compare."""
    import keras
    import tensorflow

    words, texts = tokenizer(case["path"]), read_json(case["texts"])
    bert = built(case["path"], with_pool=True)
    output = keras.layers.Dense(2, activation="softmax")(bert.output)
    model = keras.models.Model(bert.inputs, output)
    graph = tensorflow.get_default_graph()
    session = keras.backend.get_session()

    def ask(text):
        with graph.as_default(), session.as_default():
            ids, kinds = words.encode(text, maxlen=case["length"])
            return model.predict([[ids], [kinds]])

    def run():
        return {"latencies": latencies(ask, texts, case["threads"], case["calls"]), "outputs": []}

    return run


def tokenize(case):
    """Ids of many texts."""
    words, texts = tokenizer(case["path"]), read_json(case["texts"])

    def run():
        made = [words.encode(text, maxlen=case["length"])[0] for text in texts]
        return {"outputs": made[:200]}

    return run


def generate(case):
    """The whole text again at each step, as in its examples."""
    import numpy as np
    from bert4keras.snippets import AutoRegressiveDecoder

    class Decoder(AutoRegressiveDecoder):
        """Beam search over a UniLM."""

        @AutoRegressiveDecoder.wraps(default_rtype="probas")
        def predict(self, inputs, output_ids, states):
            """The chances of the next token."""
            tokens, segments = inputs
            tokens = np.concatenate([tokens, output_ids], 1)
            segments = np.concatenate([segments, np.ones_like(output_ids)], 1)
            return self.last_token(self.model).predict([tokens, segments])

    decoder = Decoder(start_id=None, end_id=-1, maxlen=case["new"])
    decoder.model = built(case["path"], application="unilm")

    def run():
        rows = []
        for prompt in case["prompts"]:
            made = decoder.beam_search([prompt, [0] * len(prompt)], case["beams"])
            rows.append([int(token) for token in made])
        return {"tokens": rows}

    return run


def importing():
    """Import the library and what it computes with."""
    import bert4keras.models

    assert bert4keras.models


def load(path):
    """A function that reads one text."""
    words, model = tokenizer(path), built(path)

    def answer(text):
        ids, kinds = words.encode(text)
        return model.predict([[ids], [kinds]])

    return answer


if __name__ == "__main__":
    if sys.argv[1:2] == ["--launch"]:
        launched(importing, load)
    serve(
        {
            "fine-tuning": fine_tune,
            "latency": latency,
            "tokenising": tokenize,
            "generation": generate,
        }
    )
