"""What one of two processes, of two emulated devices each, comes to; writes it into a folder.

Arguments: which process this is, the port where both meet, the folder. Processes of their own,
since JAX meets others once.
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np

import playmask
from playmask.runtime.host_copies import whole_array
from playmask.runtime.train import common_clock
from playmask.runtime.train.backup import BACKUP, position_in
from pretraining.pretrainings import pretraining
from tasks.test_classify import new_task, reviews


def weights_of(network):
    """The weights of a network, whoever holds them, as one array."""
    return np.concatenate([whole_array(weight.value).ravel() for weight in network.weights])


OPTIONS = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "save_every": 2, "verbose": 0}
TEXTS = [text for text, _ in reviews(6, seed=5)]


class Watch(keras.callbacks.Callback):
    """Keeps the weights of each epoch's end; perhaps ends a training before one of its updates."""

    def __init__(self, stop=None):
        super().__init__()
        self.left = stop

    def on_train_batch_begin(self, batch, logs=None):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1

    def on_epoch_end(self, epoch, logs=None):
        self.weights = weights_of(self.model)


def trained(directory, *, stop=None, **options):
    """A task, trained with dropout on 18 rows; its history, and its weights at the end."""
    task, watch, history = new_task(dropout=0.1), Watch(stop), {}
    try:
        history = task.fit(reviews(18), directory=directory, callbacks=[watch], **OPTIONS | options)
    except KeyboardInterrupt:
        return task, {}, None
    return task, history, watch.weights


def pretrained(folder):
    """A pretraining on the texts of a folder, and its history."""
    keras.utils.set_random_seed(0)
    task = pretraining("mlm", max_length=24)
    options = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "verbose": 0}
    return task, task.fit([folder / "texts.txt"], directory=folder / "pretraining", **options)


def answers_of(task):
    """What a task predicts and measures."""
    chances = [task.predict(text).probabilities["good"] for text in TEXTS]
    return [*chances, *task.evaluate(reviews(6, seed=3)).values()]


def model_parallel(folder, rank):
    """Four devices of both processes hold one model, and go on with what one device has begun."""
    task, history, weights = trained(folder / "whole", resume=True)
    split = [w.path for w in task.network.weights if not w.value.is_fully_replicated]
    said = {"history": history, "answers": answers_of(task), "split": split}
    clock = iter(range(0, 10_000, (10, 1000)[rank]))  # the second one's goes too fast
    common_clock.monotonic = lambda: next(clock)
    trained(folder / "late", resume=True, time_limit="15s", save_every=None)
    said["stopped"] = position_in(folder / "late")
    said["files"] = [file.suffix for file in (folder / "late" / BACKUP).iterdir()]
    if rank == 0:
        shutil.copytree(folder / "late", folder / "left")
    *_, resumed = trained(folder / "late", resume=True)
    return said, {"whole": weights, "resumed": resumed}


def main(rank, port, folder):
    keras.utils.disable_interactive_logging()
    meeting = {"coordinator": f"127.0.0.1:{port}", "processes": 2, "process_id": rank}
    playmask.distribute(**meeting, model_parallel=4)
    said, weights = model_parallel(folder, rank)
    playmask.distribute()
    task, said["pretraining"] = pretrained(folder)
    weights["pretraining"] = weights_of(task.network)
    np.savez(folder / f"{rank}.npz", **weights)
    (folder / f"{rank}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
