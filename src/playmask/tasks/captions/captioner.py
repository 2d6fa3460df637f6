"""Captions of images: a text generator on the condition of an image's features."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from playmask.data.captions import Captioned, captioned, read_captions
from playmask.data.examples import Example, Examples
from playmask.data.gathering import check_all
from playmask.data.images import Pixels, image_of, is_image, pixels_of, readable
from playmask.data.streams import groups_of
from playmask.errors import ConfigError
from playmask.runtime.padding import Batch, Row
from playmask.tasks.captions.settings import AT_ONCE, FEATURES, PIXELS, CaptionSettings
from playmask.tasks.encoded import Encoded
from playmask.tasks.task import Columns, Fields
from playmask.tasks.writing.replacement import Written
from playmask.tasks.writing.tokens import TokenTask, following, read_on
from playmask.tasks.writing.writer import PromptRows, Writer, picked
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer
    from playmask.tasks.captions.caption_network import CaptionNetwork

Image = str | Pixels
Array = npt.NDArray[Any]


class ImageCaptioner(TokenTask[CaptionSettings]):
    """Writes a caption for each image.

    An image network gives features; the conditional norms of every block depend on their mean, or
    every block looks at their grid, or both (`conditioning`). With `frozen` the image network stays
    as it is, and features are computed once before a training and held in memory; else it is
    trained in each step, and the pixels are held.

    Units:  `loss` of `evaluate` in nats per token of the captions; `exact`: the share of images
            for which a caption is written as it is given
    Raises: ConfigError for an image network that is none, or a model that is not conditioned so
    Source: Su 2019 (kexue 7124)

    Example:
        >>> image = np.zeros((40, 40, 3), "uint8")
        >>> task = ImageCaptioner.new(path, "small", image_size=32, max_length=16)
        >>> history = task.fit([(image, "今天"), (image + 255, "下雨")], epochs=1, verbose=0)
        >>> isinstance(task.predict(image), str)
        True
        >>> [len(texts) for texts in task.predict([image], search=playmask.Beams(2), best=2)]
        [2]
    """

    settings_class = CaptionSettings
    scores_answers: ClassVar[bool] = True
    continues: ClassVar[bool] = False

    @classmethod
    def new(
        cls,
        model: "Transformer | str | Path",
        *values: Any,
        tokenizer: Tokenizer | None = None,
        **fields: Any,
    ) -> Self:
        """Put an image network and a Transformer, or the checkpoint at a path, together.

        values, fields: the settings, as of `Task.new`; the first, image_model, may be a functional
        model of Keras from pixels 0 to 255, (B, S, S, 3), to features (B, H, W, C), (B, E, C) or
        (B, C), whose weights are copied
        Raises: ConfigError for settings, an image network or a model that do not go together
        """
        from playmask.tasks.captions.image_networks import chosen

        settings, network = chosen(values, fields)
        task = super().new(model, settings, tokenizer=tokenizer)
        task.network.image.set_weights(network.get_weights())
        return task

    @classmethod
    def model_options(cls, settings: CaptionSettings) -> Fields:
        """The vocabulary head, the causal mask, and what is conditioned by how many features."""
        from playmask.model.parts import ContextAttention
        from playmask.tasks.captions.image_networks import with_network

        size = with_network(settings).features or 0
        options: Fields = {"heads": "mlm", "mask": "lm"}
        options |= {"condition_size": size} if settings.conditions else {}
        return options | ({"context": ContextAttention(size)} if settings.attends else {})

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: CaptionSettings
    ) -> "CaptionNetwork":
        """The Transformer and the image network."""
        from playmask.tasks.captions.caption_network import caption_network

        if tokenizer.sep is None:
            raise ConfigError("The tokenizer has no token that ends a text ([SEP], </s> …).")
        return caption_network(transformer, settings)

    # Reading

    @classmethod
    def parse(
        cls,
        settings: CaptionSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
    ) -> Examples[Captioned]:
        """Read the paths of images, and their captions."""
        return read_captions(path, columns=columns, skip_bad=skip_bad)

    def check(self, example: Any) -> Captioned:
        """An image that can be read with one caption or several, also as a pair."""
        return captioned(example)

    def reads_lines(self, path: Path) -> bool:
        """Whether a file holds the path of an image in each line."""
        return path.suffix.lower() == ".txt"

    def read_inputs(
        self, path: Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Any]:
        """Read the paths of images, or one image; each is opened, so that errors name its line.

        path: as of `read_captions`
        """
        examples = read_captions(path, columns=columns, labelled=False, skip_bad=skip_bad)
        return check_all(examples, _readable, skip_bad=skip_bad)

    # Learning

    @property
    def end(self) -> int:
        """The id that ends captions."""
        return self.tokenizer.sep or 0

    @property
    def begin(self) -> list[int]:
        """The ids that captions begin with."""
        return [*(self.tokenizer.frame.head or [self.end])]

    def encode_examples(self, examples: Sequence[Captioned]) -> Encoded:
        """A row of tokens for each caption; targets are the features of its image, or its pixels.

        Features are computed here, once for each image; the examples' notes say how much is held.
        """
        texts = [caption for example in examples for caption in example.captions]
        numbers = [i for i, example in enumerate(examples) for _ in example.captions]
        rows = [{"tokens": tokens} for tokens in self._tokens(texts)]
        read, what = HELD[self.settings.frozen]
        held = read(self, [example.image for example in examples])[numbers]
        if isinstance(examples, Examples):
            size = f"{held.nbytes / 2**20:,.1f} MiB"
            each = f"{len(examples):,} images are held in memory for each of {len(rows):,} captions"
            note = f"the {what} of {each}: {size}"
            examples.notes += [note] * (note not in examples.notes)
        return Encoded(rows, held, numbers)

    def _tokens(self, captions: Sequence[str]) -> list[list[int]]:
        """The tokens of captions, with what they begin with and the end."""
        begin, end = self.begin, self.end
        encodings = self.tokenizer.encode([*captions], special=False)
        return [[*begin, *each.ids, end][: self.settings.max_length] for each in encodings]

    def _pixels(self, images: Sequence[Image]) -> Array:
        """The pixels of images as the image network takes them: uint8 (images, S, S, 3)."""
        size = self.settings.image_size or 0
        return np.stack([pixels_of(image, size) for image in images])

    def _features(self, images: Sequence[Image]) -> Array:
        """The features of images: (images, C), or (images, E, C) where blocks look at them."""
        groups = map(self._pixels, groups_of(images, AT_ONCE))
        return np.concatenate([*map(self.network.features, groups)])

    def _conditions(self, images: Sequence[Image]) -> dict[str, Array]:
        """What the Transformer takes of images."""
        groups = map(self._pixels, groups_of(images, AT_ONCE))
        parts = [*map(self.network.conditions, groups)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def row(self, text: Any) -> Row:
        """The tokens that a caption begins with."""
        return {"tokens": self.begin}

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which token comes next, everywhere in a caption; the image goes to the inputs."""
        inputs, images, weights = batch
        inputs[FEATURES if self.settings.frozen else PIXELS] = images
        counts = following(inputs["valid"]).astype("float32")
        return inputs, following(inputs["tokens"]), weights[:, None] * counts

    def written(self, batch: Batch) -> Written:
        """The tokens that are predicted and read to predict those behind them."""
        return read_on(batch, self.end)

    # Writing

    @cached_property
    def writer(self) -> Writer:
        """What writes on from what captions begin with."""
        return Writer(self.network.text_model, self.tokenizer, self)

    def prompts(self, texts: Sequence[str], condition: Any = None) -> PromptRows:
        """The beginnings; condition: what the Transformer takes of images, a row each."""
        rows = [self.begin for _ in texts]
        return PromptRows(rows, {"end": self.end, **condition})

    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """As much as was learnt."""
        return self.settings.max_length - len(self.begin)

    def decode(self, row: Sequence[int], tokens: Sequence[int]) -> str:
        """The caption."""
        return self.tokenizer.decode(tokens)

    def predict(self, texts: Any, *, best: int | None = None, **options: Any) -> Any:
        """Write the caption of an image, or of each of a list; with `best`, a list of so many each.

        texts: images: paths, arrays uint8 (H, W, 3), or images of Pillow's; options: max_tokens,
        search and others of `playmask.generate`
        """
        one = is_image(texts)
        images = [image_of(image) for image in ([texts] if one else texts)]
        if not images:
            return []
        begun = [""] * len(images)
        written = self.writer.write(begun, condition=self._conditions(images), **options)
        return picked("" if one else begun, written, best)

    # Measuring

    def evaluate_examples(self, examples: Sequence[Captioned], **options: Any) -> dict[str, float]:
        """Loss (nats per token), the accuracy of each token after the true ones, and `measure`.

        options: of `predict`
        """
        answers = self.predict([example.image for example in examples], **options)
        return {**super().evaluate_examples(examples), **self.measure(examples, answers)}

    def measure(
        self, examples: Sequence[Captioned], answers: Sequence[Any], metric: str | None = None
    ) -> dict[str, float]:
        """How many captions are one of those that are due, as the tokenizer spells them."""
        return {"exact": float(np.mean(self.right(examples, answers)))}

    def right(self, examples: Sequence[Captioned], answers: Sequence[Any]) -> list[bool]:
        """Whether each caption is one of those that are due, as the tokenizer spells them."""
        return [
            answer in map(self.tokenizer.decode, self._tokens(example.captions))
            for example, answer in zip(examples, answers, strict=True)
        ]

    # Command line

    def input_of(self, example: Any) -> Image:
        """The image; a line of a file is its path."""
        image: Image = example.text if isinstance(example, Example) else example.image
        return image

    def example_json(self, example: Any) -> Fields:
        """The path of the image."""
        return {"image": str(self.input_of(example))}

    def answer_json(self, example: Any, answer: Any) -> Fields:
        """The caption."""
        return {"caption": answer}

    def target_json(self, example: Captioned) -> Fields:
        """The captions that are due."""
        return {"captions": [*example.captions]}


def _readable(example: Captioned) -> Captioned:
    return example._replace(image=readable(example.image))


HELD = {
    True: (ImageCaptioner._features, "features, computed once,"),
    False: (ImageCaptioner._pixels, "pixels"),
}
"""What a training holds of its images, by whether the image network is frozen."""
