"""Chinese captions of drawn shapes: a text model on the condition of an image.

The images are drawn by playmask.experiments.shapes: one or two groups of shapes, each group in a
corner. Which shape, colour, number and corner come together in the test was never together in the
training.
"""

import time
from pathlib import Path
from typing import Annotated

import typer

import playmask
from playmask.experiments.shapes import captioned, image_network
from scratch import Clock, Epochs, Out, Width, bleu, report
from scratch import small_model as small

LENGTH = 26  # of a caption, in tokens
RATE = 2e-3
TEST = 0.2  # of the images

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
    held = int(TEST * limit)
    train, test = captioned(limit - held, 0), captioned(held, 1)
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
