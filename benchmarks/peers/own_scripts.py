"""The same example scripts as playmask has them, as they stand."""

import os

from scripts import COLD, Clock, Stop, added, names_of
from worker import serve


def script(case):
    """A script: its answers, and the seconds of its first epoch and of later ones.

    What it would train is trained for some epochs of a few steps, without validation data. What
    is compared, the answers and the first loss, comes of the weights that the other side's script
    has saved before its training.
    """
    from playmask.errors import PlaymaskError  # first: playmask chooses the backend
    from playmask.tasks.task import Task

    import keras  # isort: skip

    keras.utils.set_random_seed(0)
    found = {}
    original = Task.fit

    def fit(task, data, validation=None, **options):
        found["fits"] = found.get("fits", 0) + 1
        if found["fits"] < case.get("fit", 1):
            return
        found.update(task=task, data=data, options=options)
        raise Stop

    clock = Clock()
    Task.fit = fit
    try:
        names = names_of(case["script"], case["changes"], case["arguments"], case["folder"])
    finally:
        Task.fit = original
    building = clock.lap()
    try:
        outputs = compared(case, names)
    except PlaymaskError as error:  # the seconds are worth having all the same
        outputs = {"error": str(error)}
    answer = ANSWERS.get(case["name"])
    again = None if "task" in found or answer is None else answer(names, case)
    if again:
        outputs["answers"] = again()
    first = []

    def run():
        if again:
            clock.lap()
            again()
            laps = [clock.lap()]
            first[:] = first or [building]
        else:
            laps = train(found, case)
            first[:] = first or [added(building, laps[0])]
            laps = laps[1:]  # the first of each training is compiled
        return {"start": first[0], "laps": laps, "outputs": outputs, **COLD}

    return run


def train(found, case):
    """Some epochs of a few steps, those of the first rows; the laps of each."""
    import keras

    clock, laps = Clock(), []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda n, logs: laps.append(clock.lap()))
    clock.lap()
    changes = {"epochs": case["epochs"], "batch_size": case["batch"], "callbacks": [watch]}
    options = {**found["options"], **changes, "verbose": 0}
    task, data = found["task"], found["data"]
    rows = data if isinstance(data, list) else task.read(data)
    task.fit(rows[: case.get("rows")], **options)
    return laps


def compared(case, names):
    """Answers and the loss of the first batch, by the weights that the other side has saved."""
    import numpy as np

    import playmask

    if not case.get("weights") or "task" not in case:
        return {}
    task = playmask.load_task(case["weights"], config=case["config"], **case["task"])
    outputs = {"answers": [OF_TASKS[task.name](task, text) for text in case["texts"]]}
    if case.get("loss"):
        import keras

        rows = task.read(os.path.join(case["folder"], case["first"]))[: case["batch"]]
        task.compile(keras.optimizers.SGD(0.0))
        losses = task.network.evaluate(task.batches(rows, len(rows)), verbose=0)
        outputs["loss"] = float(np.ravel(losses)[0])
    return outputs


def probabilities(task, text):
    """Of each class."""
    return [*task.predict(tuple(text) if isinstance(text, list) else text).probabilities.values()]


def tags(task, text):
    """The tag of each token; with random weights, mentions differ by how bad tags are read."""
    import numpy as np

    from playmask.labelling.decoding import decode

    logits = task.network({"tokens": np.array([task.tokenizer.encode(text).ids])})["logits"]
    [(_, best)] = decode(task.settings.tagger, np.asarray(logits), task.network.constants())
    return [task.tags[tag] for tag in best.tags[1:-1]]


def written(task, text):
    """The best of three beams, ended by the other side's rule."""
    import playmask

    return task.predict(text, search=playmask.Beams(3, finish="drop"))


OF_TASKS = {"classify": probabilities, "tag": tags, "seq2seq": written}


def hidden(names, case):
    """The hidden states of the script's text."""
    import playmask

    row = names.get("row") or {"tokens": names["model"].tokenizer.encode(names["text"]).ids}
    run = playmask.Predictor(names["model"], per_token=["hidden"])
    return lambda: [run([row])[0]["hidden"].tolist()]


def filled(names, case):
    """What fills the script's gaps."""
    task = names["playmask"].MaskFill.new(names["path"])

    def run():
        gaps = task.predict(names["text"], best=1)
        return ["".join(fill.text for (fill,) in gaps)]

    return run


def sampled(names, case):
    """The likeliest token at each place of the text that Gibbs sampling begins with."""
    import playmask

    model = names["model"]
    run = playmask.Predictor(model, per_token=["logits"])
    rows = [
        {"tokens": model.tokenizer.encode(text).ids} for text in case["texts"] for _ in range(10)
    ]

    def once():
        found = [run([row])[0]["logits"].argmax(-1).tolist() for row in rows]
        return found[::10]

    return once


def continued(names, case):
    """The greedy continuation."""
    import playmask

    options = {"max_tokens": case["new"], "min_tokens": case["new"], "end": names["end"]}
    search = playmask.Greedy()
    return lambda: names["task"].generate(case["texts"], search=search, **options)


def synonyms(names, case):
    """The greedy paraphrase."""
    import playmask

    search = playmask.Greedy()
    return lambda: names["task"].paraphrase(case["texts"], search=search, max_tokens=32)  # as there


ANSWERS = {
    "basic_extract_features": hidden,
    "basic_make_uncased_model_cased": hidden,
    "basic_masked_language_model": filled,
    "basic_gibbs_sampling_via_mlm": sampled,
    "basic_language_model_gpt2_ml": continued,
    "basic_language_model_nezha_gen_gpt": continued,
    "basic_simple_web_serving_simbert": synonyms,
}
"""How each script that trains nothing answers."""


if __name__ == "__main__":
    serve({"script": script})
