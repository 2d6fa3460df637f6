"""`playmask explain`: which characters carried a task's answer."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def explain(
    task_directory: Annotated[Path, Argument(metavar="TASK_DIR", help="A saved task.")],
    text: Annotated[str, Argument(metavar="TEXT", help="The text to explain.")],
    pair: Annotated[str | None, Option(help="The second text, for pairs.")] = None,
    answer: Annotated[
        str | None,
        Option(help="The answer to explain, such as a label. Default: what the task answers."),
    ] = None,
    baseline: Annotated[
        str | None,
        Option(help="What the text is compared with: mask, unk, pad, zero. Default: mask."),
    ] = None,
    steps: Annotated[
        int, Option(min=1, max=512, help="Points of the integral, doubled while they are too few.")
    ] = 16,
    out: Annotated[
        Path | None, Option(help="A .png, .svg or .html; without it, for the terminal.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what each character of a text brought to the task's answer.

    By integrated gradients: red speaks for the answer, blue against it, and all together they are
    what the text changed in the answer's score.
    """
    from playmask.cli.actions.explain import print_explanation, to_json
    from playmask.cli.bars import waiting
    from playmask.cli.output import note, print_json
    from playmask.inspection.explain import integrated_gradients
    from playmask.tasks import load_task

    task = load_task(task_directory)
    both = text if pair is None else (text, pair)
    with waiting("explaining…"):
        explanation = integrated_gradients(
            task, both, answer=answer, baseline=baseline, steps=steps
        )
    if out is not None:
        explanation.draw(out)
        note(f"The explanation is in {out}.")
    if as_json:
        print_json(to_json(explanation))
    elif out is None:
        print_explanation(explanation)
