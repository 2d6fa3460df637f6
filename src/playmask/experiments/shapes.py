"""Images that are drawn, with captions: one or two groups of shapes, each group in a corner.

Which shape, colour, number and corner come together in the test was never together in the training.
"""

import math
import random
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image, ImageDraw

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
TEST = 0.2  # of the combinations


Captioned = tuple[np.ndarray, str]  # pixels, uint8 (SIDE, SIDE, 3), and what they show


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
            right = x + CORNER * (group.corner % 2) + random.uniform(-1, 1)
            down = y + CORNER * (group.corner // 2) + random.uniform(-1, 1)
            points = outline(group.shape, right, down, random.uniform(4.2, 5.4))
            colour = tuple(c + random.randint(-15, 15) for c in COLOURS[group.colour])
            pen.polygon([(SCALE * a, SCALE * b) for a, b in points], fill=colour)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def scenes(groups: list[Group], count: int, random: random.Random) -> Iterator[Captioned]:
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


def captioned(count: int, seed: int) -> list[Captioned]:
    """Images of combinations to learn from (seed 0), or of those held out (any other)."""
    training, test = combinations(random.Random(0))
    return [*scenes(test if seed else training, count, random.Random(seed))]
