"""A save is killed, or finds the disk full, at every file operation: old or new, whole."""

import shutil
from functools import partial

import numpy as np
import pytest

import playmask
from comparing import numpy_of, tiny
from crashes.disk import Full, before_each, content, leftovers, states
from playmask.cli.actions import convert
from playmask.errors import CheckpointError
from playmask.files.commits import COMMIT, recover
from playmask.model.parts import Learned
from playmask.model.transformer import weights_by_name

WORDS = "今天气真好不坏大小"


def tokenizer(words=WORDS, **options):
    return playmask.Tokenizer.from_texts([words], minimum=1, **options)


def model(seed, words=None, **changes):
    """A model; with words, one that has a tokenizer of them."""
    made = tiny(seed=seed, **changes)
    if words is not None:
        made.tokenizer = tokenizer(words)
    return made


def gpt2(seed, words=None):
    base = playmask.architecture("gpt2").change(
        vocabulary=40, width=24, depth=2, attention_heads=4, inner=96, position=Learned(20)
    )
    made = playmask.build(base, "mlm")
    made.tokenizer = None if words is None else tokenizer(words)
    return made


def saving(made, dialect="playmask", **options):
    return partial(playmask.save, made, dialect=dialect, **options)


OLD, NEW = partial(model, 1), partial(model, 2, activation="relu")
SMALL = {"shard_bytes": 9000}
CASES = {
    "playmask": (saving(OLD(WORDS)), saving(NEW(WORDS[:5]))),
    "playmask, tokenizer goes": (saving(OLD(WORDS)), saving(NEW())),
    "playmask, tokenizer comes": (saving(OLD()), saving(NEW(WORDS))),
    "google": (saving(OLD(WORDS), "google"), saving(NEW(), "google")),
    "huggingface": (saving(OLD(WORDS), "huggingface"), saving(NEW(WORDS[:5]), "huggingface")),
    "bin": (
        saving(OLD(), "huggingface", container="bin"),
        saving(NEW(WORDS), "huggingface", container="bin"),
    ),
    "fewer shards": (
        saving(OLD(WORDS), "huggingface", **SMALL),
        saving(NEW(), "huggingface", shard_bytes=18000),
    ),
    "megatron": (saving(gpt2(1), "megatron"), saving(gpt2(2), "megatron")),
    "a first save": (None, saving(NEW(WORDS), "huggingface")),
}


def loaded(directory):
    """All that a load gives: the architecture, the weights and what the tokenizer does."""
    again = playmask.load(directory, heads=())
    weights = {name: numpy_of(v.value) for name, v in weights_by_name(again).items()}
    words = None if again.tokenizer is None else again.tokenizer.vocabulary
    return again.architecture, weights, words


def same(one, other):
    return (
        one[0] == other[0]
        and one[2] == other[2]
        and one[1].keys() == other[1].keys()
        and all(np.array_equal(one[1][name], other[1][name]) for name in one[1])
    )


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    """A directory, what it held, and what writes another thing into it."""
    older, newer = CASES[request.param]
    directory = tmp_path / "it"
    if older is not None:
        older(directory)
    newer(tmp_path / "new")  # into nothing: what it has to be, with nothing of the old one's
    return directory, newer, content(tmp_path / "new")


def test_a_save_that_is_killed(case, tmp_path):
    """Every state is the old or the new, never old again after new; and loads as that."""
    directory, newer, new = case
    old = content(directory) if directory.exists() else {}
    with states(directory, tmp_path / "states") as copies:
        newer(directory)
    assert content(directory) == new and len(copies) > 10
    wholes = {name: loaded(place) for name, place in (("new", directory),)}
    outcomes, moving = [], 0
    for state in copies:
        pending = (state / COMMIT).is_dir()
        if pending:
            moving += 1
            assert same(loaded(shutil.copytree(state, tmp_path / "load")), wholes["new"])
            shutil.rmtree(tmp_path / "load")
        recover(state)
        outcomes.append({str(old): "old", str(new): "new"}.get(str(content(state)), state))
    assert outcomes == sorted(outcomes, key=("old", "new").index), outcomes
    assert {*outcomes} == {"old", "new"} and moving > 3
    newer(copies[0])  # the next save cleans up after the dead ones
    newer(copies[len(copies) // 3])
    assert content(copies[len(copies) // 3]) == new and not leftovers(copies[len(copies) // 3])


def test_a_save_onto_a_full_disk(case, tmp_path):
    """What it cannot write leaves the old whole, and one sentence; or the new is committed."""
    directory, newer, new = case
    old = content(directory) if directory.exists() else {}
    kinds, counting = set(), Full(1000)
    with before_each(counting):
        newer(tmp_path / "counting")
    some = range(0, counting.count, max(1, counting.count // 40))
    for number in sorted({*some, *range(counting.count - 30, 1000)} - {*range(-30, 0)}):
        place = tmp_path / "full"
        if directory.exists():
            shutil.copytree(directory, place)
        full, refused = Full(number), False
        try:
            with before_each(full):
                newer(place)
        except CheckpointError as error:
            assert "No space left on device" in str(error) and "staging" not in str(error)
            refused = True
        committed = (place / COMMIT).is_dir()
        recover(place)
        state = content(place) if place.exists() else {}
        assert state == (new if committed or not refused else old), full.names
        assert not leftovers(place)
        kinds.add((refused, committed))
        shutil.rmtree(place, ignore_errors=True)
        if not full.names:
            break
    assert kinds == {(True, False), (True, True), (False, False)}


def test_a_conversion_that_is_killed(tmp_path):
    source = playmask.save(OLD(WORDS), tmp_path / "source")
    older, target = playmask.save(NEW(), tmp_path / "target", "huggingface"), tmp_path / "target"
    old = content(older)
    with states(target, tmp_path / "states") as copies:
        convert.run(str(source), target, convert.Conversion("huggingface"), force=True)
    new = content(target)
    for state in copies:
        recover(state)
        assert content(state) in (old, new)
    assert old != new and same(loaded(copies[-1]), loaded(target))


def test_half_of_two_saves_is_refused(tmp_path):
    """Whatever part of one is copied over the other."""
    one, two = (saving(m(WORDS), "huggingface") for m in (OLD, partial(NEW)))
    first, second = one(tmp_path / "one"), two(tmp_path / "two")
    assert {p.name for p in first.iterdir()} == {p.name for p in second.iterdir()}
    for name in sorted(p.name for p in first.iterdir()):
        if (first / name).read_bytes() == (second / name).read_bytes():
            continue
        mixed = shutil.copytree(first, tmp_path / f"{name} of two")
        shutil.copy(second / name, mixed / name)
        with pytest.raises(CheckpointError, match=r"checksums\.json.*save|of another save"):
            playmask.load(mixed)
        (mixed / "checksums.json").unlink()
        if name != "model.safetensors":
            playmask.load(mixed)  # on purpose
    (first / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing, which checksums\.json"):
        playmask.load(first)


@pytest.mark.parametrize("dialect", ["playmask", "google", "huggingface"])
def test_every_flipped_bit_of_the_weights_is_noticed(dialect, tmp_path):
    """Also in the header, in padding, and in what no weight is filled from."""
    playmask.save(OLD(), tmp_path, dialect)
    file = max(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    whole, random = file.read_bytes(), np.random.default_rng(0)
    places = [*range(0, 16, 5), len(whole) - 1, *random.integers(0, len(whole), 20)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            playmask.load(tmp_path)
    file.write_bytes(whole)
    playmask.load(tmp_path)
    manifest = tmp_path / "checksums.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"size": ', '"size": 1', 1))
    with pytest.raises(CheckpointError, match="its own checksum does not fit"):
        playmask.load(tmp_path)
    manifest.write_text('{"some other": "program"}')
    playmask.load(tmp_path)
