"""English to German (multi30k): one encoder with the UniLM mask, BLEU of the 2016 test."""

from pathlib import Path

import typer

import playmask
from playmask.tasks import Seq2Seq
from scratch import Clock, Data, Epochs, Limit, Out, Width, bleu, lines_of, report
from scratch import small_model as small

LENGTH = 48  # of a sentence, in tokens


def main(
    data: Data,
    epochs: Epochs = 3,
    limit: Limit = None,
    width: Width = 128,
    out: Out = Path("runs/examples/translation"),
) -> None:
    """Learn to translate, then translate the test sentences."""
    folder = data / "multi30k_en_de"
    train, test = (
        [
            pair
            for pair in zip(
                *(lines_of(folder / f"{name}.{side}", limit) for side in ("en", "de")), strict=True
            )
            if all(text.strip() for text in pair)
        ]
        for name in ("train", "test_2016_flickr")
    )
    texts = [text for pair in train for text in pair]
    model = small(
        texts, vocabulary=5000, length=2 * LENGTH, width=width, lowercase=False, mask="unilm"
    )
    task = Seq2Seq.new(model, max_source=LENGTH, max_target=LENGTH)
    clock = Clock()
    task.fit(train, epochs=epochs, batch_size=48, learning_rate=1.5e-3, directory=out)
    seconds = clock()
    sources, wanted = map(list, zip(*test, strict=True))
    results: dict[str, float] = {"loss": task.evaluate(test)["loss"]}
    searches = {"greedy": playmask.Greedy(), "4 beams": playmask.Beams(4, length_penalty=1.0)}
    for name, search in searches.items():
        made = task.predict(sources, search=search)
        results[f"BLEU, {name}"] = bleu(made, wanted)
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    report(out, results, zip(sources[:4], made[:4], strict=True))


if __name__ == "__main__":
    typer.run(main)
