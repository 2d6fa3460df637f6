"""bert4keras' example scripts on TensorFlow 1.15, as they stand. Runs on Python 3.7."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

from scripts import COLD, Clock, Stop, added, names_of
from worker import serve


def script(case, numbered):
    """A script: its answers, and the seconds of its first epoch and of later ones.

    What it would train is trained for some epochs of a few steps; of its callbacks those of
    batches run, those of epochs, which measure and save, do not.
    """
    import keras
    import numpy
    from bert4keras.backend import set_gelu

    keras.backend.clear_session()
    set_gelu("erf")
    numpy.random.seed(0)
    found = {}
    original = keras.models.Model.fit

    def fit(model, data, callbacks=(), **options):
        found["fits"] = found.get("fits", 0) + 1
        if found["fits"] < case.get("fit", 1):
            return
        found.update(model=model, data=data, callbacks=callbacks)
        raise Stop

    clock = Clock()
    keras.models.Model.fit = fit
    try:
        names = names_of(case["script"], case["changes"], (), case["folder"])
    finally:
        keras.models.Model.fit = original
    building = clock.lap()
    outputs = {}
    if "model" in found and case.get("weights"):
        found["model"].save_weights(case["weights"])
    if case.get("loss"):
        first = next(iter(names["train_generator"]))
        outputs["loss"] = float(numpy.ravel(found["model"].test_on_batch(*first))[0])
    answer = ANSWERS.get(numbered)

    def answers():
        return [answer(names, text) for text in case["texts"]]

    if answer:
        outputs["answers"] = answers()

    def work():
        if "model" not in found:
            clock.lap()
            answers()
            return {"laps": [clock.lap()]}
        return {"laps": train(found, case)}

    first = []

    def run():
        laps = work()["laps"]
        if not first:
            first.append(added(building, laps[0]) if "model" in found else building)
            laps = laps[1:] or laps
        return {"start": first[0], "laps": laps, "outputs": outputs, **COLD}

    return run


def train(found, case):
    """Some epochs of a few steps; the laps of each."""
    import keras

    clock, laps = Clock(), []
    watch = [keras.callbacks.LambdaCallback(on_epoch_end=lambda n, logs: laps.append(clock.lap()))]
    watch += [
        keras.callbacks.LambdaCallback(on_batch_end=each.on_batch_end)
        for each in found["callbacks"]
    ]
    clock.lap()
    found["model"].fit(
        found["data"],
        steps_per_epoch=case["steps"],
        epochs=case["epochs"],
        callbacks=watch,
        verbose=0,
    )
    return laps


def hidden(names, text):
    """The hidden states of the script's text."""
    return names["model"].predict([names["token_ids"], names["segment_ids"]])[0].tolist()


def filled(names, text):
    """What fills the script's gap."""
    scores = names["model"].predict([names["token_ids"], names["segment_ids"]])[0]
    return names["tokenizer"].decode(scores[3:5].argmax(axis=1))


def sampled(names, text):
    """The likeliest token at each place of the text that Gibbs sampling begins with."""
    ids, kinds = names["tokenizer"].encode(text)
    for _ in range(10):
        scores = names["model"].predict([[ids], [kinds]])[0]
    return [int(token) for token in scores.argmax(axis=-1)]


def continued(names, text):
    """The greedy continuation."""
    decoder, words = names["article_completion"], names["tokenizer"]
    ids = words.encode(text)[0]
    ids = ids[:-1] if words._token_end else ids
    return text + words.decode(decoder.beam_search([ids], 1))


def synonyms(names, text):
    """The greedy paraphrase."""
    words = names["tokenizer"]
    ids = words.encode(text, maxlen=32)
    return words.decode(names["synonyms_generator"].beam_search(list(ids), 1))


def probabilities(names, text):
    """Of each class."""
    pair = text if isinstance(text, list) else [text]
    ids, kinds = names["tokenizer"].encode(*pair, maxlen=128)
    return names["model"].predict([[ids], [kinds]])[0].astype("float64").tolist()


def tags(names, text):
    """The tag of each token; with random weights, mentions differ by how bad tags are read."""
    ids, kinds = names["tokenizer"].encode(text)
    found = names["NER"].decode(names["model"].predict([[ids], [kinds]])[0])[1:-1]
    labels = names["categories"]
    return ["BI"[(tag - 1) % 2] + "-" + labels[(tag - 1) // 2] if tag else "O" for tag in found]


def words_of(names, text):
    """The words of a text."""
    return names["segmenter"].tokenize(text)


def title(names, text):
    """The best of three beams."""
    return names["autotitle"].generate(text, 3)


def problem(names, text):
    """The expression, the best of three beams."""
    return names["autosolve"].generate(text, 3)


ANSWERS = {
    "basic_extract_features": hidden,
    "basic_make_uncased_model_cased": hidden,
    "basic_masked_language_model": filled,
    "basic_gibbs_sampling_via_mlm": sampled,
    "basic_language_model_gpt2_ml": continued,
    "basic_language_model_nezha_gen_gpt": continued,
    "basic_simple_web_serving_simbert": synonyms,
    "task_iflytek_adversarial_training": probabilities,
    "task_iflytek_gradient_penalty": probabilities,
    "task_sentiment_albert": probabilities,
    "task_sentiment_virtual_adversarial_training": probabilities,
    "task_sentence_similarity_lcqmc": probabilities,
    "task_sequence_labeling_ner_crf": tags,
    "task_sequence_labeling_cws_crf": words_of,
    "task_seq2seq_autotitle": title,
    "task_seq2seq_autotitle_csl": title,
    "task_seq2seq_ape210k_math_word_problem": problem,
}
"""How each script answers a text."""


if __name__ == "__main__":
    serve({"script": lambda case: script(case, case["name"])})
