"""Replaced-token detection (Clark et al. 2020, ELECTRA)."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.checkpoints import build, load
from playmask.errors import ConfigError
from playmask.model.architecture import Architecture
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.pretraining.network import PackedNetwork
from playmask.pretraining.objectives.masked import ChoosingObjective
from playmask.pretraining.packing import PackedRows
from playmask.pretraining.settings import ElectraSettings
from playmask.runtime.padding import Batch
from playmask.tasks.objective import Objective, accuracy, binary_crossentropy, crossentropy

GENERATOR = "generator"  # the folder it is saved in


class ElectraNetwork(PackedNetwork):
    """A generator that fills masked tokens, and a discriminator that reads what it sampled.

    Both use the discriminator's table of tokens. No gradient flows through what is sampled. The
    logits of the discriminator have the sign by which a token that is right has the target 0.
    Shapes: inputs tokens (the text's own), masked, texts, positions, valid (B, T), read (B, R) ->
            {"logits": (B, R, vocabulary), "discriminator": (B, T, 1)}
    """

    generator: Transformer
    samples: keras.random.SeedGenerator

    def __init__(self, transformer: Transformer, generator: Transformer, seed: int = 0) -> None:
        generator.embeddings.tokens.trainable = False  # it has the discriminator's table
        samples = keras.random.SeedGenerator(seed)
        super().__init__(transformer, generator=generator, samples=samples)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Fill, sample and detect."""
        own = dict(inputs)
        masked, read, tokens = own.pop("masked"), own.pop("read"), inputs["tokens"]
        extra = {"extra": own.pop("extra")} if "extra" in own else {}
        logits = self.generated({**own, "tokens": masked}, read, training)
        sampled = self._sampled(logits, training)
        replaced = ops.where(masked == tokens, tokens, _scattered(tokens, read, sampled))
        packed = self.packed({**own, **extra, "tokens": replaced})
        detected = self.transformer(packed, training=training)["discriminator"]
        sign = ops.cast(replaced == tokens, "float32") * 2 - 1
        return {"logits": logits, "discriminator": ops.expand_dims(detected * sign, -1)}

    def generated(self, inputs: dict[str, Tensor], read: Tensor, training: bool) -> Tensor:
        """The generator's logits at some places."""
        table = self.transformer.embeddings.tokens
        vectors = table(inputs["tokens"]) * self.transformer.architecture.embedding_scale
        own = {name: x for name, x in self.packed(inputs).items() if name != "tokens"}
        hidden = self.generator({**own, "vectors": vectors}, training=training)["hidden"]
        places = ops.expand_dims(ops.cast(read, "int32"), -1)
        hidden = ops.take_along_axis(hidden, places, axis=1)
        logits: Tensor = self.generator.heads["mlm"](hidden, tokens=table, training=training)
        return logits

    def _sampled(self, logits: Tensor, training: bool) -> Tensor:
        """A token of each distribution; always the same ones where nothing is trained."""
        seed = self.samples if training else 0
        uniform = keras.random.uniform(ops.shape(logits), 1e-9, 1.0, "float32", seed=seed)
        scores = ops.stop_gradient(logits) - ops.log(-ops.log(uniform))
        return ops.cast(ops.argmax(scores, axis=-1), "int32")


def _scattered(tokens: Tensor, read: Tensor, values: Tensor) -> Tensor:
    """Tokens (B, T) with other values (B, R) at some places (B, R)."""
    places = ops.one_hot(read, tokens.shape[1], dtype="int32")  # (B, R, T)
    hits = ops.max(places, axis=1)
    filled = ops.max(places * ops.expand_dims(values, -1), axis=1)
    return ops.where(hits > 0, filled, ops.cast(tokens, "int32"))


class ReplacedTokenDetection(ChoosingObjective[ElectraSettings]):
    """Detects the tokens that a small generator has put in the place of masked ones.

    Source: Clark et al. 2020, §2; the generator's size §3.2
    """

    heads = ("discriminator",)

    @classmethod
    def settings_in(cls, settings: Any, directory: Path) -> Any:
        """The generator is beside the discriminator."""
        return settings.change(generator=str(directory / GENERATOR))

    @property
    def losses(self) -> Objective:
        """Cross-entropy of the generator's tokens, and of each token being its text's own."""
        detection = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        return Objective(
            {"logits": crossentropy(), "discriminator": binary_crossentropy()},
            {"logits": 1.0, "discriminator": self.settings.detection_weight},
            metrics={"logits": [accuracy()], "discriminator": [detection]},
        )

    def build_network(self, model: Transformer) -> ElectraNetwork:
        """The discriminator with its generator, which is loaded, or new."""
        folder = self.settings.generator
        if folder is None:
            generator = build(generator_of(self.architecture, self.settings.divisor), "mlm")
        else:
            generator = load(folder, heads="mlm")
        sizes = [
            (x.vocabulary, x.embedding_size_) for x in (generator.architecture, self.architecture)
        ]
        if sizes[0] != sizes[1]:
            raise ConfigError(
                "Generator and discriminator share their table of tokens; here it is "
                f"{sizes[0]} and {sizes[1]}."
            )
        return ElectraNetwork(model, generator)

    def prepare(self, rows: PackedRows, random: np.random.Generator) -> Batch:
        """Mask tokens for the generator."""
        taken = self.choose(rows, random)
        places, targets, weights = self.places(rows, taken)
        masked = np.where(taken, self.mask, rows.tokens).astype("int32")
        inputs = {**rows.inputs, "masked": masked, "read": places}
        zeros = np.zeros((*rows.tokens.shape, 1), "float32")
        every = (rows.valid * rows.weights[:, None]).astype("float32")
        return (
            inputs,
            {"logits": targets, "discriminator": zeros},
            {"logits": weights, "discriminator": every},
        )

    def models(self, network: Any) -> dict[str, Transformer]:
        """The discriminator, and beside it the generator with the table of tokens that it uses."""
        table = network.transformer.embeddings.tokens.embeddings
        network.generator.embeddings.tokens.embeddings.assign(table.value)
        return {"": network.transformer, GENERATOR: network.generator}


def generator_of(a: Architecture, divisor: int) -> Architecture:
    """A generator's architecture: smaller, with the discriminator's table of tokens."""
    heads = max(a.attention_heads // divisor, 1)
    width = max(a.width // divisor // heads, 1) * heads
    changes: dict[str, Any] = {"family": "electra_generator"} if a.family == "electra" else {}
    return a.change(
        **changes,
        width=width,
        attention_heads=heads,
        inner=max(a.inner // divisor, 1),
        embedding_size=a.embedding_size_,
    )
