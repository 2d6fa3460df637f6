"""Trainings on one device and on four emulated ones; prints what came of each, as JSON.

A process of its own, since JAX counts its devices once.
"""

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4 " + os.environ["XLA_FLAGS"]
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
from keras import ops

import playmask
from comparing import TINY
from playmask.errors import ConfigError
from playmask.model import cache as kv_cache
from playmask.runtime.compiled import Compiled
from playmask.runtime.train.backup import BACKUP
from tasks.test_classify import new_task, reviews


class Interrupted(keras.callbacks.Callback):
    """Ends a training as Ctrl-C does, behind its first epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch:
            raise KeyboardInterrupt


def spread(network):
    """The paths of the weights, and of the optimizer's variables, that are split."""
    variables = [*network.weights, *network.optimizer.variables]
    return [v.path for v in variables if any(getattr(v.value.sharding, "spec", ()))]


def trained(devices, model_parallel=1, **options):
    """The losses, the weights and the predictions of one training with dropout."""
    playmask.distribute(devices, model_parallel=model_parallel)
    task, data = new_task(dropout=0.1), (reviews(18), reviews(6, seed=3))
    options |= {"epochs": 2, "batch_size": 32, "learning_rate": 1e-2, "verbose": 0}
    history = task.fit(*data, **options)
    predictions = [task.predict(text).probabilities["good"] for text, _ in reviews(6, seed=5)]
    weights = np.concatenate([weight.ravel() for weight in task.network.get_weights()])
    split = spread(task.network)
    playmask.distribute(None)
    return {
        "losses": history["loss"] + history["val_loss"],
        "weights": weights.tolist(),
        "predictions": predictions,
        "split": split,
    }


def gone_on_with(folder):
    """What one device comes to from where four that held one model were interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        trained("all", 2, directory=folder, callbacks=[Interrupted()])
    shards = [file.name for file in (folder / BACKUP).glob("*.orbax")]
    return {**trained(None, directory=folder, resume=True), "shards": shards}


def generated(devices, model_parallel=1):
    """What is written after ragged prompts, and the shapes that devices hold of a cache's keys."""
    playmask.distribute(devices, model_parallel=model_parallel)
    keras.utils.set_random_seed(1)
    model = playmask.build(TINY.change(order="lm", depth=1), heads="mlm")
    texts = playmask.generate(model, [[5, 6, 7], [8], [9, 10]], max_tokens=5, end=None).tokens

    def keys(tokens):
        inputs = {"tokens": tokens, "cache": model.empty_cache(1, 8), "at": ops.zeros((), "int32")}
        return kv_cache.heads_in_rows(model(inputs)["cache"])["kv"][0]["keys"]

    shards = Compiled(model, keys)(np.array([[5, 6]], "int32")).addressable_shards
    playmask.distribute(None)
    return {"texts": texts, "keys": [shard.data.shape for shard in shards]}


def large_table(folder):
    """Load a table that Keras would compile the initializer of; whether its values are right."""
    sizes = {"width": 768, "depth": 1, "attention_heads": 12, "inner": 64, "vocabulary": 22_000}
    model = playmask.build(playmask.architecture("bert").change(**sizes))
    rows = np.array(model.embeddings.tokens.embeddings)[::4000]
    playmask.save(model, folder)
    playmask.distribute(4)
    loaded = playmask.load(folder)
    same = np.array_equal(np.array(loaded.embeddings.tokens.embeddings)[::4000], rows)
    playmask.distribute(None)
    return same


def refused(*arguments, **options):
    """What is said of devices that there are not."""
    try:
        playmask.distribute(*arguments, **options)
        new_task().fit(reviews(4), epochs=1, verbose=0)
    except ConfigError as error:
        return str(error)
    finally:
        playmask.distribute(None)
    return ""


if __name__ == "__main__":
    keras.utils.disable_interactive_logging()
    with tempfile.TemporaryDirectory() as name:
        print(
            json.dumps(
                {
                    "one": trained(None),
                    "data parallel": trained(4),
                    "model parallel": trained("all", 2),
                    "gone on with": gone_on_with(Path(name, "task")),
                    "generated": [generated(None), generated(2, 2)],
                    "table": large_table(Path(name, "table")),
                    "refused": [
                        refused(5),
                        refused(4, model_parallel=3),
                        refused(4, model_parallel=2, layout={"queries/kernel": -1}),
                    ],
                }
            )
        )
