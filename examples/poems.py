"""Tang poems of a wanted form: a language model whose norms are told the form."""

import re
from pathlib import Path

import typer

import playmask
from playmask.tasks import LanguageModel
from scratch import Clock, Data, Epochs, Limit, Out, Width, objects_of, report
from scratch import small_model as small

LENGTH = 68  # eight lines of seven characters, their signs, and both ends
FORMS = {"五絕": (4, 5), "七絕": (4, 7), "五律": (8, 5), "七律": (8, 7)}  # lines, characters
EACH = 100  # poems written of each form


def form_of(poem: str) -> str | None:
    """The form of a poem, if it has one: so many lines of so many characters."""
    lines = [line for line in re.split("[，。？！；]", poem.replace(" ", "")) if line]
    shape = (len(lines), len(lines[0]) if lines else 0)
    regular = all(len(line) == shape[1] for line in lines)
    return next((name for name, one in FORMS.items() if regular and one == shape), None)


def main(
    data: Data,
    epochs: Epochs = 6,
    limit: Limit = None,
    width: Width = 192,
    out: Out = Path("runs/examples/poems"),
) -> None:
    """Learn poems with their forms, then write some of each form."""
    train, test = (
        [
            (row["text"], form)
            for row in objects_of(data / "tang_poetry" / name, limit)
            if (form := form_of(row["text"]))
        ]
        for name in ("train.json", "test.json")
    )
    model = small(
        [text for text, _ in train],
        vocabulary=6000,
        length=LENGTH,
        width=width,
        mask="lm",
        condition_size=len(FORMS),
    )
    task = LanguageModel.new(model, max_length=LENGTH, condition="label", labels=[*FORMS])
    clock = Clock()
    task.fit(train, epochs=epochs, learning_rate=1.5e-3, directory=out)
    seconds = clock()
    wanted = [form for form in FORMS for _ in range(EACH if limit is None else 1)]
    made = task.predict(
        [""] * len(wanted),
        label=wanted,
        max_tokens=LENGTH - 1,
        search=playmask.Sample(top_p=0.9),
        seed=0,
    )
    met = [form_of(poem) == form for poem, form in zip(made, wanted, strict=True)]
    results = task.evaluate(test) | {"right form": sum(met) / len(met)}
    for form in FORMS:
        here = [right for right, one in zip(met, wanted, strict=True) if one == form]
        results[f"right form, {form}"] = sum(here) / len(here)
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    firsts = [wanted.index(form) for form in FORMS]
    report(out, results, [(wanted[i], made[i].replace(" ", "")) for i in firsts])


if __name__ == "__main__":
    typer.run(main)
