"""Many threads use one model: each answer is of one state of its weights, or one sentence says why.

PLAYMASK_THREADS_ROUNDS sets how many trainings the storm lasts for (1 in CI).
"""

import faulthandler
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of, tiny
from pairwise import marked
from playmask.errors import BusyError, InputError, PlaymaskError
from playmask.runtime.access import reading, weights_of, writing
from tasks.made_up import model, numbers, tokenizer

pytestmark = pytest.mark.backends

ROUNDS = int(os.environ.get("PLAYMASK_THREADS_ROUNDS", 1))
THREADS = 32
WORDS = tokenizer()
TEXTS = numbers(16, longest=12)
FIT = {"epochs": 2, "batch_size": 8, "learning_rate": 3e-2, "verbose": 0, "seed": 0}


@pytest.fixture(autouse=True)
def no_deadlock(capfd):
    """Where threads wait for each other for ever, say where, and end."""
    with capfd.disabled():
        errors = os.dup(2)  # as long as it is the terminal, and no file of pytest's
    faulthandler.dump_traceback_later(240 + 60 * ROUNDS, exit=True, file=errors)
    yield
    faulthandler.cancel_dump_traceback_later()
    os.close(errors)


def classifier() -> playmask.TextClassifier:
    made = model(WORDS, depth=1)
    return playmask.TextClassifier.new(
        made, ["even", "odd"], tokenizer=WORDS, max_length=16, dropout=0.0
    )


def tagger() -> playmask.SequenceTagger:
    made = model(WORDS, depth=1)
    return playmask.SequenceTagger.new(made, ["TWO"], tokenizer=WORDS, max_length=8, dropout=0.0)


def writer() -> playmask.LanguageModel:
    return playmask.LanguageModel.new(
        model(WORDS, mask="lm", depth=1), tokenizer=WORDS, max_length=16
    )


def of_classes(predictions: Any) -> np.ndarray:
    return np.array([[*one.probabilities.values()] for one in predictions])


def of_mentions(predictions: Any) -> Any:
    return [[(m.start, m.end, m.label, round(m.score, 4)) for m in one] for one in predictions]


KINDS: dict[str, tuple[Callable[[], Any], list[Any], Callable[[Any, Any], bool]]] = {
    "classifier": (
        classifier,
        [(text, "even" if len(text) % 2 else "odd") for text in TEXTS],
        lambda one, other: np.allclose(of_classes(one), of_classes(other), atol=1e-5),
    ),
    "tagger": (
        tagger,
        [(text, [(i, i + 2, "TWO") for i in range(0, len(text) - 1, 4)]) for text in TEXTS],
        lambda one, other: of_mentions(one) == of_mentions(other),
    ),
    "generation": (writer, TEXTS, lambda one, other: one == other),
}
"""A task, what it learns, and whether two answers are the same."""

MALFORMED = [None, 3, [None], [3], ["一", 3], [("一", "二", "三")], {"text": "一"}, [b"x"]]


class Storm:
    """Threads that use one task, and what came of it."""

    def __init__(self, task: Any, answers: list[Any], same: Callable[[Any, Any], bool]) -> None:
        self.task, self.answers, self.same = task, answers, same
        self.over = threading.Event()
        self.counts: Counter[str] = Counter()

    def predict(self, number: int) -> None:
        """Ask for some texts again and again; each answer is all of one state, or a refusal."""
        start = number % 8
        some = slice(start, start + 1 + number % 2)  # few shapes are compiled
        options = {"max_tokens": 4} if isinstance(self.task, playmask.LanguageModel) else {}
        while not self.over.is_set():
            try:
                answer = self.task.predict(TEXTS[some], **options)
            except BusyError as error:
                assert "trained in another thread" in str(error)
                self.counts["refused"] += 1
                time.sleep(0.002)
            else:
                states = [self.same(answer, each[some]) for each in self.answers]
                self.counts[str(states.index(True)) if any(states) else "wrong"] += 1

    def unlucky(self) -> bool:
        """Whether so many trainings have passed that chance is no excuse."""
        return self.counts["fitted"] >= ROUNDS + 10

    def malformed(self) -> None:
        """Send what no task takes; it is always refused by playmask itself."""
        while not self.over.is_set():
            for each in MALFORMED:
                with pytest.raises(PlaymaskError):
                    self.task.predict(each)
                self.counts["malformed"] += 1
            time.sleep(0.002)

    def reload(self, directory: Any) -> None:
        """Take back the first weights, now and then."""
        while not self.over.is_set():
            try:
                self.task.load_weights(directory)
                self.counts["reloaded"] += 1
            except BusyError:
                self.counts["not reloaded"] += 1
            time.sleep(0.05)

    def fit(self, data: Any, directory: Any) -> None:
        """Train from the first weights, some times, with time between for those who wait.

        And once more, where by chance nobody asked between a training and the next reload.
        """
        try:
            while self.counts["fitted"] < ROUNDS or not (self.counts["1"] or self.unlucky()):
                self.task.load_weights(directory)
                time.sleep(0.2)
                self.task.fit(data, **FIT)
                self.counts["fitted"] += 1
                time.sleep(0.2)
        finally:
            self.over.set()


def all_answers(task: Any, options: dict[str, Any]) -> list[Any]:
    """The answers to all texts, asked for in the shapes of the storm."""
    singles = [task.predict(text, **options) for text in TEXTS]
    pairs = [task.predict(TEXTS[i : i + 2], **options) for i in range(0, len(TEXTS), 2)]
    assert len(pairs) * 2 == len(singles)
    return [answer for pair in pairs for answer in pair]


EVERY = [(kind,) for kind in KINDS]


@pytest.mark.backends("torch")
@pytest.mark.parametrize(
    "kind", marked(EVERY, EVERY if keras.backend.backend() == "jax" else EVERY[:1])
)
def test_every_answer_is_of_one_state_of_the_weights(kind, tmp_path):
    make, data, same = KINDS[kind]
    task = make()
    options = {"max_tokens": 4} if kind == "generation" else {}
    task.save(tmp_path)
    answers = [all_answers(task, options)]
    task.fit(data, **FIT)
    answers.append(all_answers(task, options))
    assert not same(*answers)  # or a mixture would pass
    storm = Storm(task, answers, same)
    with ThreadPoolExecutor(THREADS + 3) as pool:
        jobs = [pool.submit(storm.fit, data, tmp_path), pool.submit(storm.reload, tmp_path)]
        jobs += [pool.submit(storm.malformed)]
        jobs += [pool.submit(storm.predict, i) for i in range(THREADS)]
        for job in jobs:
            job.result()
    counts = storm.counts
    assert not counts["wrong"], counts
    assert counts["fitted"] >= ROUNDS
    needed = ("0", "1", "refused", "malformed", "reloaded", "not reloaded")
    assert all(counts[each] for each in needed), counts
    task.load_weights(tmp_path)
    assert same(all_answers(task, options), answers[0])  # nobody holds anything any more


def started(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_training_waits_for_those_who_read_and_refuses_those_who_come_then():
    one = tiny()
    weights, steps = weights_of(one), []
    inside, free, trains, done = (threading.Event() for _ in range(4))

    def read() -> None:
        with reading(weights):
            inside.set()
            free.wait()
            with reading(weights):  # who reads already is let in once more
                steps.append("read")

    def train() -> None:
        with writing(one, lasts=True):
            steps.append("train")
            with reading(weights), writing(one):  # its own evaluate, predict and load_weights
                trains.set()
                done.wait()

    threads = [started(read)]
    inside.wait()
    threads.append(started(train))
    while weights[0].writer is None:
        time.sleep(0.001)
    for state in ("waits", "trains"):
        for each in (reading(weights), writing(one), writing(one, lasts=True)):
            with pytest.raises(BusyError, match="trained in another thread"), each:
                raise AssertionError(f"nobody may come in while a training {state}")
        free.set()
        trains.wait()
    done.set()
    for thread in threads:
        thread.join()
    assert steps == ["read", "train"]
    with writing(one), reading(weights):
        assert weights[0].version == 1


def test_who_comes_while_weights_are_replaced_waits():
    one = tiny()
    order, began = [], threading.Event()

    def replace() -> None:
        with writing(one):
            began.set()
            time.sleep(0.1)
            order.append("replaced")

    thread = started(replace)
    began.wait()
    with reading(weights_of(one)):
        order.append("read")
    thread.join()
    assert order == ["replaced", "read"]


def test_two_models_that_read_each_other_while_both_are_replaced_go_on():
    """Who holds one passes those who only wait for the other, or all would wait for ever."""
    models = tiny(), tiny()
    weights = [*map(weights_of, models)]
    both, claimed = threading.Barrier(2), threading.Event()

    def read(i: int) -> None:
        with reading(weights[i]):
            both.wait()
            claimed.wait()
            with reading(weights[1 - i]):
                pass

    def replace(i: int) -> None:
        with writing(models[i]):
            pass

    threads = [started(lambda i=i: read(i)) for i in range(2)]
    while not all(each[0].readers for each in weights):
        time.sleep(0.001)
    threads += [started(lambda i=i: replace(i)) for i in range(2)]
    while not all(each[0].writer for each in weights):
        time.sleep(0.001)
    claimed.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_new_weights_from_within_a_prediction_are_refused():
    one = tiny()
    with (
        reading(weights_of(one)),
        pytest.raises(BusyError, match="within a prediction"),
        writing(one),
    ):
        raise AssertionError("it would wait for itself")
    with writing(one):
        pass


def test_an_interrupted_training_lets_go(tmp_path):
    task = classifier()

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        task.fit(KINDS["classifier"][1], **FIT, callbacks=[Interrupt()])
    answers: list[Any] = []
    started(lambda: answers.append(task.predict(TEXTS))).join()
    assert len(answers[0]) == len(TEXTS)
    task.fit(KINDS["classifier"][1], **FIT)


def test_a_second_training_is_refused_and_its_own_predictions_are_not():
    task, seen = classifier(), []
    data = KINDS["classifier"][1]

    class Meanwhile(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if not seen:
                before = task.predict(TEXTS[0]).probabilities["odd"]
                direct = numpy_of(task.network(self.inputs())["logits"])
                seen.append((before, float(1 / (1 + np.exp(direct[0, 0] - direct[0, 1])))))

        def inputs(self) -> dict[str, np.ndarray]:
            row = task.row(TEXTS[0])
            return {name: np.array([values], "int32") for name, values in row.items()}

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            others: list[str] = []

            def elsewhere() -> None:
                for use in (
                    lambda: task.fit(data, **FIT),
                    lambda: task.network.fit(np.zeros(1), np.zeros(1)),
                    lambda: task.save("nowhere"),
                    lambda: task.predict(TEXTS),
                    lambda: task.evaluate(data),
                    lambda: playmask.integrated_gradients(task, TEXTS[0]),
                ):
                    with pytest.raises(BusyError) as info:
                        use()
                    others.append(str(info.value))

            started(elsewhere).join()
            seen.append(others)

    task.fit(data, **FIT, callbacks=[Meanwhile()])
    (predicted, direct), *refusals = seen
    assert predicted == pytest.approx(direct, rel=1e-5)
    assert [len(each) for each in refusals] == [6, 6]
    assert len({sentence for each in refusals for sentence in each}) == 1


def test_tasks_around_one_model_are_one(tmp_path):
    """The second task's network holds the same Transformer, whose weights the first one trains."""
    shared = model(WORDS, depth=1)
    options = {"tokenizer": WORDS, "max_length": 16}
    one, other = (playmask.TextClassifier.new(shared, ["a", "b"], **options) for _ in range(2))
    with writing(one.network, lasts=True):
        caught: list[Any] = []

        def elsewhere() -> None:
            for use in (
                lambda: other.predict(TEXTS),
                lambda: playmask.Predictor(shared)([{"tokens": [1]}]),
                lambda: playmask.fill(shared, [[1, WORDS.mask]], mask=WORDS.mask),
                lambda: playmask.save(shared, tmp_path / "half"),
            ):
                with pytest.raises(BusyError):
                    use()
                caught.append(use)

        started(elsewhere).join()
        assert len(caught) == 4
    assert not (tmp_path / "half").exists()


def test_a_text_that_is_streamed_ends_where_the_weights_change(tmp_path):
    task = writer()
    task.save(tmp_path)
    prompt = WORDS.encode("零一", special=False).ids
    options = {"max_tokens": 8, "end": None, "decode": WORDS.decode}
    pieces = playmask.stream(task.transformer, [prompt], **options)
    next(pieces)
    task.load_weights(tmp_path)
    with pytest.raises(BusyError, match="changed since the text was begun"):
        list(pieces)


def test_keras_own_training_of_a_model_is_noticed():
    """Nobody announces it, but on JAX it takes the weights out of the model."""
    if keras.backend.backend() != "jax":
        pytest.skip("only JAX's trainer does")
    inner = tiny(heads=("pool",))
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    outer = keras.Model({"tokens": tokens}, {"pooled": inner({"tokens": tokens})["pooled"]})
    outer.compile("sgd", {"pooled": "mse"})
    run, rows = playmask.Predictor(inner), [{"tokens": [1, 2, 3]}]
    run(rows)
    caught = []

    class Meanwhile(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            def elsewhere() -> None:
                for use in (lambda: run(rows), lambda: inner({"tokens": np.ones((1, 3), "int32")})):
                    with pytest.raises(BusyError, match="trained in another thread"):
                        use()
                    caught.append(use)

            started(elsewhere).join()

    batch = {"tokens": np.ones((2, 3), "int32")}, {"pooled": np.zeros((2, 24), "float32")}
    outer.fit(*batch, epochs=1, verbose=0, callbacks=[Meanwhile()])
    assert len(caught) == 2
    assert len(run(rows)) == 1


def test_models_are_loaded_while_others_predict(tmp_path):
    task = classifier()
    task.save(tmp_path)
    answer = of_classes(task.predict(TEXTS))

    def work(i: int) -> float:
        one = playmask.load_task(tmp_path) if i % 2 else task
        return float(np.abs(of_classes(one.predict(TEXTS)) - answer).max())

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(work, range(16))) < 1e-5


def test_explanations_and_generation_in_many_threads_are_those_of_one():
    task, text = classifier(), TEXTS[0]
    explained = playmask.integrated_gradients(task, text, answer="odd")
    written = playmask.generate(writer().transformer, [[1, 2]], max_tokens=6, end=None)
    other = writer().transformer

    def work(i: int) -> None:
        if i % 4 == 0:
            with pytest.raises(InputError):
                playmask.generate(other, [[]], max_tokens=6)
        if i % 2:
            scores = playmask.integrated_gradients(task, text, answer="odd").scores
            np.testing.assert_allclose(scores, explained.scores, atol=1e-5)
        else:
            again = playmask.generate(other, [[1, 2]], max_tokens=6, end=None)
            assert again.tokens == written.tokens

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(64)))
    programs = playmask.generation.Generator.of(other)
    expected = 0 if keras.backend.backend() == "torch" else 2
    assert programs.traces == expected  # though all threads came at once
