"""What the works are done on: checkpoints with random weights that all read, and real texts."""

import gzip
import itertools
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
VOCABULARY = ROOT / "tests" / "oracles" / "vocab_zh.txt"
REVIEWS = ROOT / "data" / "reviews_zh" / "train.tsv.gz"
LABELS = [f"L{i}" for i in range(8)]
CALIBRATED = 64  # texts by which ranges are measured, ours and others'
EPOCH = 34_334  # pairs that afqmc has to learn from
SMALL = {"width": 32, "attention_heads": 2, "inner": 64, "depth": 2}
MIDDLE = {"width": 384, "attention_heads": 12, "inner": 1536, "depth": 6}  # MiniLM's shape


class Material:
    """Files under a folder, each made when it is first asked for.

    small: tiny models and few texts, to see that everything runs; device: "cpu" or "gpu", whose
    cases are wanted
    """

    def __init__(self, place: Path, *, small: bool = False, device: str = "cpu") -> None:
        self.place, self.small = place / ("small" if small else "full"), small
        self.device = device
        self.place.mkdir(parents=True, exist_ok=True)

    @property
    def runs_on(self) -> str:
        """Where sides compute: what is tiny needs no card."""
        return "cpu" if self.small else self.device

    def few(self, shapes: list[Any]) -> list[Any]:
        """All shapes; the first one alone where models are tiny, and all alike."""
        return shapes[:1] if self.small else shapes

    def _made(self, name: str, make: Callable[[Path], Any]) -> str:
        """A folder that is there whole or not at all."""
        path = self.place / name
        if not path.exists():
            beside = self.place / f"making.{name}"
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir()
            make(beside)
            beside.rename(path)
        return str(path)

    def architecture(self, family: str = "bert", **changes: Any) -> Any:
        """An architecture of base size, or tiny."""
        import playmask

        base = playmask.architecture(family)
        if family == "bert":
            base = base.change(vocabulary=21128)
        if self.small:
            changes |= SMALL
            if family == "t5":
                head = replace(base.vocabulary_head, scale=SMALL["width"] ** -0.5)
                decoder = replace(base.decoder, depth=SMALL["depth"])
                changes |= {"key_size": 16, "value_size": 16, "vocabulary_head": head}
                changes["decoder"] = decoder
        return base.change(**changes)

    def checkpoint(self, family: str, dialect: str, heads: Sequence[str]) -> str:
        """A published model's format, with its vocabulary file where it is a BERT."""
        import playmask

        def make(path: Path) -> None:
            import keras

            keras.utils.set_random_seed(0)
            model = playmask.build(self.architecture(family), heads=heads)
            playmask.save(model, path, dialect=dialect)
            if family == "bert":
                shutil.copy(VOCABULARY, path / "vocab.txt")

        return self._made("-".join((family, dialect, *heads)), make)

    def classifier(self, middle: bool = False) -> tuple[str, str]:
        """The same classifier twice: a task of playmask's, and a checkpoint of Hugging Face's."""
        size = MIDDLE if middle and not self.small else {}
        name = "middle" if middle else "base"

        def ours(path: Path) -> None:
            import playmask

            task = playmask.TextClassifier.new(
                self._body(size, ("pool",)), ["0", "1"], tokenizer=self._words(), pooling="pooled"
            )
            task.save(path)

        task = self._made(f"classifier-{name}", ours)
        theirs = self._made(
            f"classifier-{name}-huggingface",
            lambda path: _as_huggingface(
                task, path, "labels", "BertForSequenceClassification", None
            ),
        )
        return task, theirs

    def encoder(self) -> tuple[str, str]:
        """The Chinese encoder that comes along, or a tiny one: as a task, and published."""

        def ours(path: Path) -> None:
            import playmask

            task = (
                playmask.SentenceEncoder.new(
                    self._body({}), tokenizer=self._words(), max_length=128, language_model=0
                )
                if self.small
                else playmask.load_task("zh-small")
            )
            task.save(path)

        def theirs(path: Path) -> None:
            import playmask

            playmask.load_task(task).save(path, dialect="sentence-transformers")

        task = self._made("encoder", ours)
        return task, self._made("encoder-published", theirs)

    def reranker(self, longest: int) -> str:
        """The same encoder with a head that scores pairs and has learnt nothing."""

        def make(path: Path) -> None:
            import keras

            import playmask

            keras.utils.set_random_seed(0)
            encoder = playmask.load_task(self.encoder()[0])
            playmask.Reranker.new(
                encoder.transformer, tokenizer=encoder.tokenizer, max_length=longest
            ).save(path)

        return self._made("reranker", make)

    def exported(self, task: str, quantize: str | None = None, calibrate: str | None = None) -> str:
        """A task as a graph, its weights as they are or in 8 bits; calibrate: a JSON list."""

        def make(path: Path) -> None:
            import playmask

            options: Any = quantize
            if calibrate is not None:
                texts = json.loads(Path(calibrate).read_text(encoding="utf-8"))
                options = playmask.Int8(calibrate=texts[:CALIBRATED])
            playmask.load_task(task).export(path, quantize=options)

        form = f"{quantize or 'float32'}{'-static' * (calibrate is not None)}"
        return self._made(f"{Path(task).name}-{form}", make)

    def tagger(self) -> tuple[str, str]:
        """The same tagger twice, with the tags of eight labels."""
        size = {} if self.small else MIDDLE

        def ours(path: Path) -> None:
            import playmask

            task = playmask.SequenceTagger.new(
                self._body(size), LABELS, tokenizer=self._words(), tagger="softmax"
            )
            task.save(path)

        task = self._made("tagger", ours)
        tags = ["O", *(f"{letter}-{label}" for label in LABELS for letter in "BI")]
        theirs = self._made(
            "tagger-huggingface",
            lambda path: _as_huggingface(task, path, "tags", "BertForTokenClassification", tags),
        )
        return task, theirs

    def linker(self) -> str:
        """A relation extractor with 48 predicates, which is far from finding anything."""
        size = {} if self.small else MIDDLE

        def make(path: Path) -> None:
            import playmask

            labels = [f"P{i}" for i in range(4 if self.small else 48)]
            task = playmask.RelationExtractor.new(self._body(size), labels, tokenizer=self._words())
            task.save(path)

        return self._made("linker", make)

    def _body(self, size: dict[str, Any], heads: Sequence[str] = ()) -> Any:
        import keras

        import playmask

        keras.utils.set_random_seed(0)
        return playmask.build(self.architecture(**size), heads=heads)

    def _words(self) -> Any:
        import playmask

        return playmask.Tokenizer.load(VOCABULARY)

    def texts(self, count: int, cut: int | None = None) -> str:
        """Real reviews of natural lengths, or of so many characters at most, as a JSON list."""
        return self._json(
            f"texts-{count}-{cut}",
            lambda: [text[:cut] for text in itertools.islice(_reviews(), count)],
        )

    def pieces(self, count: int, size: int) -> str:
        """Pieces of reviews of so many Chinese characters, each of which is a token."""

        def made() -> list[str]:
            letters = (c for review in _reviews() for c in review if "\u4e00" <= c <= "\u9fff")
            return ["".join(itertools.islice(letters, size)) for _ in range(count)]

        return self._json(f"pieces-{count}-{size}", made)

    def pairs(self, count: int, batch: int, first: int | None = None) -> str:
        """Pairs of questions (afqmc) where PLAYMASK_DATA has them, or of reviews; all or the first.

        They are a slice of an epoch: of all pairs, sorted by length and cut into batches, every
        n-th batch. So who sorts by length has the batches that a whole epoch has, and who does not
        draws from the same lengths.
        """
        folder = os.environ.get("PLAYMASK_DATA")
        source = Path(folder) / "afqmc" / "train.tsv" if folder else None
        if source is None or not source.exists():
            if not self.small:
                raise SystemExit("fine-tuning needs afqmc/train.tsv of PLAYMASK_DATA; set it.")
            texts = list(itertools.islice(_reviews(), 2 * count))
            made = [[a[:40], b[:40], str(i % 2)] for i, (a, b) in enumerate(zip(texts[::2], texts[1::2], strict=True))]  # fmt: skip # noqa: E501
            return self._json(f"pairs-{count}-{first}", lambda: made[:first])
        lines = source.read_text(encoding="utf-8").splitlines()
        rows = [row for row in (line.split("\t") for line in lines) if row[2:] in (["0"], ["1"])]
        rows.sort(key=lambda row: len(row[0]) + len(row[1]))
        starts = np.linspace(0, len(rows), count // batch, endpoint=False)
        middle = len(rows) // (2 * len(starts))
        chosen = [rows[int(start) + middle :][:batch] for start in starts]
        name = f"slice-{count}-{batch}-{first}"
        return self._json(name, lambda: [*itertools.chain(*chosen)][:first])

    def _json(self, name: str, make: Callable[[], Any]) -> str:
        def write(path: Path) -> None:
            content = json.dumps(make(), ensure_ascii=False)
            (path / "texts.json").write_text(content, encoding="utf-8")

        return self._made(name, write) + "/texts.json"


def lengths(path: str, texts: str, longest: int) -> np.ndarray:
    """How many tokens each text, or pair, has, special ones included."""
    import playmask

    rows = json.loads(Path(texts).read_text(encoding="utf-8"))
    words = playmask.Tokenizer.load(path)
    if isinstance(rows[0], str):
        made = words.encode(rows, max_length=longest)
    else:
        made = words.encode([r[0] for r in rows], [r[1] for r in rows], max_length=longest)
    return np.array([len(encoding.ids) for encoding in made])


def _reviews() -> Any:
    """The reviews, again and again."""
    with gzip.open(REVIEWS, "rt", encoding="utf-8") as lines:
        reviews = [line.rsplit("\t", 1)[0] for line in lines]
    return itertools.cycle(reviews)


def _as_huggingface(
    task: str, path: Path, layer: str, kind: str, labels: Sequence[str] | None
) -> None:
    """Write a task's Transformer and its dense layer as transformers names them."""
    from safetensors.numpy import load_file, save_file

    import playmask
    from playmask.tasks.saving import all_weights

    made = playmask.load_task(task)
    playmask.save(made.transformer, path, dialect="huggingface")
    shutil.copy(VOCABULARY, path / "vocab.txt")
    tensors = load_file(path / "model.safetensors")
    own = {name: np.asarray(v.value) for name, v in all_weights(made.network).items()}
    tensors["classifier.weight"] = np.ascontiguousarray(own[f"task/{layer}/kernel"].T)
    tensors["classifier.bias"] = own[f"task/{layer}/bias"]
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    count = len(tensors["classifier.bias"])
    names = list(labels or (f"LABEL_{i}" for i in range(count)))
    config |= {
        "architectures": [kind],
        "id2label": dict(enumerate(names)),
        "label2id": {name: i for i, name in enumerate(names)},
    }
    (path / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
