"""Chinese captions of drawn shapes: a text model on the condition of an image.

The images are drawn here: one or two groups of shapes, each group in a corner. Which shape, colour,
number and corner come together in the test was never together in the training.
"""

import math
import random
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import keras
import numpy as np
import typer
from PIL import Image, ImageDraw

import playmask
from scratch import Clock, Epochs, Out, Width, bleu, report
from scratch import small_model as small

SIDE, CORNER, SCALE = 48, 24, 4  # pixels of an image and a corner; drawn four times as large
SHAPES = ("圆形", "方块", "三角形", "星形")
COLOURS = {
    "红色": (214, 39, 40),
    "绿色": (44, 160, 44),
    "蓝色": (31, 119, 180),
    "黄色": (230, 200, 30),
    "紫色": (148, 60, 189),
    "黑色": (30, 30, 30),
}
NUMBERS = ("一", "两", "三")
CORNERS = ("左上角", "右上角", "左下角", "右下角")
PLACES = ((6, 6), (18, 6), (6, 18), (18, 18))  # where the shapes of a corner may be
LENGTH = 26  # of a caption, in tokens
RATE = 2e-3
TEST = 0.2  # of the combinations, and of the images


class Group(NamedTuple):
    """Shapes of one kind in a corner; the last three are numbers of a name."""

    corner: int
    number: int
    colour: str
    shape: str

    def __str__(self) -> str:
        return f"{CORNERS[self.corner]}有{NUMBERS[self.number - 1]}个{self.colour}{self.shape}"


def combinations(random: random.Random) -> tuple[list[Group], list[Group]]:
    """All groups that there can be: those of the training, and those of the test."""
    every = [Group(*each) for each in product(range(4), (1, 2, 3), COLOURS, SHAPES)]
    random.shuffle(every)
    held = int(TEST * len(every))
    return every[held:], every[:held]


def outline(shape: str, x: float, y: float, size: float) -> list[tuple[float, float]]:
    """The corners of a shape around a point."""
    count = {"圆形": 40, "方块": 4, "三角形": 3, "星形": 10}[shape]
    points = []
    for i in range(count):
        angle = 2 * math.pi * i / count - math.pi / (4 if shape == "方块" else 2)
        far = size * (0.45 if shape == "星形" and i % 2 else 1.0)
        points.append((x + far * math.cos(angle), y + far * math.sin(angle)))
    return points


def draw(groups: list[Group], random: random.Random) -> np.ndarray:
    """An image of groups: uint8 (SIDE, SIDE, 3)."""
    light = random.randint(225, 255)
    image = Image.new("RGB", (SIDE * SCALE, SIDE * SCALE), (light, light, light))
    pen = ImageDraw.Draw(image)
    for group in groups:
        for x, y in random.sample(PLACES, group.number):
            x += CORNER * (group.corner % 2) + random.uniform(-1, 1)
            y += CORNER * (group.corner // 2) + random.uniform(-1, 1)
            points = outline(group.shape, x, y, random.uniform(4.2, 5.4))
            colour = tuple(c + random.randint(-15, 15) for c in COLOURS[group.colour])
            pen.polygon([(SCALE * a, SCALE * b) for a, b in points], fill=colour)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def scenes(
    groups: list[Group], count: int, random: random.Random
) -> Iterator[tuple[np.ndarray, str]]:
    """Images of one or two of some groups, with their captions, corner by corner."""
    for _ in range(count):
        first, second = random.sample(groups, 2)
        both = [first, second] if first.corner != second.corner and random.random() < 0.5 else []
        chosen = sorted(both or [first])
        yield draw(chosen, random), "，".join(map(str, chosen))


def image_network(conditioning: str) -> keras.Model:
    """Convolutions from pixels to a grid of features, or to one vector of all of it."""
    layers = keras.layers
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, -1.0)(pixels)
    for filters, strides in ((32, 2), (64, 2), (128, 2)):
        x = layers.Conv2D(filters, 3, strides, padding="same", activation="relu")(x)
    if conditioning == "norms":
        x = layers.Dense(256, activation="relu")(layers.Flatten()(x))
    return keras.Model(pixels, x)


Conditioning = Annotated[str, typer.Option(help="norms, attention or both.")]
Images = Annotated[int, typer.Option("--limit", help="How many images are drawn.")]


def main(
    conditioning: Conditioning = "attention",
    epochs: Epochs = 24,
    limit: Images = 5000,
    width: Width = 128,
    out: Out = Path("runs/examples/captions"),
) -> None:
    """Draw images, learn their captions, then write those of combinations never seen."""
    seeded = random.Random(0)
    seen, unseen = combinations(seeded)
    held = int(TEST * limit)
    train, test = [*scenes(seen, limit - held, seeded)], [*scenes(unseen, held, seeded)]
    network = image_network(conditioning)
    size = network.output_shape[-1]
    options = {
        "norms": {"condition": playmask.Condition(size)},
        "attention": {"context": playmask.ContextAttention(size)},
        "both": {
            "condition": playmask.Condition(size), "context": playmask.ContextAttention(size)
        },
    }[conditioning]  # fmt: skip
    texts = [caption for _, caption in train]
    model = small(texts, vocabulary=100, length=LENGTH, width=width, mask="lm", depth=2, **options)
    task = playmask.ImageCaptioner.new(model, network, conditioning, max_length=LENGTH)
    clock, cpu = Clock(), time.process_time()
    task.fit(train, epochs=epochs, batch_size=32, learning_rate=RATE, directory=out)
    results: dict[str, float] = {"seconds of training": clock()}
    results["CPU seconds of training"] = round(time.process_time() - cpu, 1)
    images, wanted = map(list, zip(*test, strict=True))
    results |= {name: v for name, v in task.evaluate(test).items() if name != "examples"}
    made = task.predict(images, search=playmask.Beams(3))
    right = [one == other for one, other in zip(made, wanted, strict=True)]
    results |= {"exact, 3 beams": sum(right) / len(right), "BLEU": bleu(made, wanted, "char")}
    results["seconds of the rest"] = clock()
    report(out, results, zip(wanted[:5], made[:5], strict=True))
    playmask.draw_captions(task, test[:12], out / "captions.png")


if __name__ == "__main__":
    typer.run(main)
