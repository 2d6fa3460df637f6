"""Pictures: written whole or not at all, in any thread, with every character drawable."""

import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from playmask.errors import InputError
from playmask.inspection.draw import (
    attention_picture,
    attribution_page,
    attribution_picture,
    caption_picture,
    confusion_picture,
    confusion_text,
    mask_picture,
    training_curve,
)
from playmask.inspection.draw.colours import SIGNED, tint
from playmask.inspection.draw.runs import compared_curves
from playmask.inspection.draw.searches import search_picture
from playmask.inspection.draw.sheet import write_whole
from playmask.inspection.draw.terminal import cut, fitted, shade, visible, width_of
from playmask.inspection.fonts import BASE, Letters, font_families

CHINESE = ["[CLS]", *"北京是中国的首都龍", "##ing", "，", "▁the", "Ġa", "[SEP]"]
HISTORY = {"loss": [2.0, 1.0], "val_loss": [1.5, 1.2], "accuracy": [0.5, 0.8]}


@pytest.fixture(autouse=True)
def missing_glyphs_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def size(path) -> tuple[int, int]:
    """The width and height of a PNG file."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", content[16:24])


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(shape[-1]), shape[:-1])


def test_mask_picture(tmp_path):
    count, path = len(CHINESE), tmp_path / "mask.png"
    mask_picture(np.tri(count), path, rows=CHINESE, columns=CHINESE, title="自左向右 $x$ $")
    width, height = size(path)
    assert 400 < width < 1_200 and 400 < height < 1_200
    mask_picture([[True]], path)
    assert min(size(path)) > 200
    mask_picture(np.tri(600), path)
    assert max(size(path)) < 1_300
    assert list(tmp_path.iterdir()) == [path]


def test_mask_picture_is_dark_where_a_row_may_look(tmp_path):
    from matplotlib.image import imread

    mask_picture([[True, False], [True, True]], tmp_path / "mask.png")
    picture = imread(tmp_path / "mask.png")[..., 0]
    assert picture[[0, -1]].min() == 1.0  # a white edge
    height, width = picture.shape
    cells = picture[np.ix_([height // 3, 2 * height // 3], [width // 3, 2 * width // 3])]
    np.testing.assert_array_equal(cells < 0.5, [[True, False], [True, True]])


def test_attention_picture(tmp_path):
    count = len(CHINESE)
    attention_picture(weights(count, 3), CHINESE, "一二三", tmp_path / "one.png", title="第一层")
    one = size(tmp_path / "one.png")
    attention_picture(weights(4, count, 3), CHINESE, "一二三", tmp_path / "four.png")
    assert size(tmp_path / "four.png")[0] > one[0]
    attention_picture(weights(2, 2) * np.nan, "一二", "一二", tmp_path / "nan.svg")
    assert (tmp_path / "nan.svg").read_text("utf-8").rstrip().endswith("</svg>")


def test_every_picture_says_below_itself_what_its_axes_are(tmp_path, figures):
    from matplotlib import rcParams

    before = dict(rcParams)
    trial = {"trial": 0, "value": 0.5, "options": {"rate": 1e-5}}
    mask_picture(np.tri(3), tmp_path / "a.png", title="遮罩")
    attention_picture(weights(2, 2), "一二", "一二", tmp_path / "b.png")
    confusion_picture(COUNTS, "好中差", tmp_path / "c.png", title="验证集")
    training_curve(HISTORY, tmp_path / "d.png")
    compared_curves({"甲": HISTORY}, ["val_loss"], tmp_path / "e.png")
    search_picture([trial], {"rate": True}, "f1", tmp_path / "f.png")
    attribution_picture([TEXT], tmp_path / "g.png")
    said = ["Rows: queries", "attention weight", "right classes", *["Horizontally: epochs"] * 2]
    said += ["Vertically: f1", "Red pieces"]
    for figure, words in zip(figures, said, strict=True):
        caption, *titles = figure.texts
        assert words in " ".join(caption.get_text().split())
        boxes = [axes.get_tightbbox() for axes in figure.axes]
        assert caption.get_window_extent().y1 < min(box.y0 for box in boxes)
        for title in titles:
            assert title.get_window_extent().y0 > max(box.y1 for box in boxes)
        assert len(titles) <= 1 and caption.get_family()[0] == BASE[0]
    assert [text.get_text() for figure in figures for text in figure.texts[1:]] == [
        "遮罩", "验证集"
    ]  # fmt: skip
    assert dict(rcParams) == before


@pytest.fixture
def figures(monkeypatch) -> list:
    """The figures that were saved."""
    from matplotlib.figure import Figure

    kept: list = []
    real = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (kept.append(self), real(self, *a, **k))
    )
    return kept


def names(figure) -> list[str]:
    """What stands below the panels."""
    return [axes.get_xlabel() for axes in figure.axes if axes.images and axes.get_xlabel()]


def test_layers_have_a_row_of_panels_each(tmp_path, figures):
    path = tmp_path / "a.png"
    layers = [weights(heads, 5, 5) for heads in (2, 3)]
    attention_picture(layers, "一二三四五", "一二三四五", path)
    wanted = [f"layer {i} · head {j}" for i, heads in enumerate((2, 3)) for j in range(heads)]
    assert names(figures[0]) == wanted
    boxes = [axes.get_position() for axes in figures[0].axes[:5]]
    assert boxes[0].y0 == boxes[1].y0 > boxes[2].y1 and boxes[2].x0 == boxes[0].x0
    labelled = [bool(axes.get_xticklabels()) for axes in figures[0].axes[:5]]
    assert labelled == [True, True, False, False, True]  # those with nothing above them
    attention_picture(layers[0], "一二三四五", "一二三四五", path, names=["甲", "乙"])
    assert names(figures[1]) == ["甲", "乙"]
    with pytest.raises(InputError, match="1 names for 2 panels"):
        attention_picture(layers[0], "一二三四五", "一二三四五", path, names=["甲"])
    with pytest.raises(InputError, match=r"shape \(3, 5, 4\); .* numbers of tokens, \(5, 5\)"):
        attention_picture([layers[0], layers[1][..., 1:]], "一二三四五", "一二三四五", path)


def test_weights_below_zero_are_blue_and_those_above_red(tmp_path):
    from matplotlib.image import imread

    grid = np.array([[-2.0, 0], [0, 1]])
    attention_picture(grid, "ab", "ab", tmp_path / "a.png")
    picture = imread(tmp_path / "a.png")[..., :3]
    height, width = picture.shape[:2]
    below, above = picture[height // 3, width // 4], picture[3 * height // 4, 5 * width // 8]
    assert below[2] > below[0] + 0.3 and above[0] > above[2] + 0.1


def test_labels_of_neighbours_do_not_overlap(tmp_path, figures):
    words = ["[CLS]", *"今天天气很好我们去公园散步", "playing", "##ing"] * 4
    attention_picture(weights(64, 64), words, words, tmp_path / "a.png")
    axes = figures[0].axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        boxes = [text.get_window_extent() for text in axis.get_ticklabels()]
        assert len(boxes) == 64
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_training_curve(tmp_path, epochs):
    history = {name: np.linspace(*values, epochs) for name, values in HISTORY.items()}
    training_curve(history, tmp_path / "both.png", title="中文评论")
    training_curve({"loss": [1.0] * epochs}, tmp_path / "loss.png")
    assert size(tmp_path / "both.png")[0] > 1.5 * size(tmp_path / "loss.png")[0]


@pytest.mark.parametrize("epochs", [1, 40])
def test_a_run_has_panels_for_the_rate_and_the_gradients(tmp_path, figures, epochs):
    more = {"learning_rate": (1e-4, 0.0), "gradient_norm": (3.0, 1.0), "val_perplexity": (9.0, 4.0)}
    ends = {"loss": (2.0, 0.1), "val_loss": (2.0, 0.5), "val_f1": (0.1, 0.9), **more}
    history = {name: np.linspace(*both, epochs) for name, both in ends.items()}
    steps = {"epochs": [0.5, 1.0], "learning_rate": [1e-4, 0.0], "loss": [2.0, float("nan")]}
    training_curve(history, tmp_path / "run.png", steps=steps, title="中文评论")
    titles = [axes.get_title(loc="left") for axes in figures[0].axes[:5]]
    norm = "gradient norm, before clipping"
    assert titles == ["loss", "f1", "perplexity", "learning rate", norm]
    assert list(figures[0].axes[3].lines[0].get_xdata()) == [0.5, 1.0]
    assert list(figures[0].axes[0].lines[0].get_xdata()) == [0.5, 1.0]  # the loss, by steps
    across = {axes.get_xlabel() for axes in figures[0].axes[:5]}
    assert across == {"epoch"} and figures[0].axes[1].get_ylabel() == "share, 0 to 1"
    runs = {f"甲{i}": history for i in range(6)}
    compared_curves(runs, ["val_loss", "val_f1"], tmp_path / "runs.png")
    lines = figures[1].axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(runs)
    with pytest.raises(InputError, match="no curve to draw"):
        compared_curves(runs, ["val_accuracy"], tmp_path / "none.png")


def test_a_search_is_drawn_over_its_options(tmp_path, figures):
    trials = [
        {"trial": 0, "value": 0.5, "options": {"rate": 1e-5, "pooling": None}},
        {"trial": 1, "value": None, "options": {"rate": 1e-4, "pooling": "甲"}},
        {"trial": 2, "value": 0.7, "options": {"rate": 1e-3, "pooling": "乙"}},
    ]
    options = {"rate": True, "pooling": False}
    search_picture(trials, options, "f1", tmp_path / "search.png", title="搜索")
    order, rate, pooling = figures[0].axes[:3]
    assert rate.get_xscale() == "log" and order.get_xscale() == "linear"
    assert [label.get_text() for label in pooling.get_xticklabels()] == ["None", "乙"]
    sizes = [int(size) for size in order.collections[0].get_sizes()]
    assert len(sizes) == 2 and sizes[1] > sizes[0]
    with pytest.raises(InputError, match="No trial came to its end"):
        search_picture(trials[1:2], options, "f1", tmp_path / "none.png")


def test_letters_that_no_font_has():
    letters = Letters(["北京", "\U0001f9ff", "a\ufe0f", "\U000e0041", "\ud800"])
    assert letters.drawable("北京") == "北京"
    assert letters.drawable("北\U0001f9ff") in ("北□", "北\U0001f9ff")
    assert letters.drawable("\ud800") == r"\ud800"
    assert letters.drawable("a\n\t") == r"a\n\t"
    assert letters.drawable("  ") == "␣␣"
    assert letters.drawable("") == ""
    assert letters.drawable("\u200d") == r"\u200d"
    assert letters.drawable("a\u200db") == "ab"
    assert letters.drawable("一二三四五", 3) == "一二…"
    assert font_families("北京 ▁theĠ龍あ①") == list(BASE)


def test_pictures_of_emoji_and_control_characters(tmp_path):
    words = ["😀", "👨‍👩‍👧", "❤️", "\n", "\0", " ", "", "\u200b", "﷽", "ก็", "\ud83d", "\U00030edd"]
    mask_picture(np.tri(len(words)), tmp_path / "odd.png", rows=words, columns=words, title="😀$")
    assert min(size(tmp_path / "odd.png")) > 300


def test_a_failed_picture_leaves_no_file(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    path = tmp_path / "a.png"
    mask_picture(np.tri(2), path)
    before = path.read_bytes()

    def fail(figure, file, **options):
        file.write_bytes(b"half")
        raise RuntimeError("out of ink")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(RuntimeError, match="out of ink"):
        mask_picture(np.tri(3), path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_pictures_from_threads(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: mask_picture(np.tri(3), path, rows="甲乙丙"), paths))
    assert len({path.read_bytes() for path in paths}) == 1


def test_refusals(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(InputError, match=r"mask has the shape \(3,\); \(T, S\)"):
        mask_picture([True] * 3, path)
    with pytest.raises(InputError, match="2 labels for 3 rows"):
        mask_picture(np.tri(3), path, rows=["a", "b"])
    with pytest.raises(InputError, match=r"shape \(2, 3, 3\); .* numbers of tokens, \(3, 2\)"):
        attention_picture(weights(2, 3, 3), "abc", "ab", path)
    with pytest.raises(InputError, match="no curve to draw"):
        training_curve({"loss": []}, path)
    with pytest.raises(InputError, match=r"format is 'gif'; \.png or \.svg"):
        mask_picture(np.tri(3), tmp_path / "a.gif")
    with pytest.raises(InputError, match=r"none.a\.png: The file cannot be written \(No such"):
        mask_picture(np.tri(3), tmp_path / "none" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_matplotlib_is_imported_when_it_is_needed():
    code = "import sys, playmask.inspection.draw; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


TEXT = [("房间", -0.5), (" ", 0.0), ("很", 0.1), ("干净", 2.0), ("，还会再来", None)]


def test_attribution_picture(tmp_path, figures):
    from matplotlib.colors import to_hex

    attribution_picture([TEXT], tmp_path / "a.png", title="好评 $x$", notes=["16 points"])
    [axes] = figures[0].axes
    colours = [to_hex(patch.get_facecolor()) for patch in axes.patches]
    assert colours == [tint(-0.25), tint(0.05), tint(1.0)]
    written = [text.get_text() for text in axes.texts]
    assert written[:5] == ["好评 $x$", "房间", " ", "很", "干净"] and written[-1] == "16 points"
    assert "".join(written[5:10]) == "，还会再来"
    assert "against -2" in written and "+2 for" in written
    one = size(tmp_path / "a.png")
    attribution_picture([TEXT * 12, TEXT], tmp_path / "b.svg", title="好评")
    attribution_picture([TEXT * 12, TEXT], tmp_path / "b.png")
    many = size(tmp_path / "b.png")
    assert many[0] < 1_200 and many[1] > one[1] + 100


def test_lines_break_between_pieces_and_before_no_comma(tmp_path, figures):
    text = [("天", 1.0)] * 60 + [("word" * 30, 0.5), ("\n", 0.0), ("。", 0.2)]
    attribution_picture([text], tmp_path / "a.png")
    [axes] = figures[0].axes
    places = [(t.get_position(), t.get_text()) for t in axes.texts if t.get_size() == 13]
    lines: dict[float, str] = {}
    for (_, down), word in places:
        lines[round(down, 3)] = lines.get(round(down, 3), "") + word
    assert len(lines) >= 5 and list(lines.values())[-1] == "。"
    assert "".join(lines.values()) == "天" * 60 + "word" * 30 + "。"
    ends = [text.get_window_extent().x1 for text in axes.texts]
    assert max(ends) < 1.03 * 7.0 * figures[0].dpi
    full = [("天", 1.0)] * 38
    attribution_picture([[*full, ("，", 0.0)]], tmp_path / "b.png")
    downs = [t.get_position()[1] for t in figures[1].axes[0].texts if t.get_text() in "天，"]
    assert downs[-1] == downs[-2]


def test_attributions_of_odd_texts(tmp_path):
    odd = [("😀", 1.0), ("👨\u200d👩\u200d👧", -1.0), ("\t\r\n", 0.0), ("שלום", 0.3), ("\x00", 0.1)]
    odd.append(("\u200d", None))
    for make, name in ((attribution_picture, "a.png"), (attribution_page, "a.html")):
        make([odd], tmp_path / name)
        make([[("a", 0.0)]], tmp_path / f"still.{name}")
        with pytest.raises(InputError, match="There is no text to draw"):
            make([[], [("", 1.0)]], tmp_path / "none.png")
        with pytest.raises(InputError, match="cannot be written"):
            make([odd], tmp_path / "none" / name)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_tint_lies_between_the_ends():
    assert (tint(-1), tint(0), tint(1)) == SIGNED == (tint(-9), tint(0.0), tint(9))
    red, green, blue = (int(tint(0.5)[i : i + 2], 16) for i in (1, 3, 5))
    assert red > green > blue > int(SIGNED[2][5:], 16)


@pytest.mark.parametrize(
    ("text", "columns", "found"),
    [("天地", 6, "天地  "), ("天地玄", 4, "天… "), ("abc", 2, "a…"), ("e\u0301", 2, "e\u0301 ")],
)
def test_texts_are_fitted_into_columns(text, columns, found):
    assert fitted(text, columns) == found and width_of(found) == columns


def test_terminal_helpers():
    assert (cut("天a地", 3), cut("天", 1)) == ("天a", "")
    assert visible("a\x1b[2J\n\u200d\x9b") == "a�[2J\n\u200d�"
    assert "".join(map(shade, (0.0, 0.25, 0.5, 0.75, 1.0, 7.0))) == " ░▒▓██"


COUNTS = [[40, 3, 0], [9, 48, 1], [0, 0, 7]]


def test_confusion_picture(tmp_path):
    path = tmp_path / "confusions.png"
    confusion_picture(COUNTS, ["正面", "负面", "neutral $x$"], path, title="验证集")
    width, height = size(path)
    assert 250 < width < 700 and 250 < height < 700
    confusion_picture(np.eye(200, dtype=int), [f"意图{i}" for i in range(200)], path)
    assert max(size(path)) < 3_000
    confusion_picture(np.zeros((2, 2), int), ["好", "差"], tmp_path / "none.svg")
    assert (tmp_path / "none.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_confusion_picture_is_dark_where_a_row_is_right(tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "confusions.png"
    confusion_picture([[9, 0], [9, 0]], ["a", "b"], path)
    dark = imread(path)[..., :3].mean(-1) < 0.25
    columns = np.flatnonzero(dark.sum(axis=0) > dark.shape[0] / 3)
    assert columns.size > 40 and columns.max() < dark.shape[1] * 0.7  # all in the first column


def test_confusion_text_lines_up():
    text = confusion_text(COUNTS, ["正面", "负面", "neutral and so on"])
    head, *rows, legend = text.splitlines()
    assert {width_of(line) for line in (head, *rows)} == {width_of(head)}
    assert rows[0].startswith("1 正面 ") and rows[0].endswith("█40    3    ·")
    assert "…" in rows[2] and rows[2].endswith("█ 7")
    assert "targets" in legend


@pytest.mark.parametrize("counts", [[[1, 2]], [[1, 2], [3, 4]], []])
def test_a_confusion_matrix_has_the_labels_at_both_sides(counts, tmp_path):
    labels = ["a", "b", "c"] if len(counts) else []
    with pytest.raises(InputError, match="The confusion matrix has the shape"):
        confusion_picture(counts, labels, tmp_path / "x.png")
    with pytest.raises(InputError, match="The confusion matrix has the shape"):
        confusion_text(counts, labels)


def test_a_file_that_cannot_be_written_is_refused_whatever_the_reason(tmp_path):
    path = tmp_path / "x.svg"

    def refuse(reason):
        def write(beside):
            beside.write_text("half")
            raise reason

        return write

    for reason, says in ((OSError("odd"), "odd"), (OSError(28, "No space left"), "No space left")):
        with pytest.raises(InputError, match=rf"x\.svg: The file cannot be written \({says}\)\."):
            write_whole(path, refuse(reason))
    with pytest.raises(InputError, match=r"written \(No such folder: .*away\)\."):
        write_whole(tmp_path / "away" / "x.svg", refuse(OSError()))
    assert not [*tmp_path.iterdir()]


def test_caption_picture(tmp_path):
    from matplotlib.image import imread

    red, blue = (np.full((8, 12, 3), colour, "uint8") for colour in ((255, 0, 0), (0, 0, 255)))
    path = tmp_path / "captions.png"
    caption_picture([red], ["龍 $x$ 一只" * 9], path, title="图")
    one = size(path)
    due = ["蓝", None, None, None, None]
    caption_picture([red, blue] * 2 + [red], ["红"] * 5, path, due=due)
    picture = imread(path)[..., :3]
    assert size(path)[0] > 3 * one[0] / 1.5 and size(path)[1] > 300
    colours = {tuple(np.round(255 * pixel).astype(int)) for row in picture for pixel in row}
    assert {(255, 0, 0), (0, 0, 255), (192, 97, 43)} <= colours  # the first caption is wrong
    caption_picture([red], ["红"], path, due=[None])
    picture = imread(path)[..., :3]
    colours = {tuple(np.round(255 * pixel).astype(int)) for row in picture for pixel in row}
    assert (192, 97, 43) not in colours
    with pytest.raises(InputError, match="1 images, 2 captions and 1 that are due cannot"):
        caption_picture([red], ["红", "蓝"], path)
