"""Captions: the image network, both kinds of conditioning, files of images, writing, saving."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import playmask
from cli.commands import SMALL, call
from comparing import numpy_of
from playmask.data.captions import read_captions
from playmask.data.images import Pixels, image_of, pixels_of, readable
from playmask.errors import ConfigError, DataError, PlaymaskError
from playmask.generation import Beams
from playmask.inspection import captions as captions_module
from playmask.play.played import load_played
from playmask.runtime.train.weight_names import all_weights
from playmask.server.task_served import load_served
from playmask.tasks.bulk import bulk_predict
from playmask.tasks.captions.image_networks import _prepared
from tasks.made_up import model, tokenizer

WORDS = tokenizer("红绿蓝上下色在")
SIDE = 8
COLOURS = {"红": (255, 0, 0), "绿": (0, 255, 0), "蓝": (0, 0, 255)}
CAPTIONS = [f"{colour}色在{place}" for colour in COLOURS for place in "上下"]


def image(caption: str, dark: int = 0) -> np.ndarray:
    """A coloured half of a picture."""
    pixels = np.full((SIDE, SIDE, 3), dark, "uint8")
    rows = slice(0, SIDE // 2) if caption[-1] == "上" else slice(SIDE // 2, SIDE)
    pixels[rows] = COLOURS[caption[0]]
    return pixels


DATA = [(image(caption, dark), caption) for caption in CAPTIONS for dark in (0, 20, 40)]


def network(*, flat: bool = False) -> keras.Model:
    """A functional model from pixels to a grid of features, or to one vector."""
    pixels = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    patches = keras.layers.Conv2D(12, 4, 4, activation="relu", name="patches")
    x = patches(x)
    means = np.tile(np.eye(3, dtype="float32") / 16, (4, 4, 1, 4))  # of the colours of each patch
    patches.set_weights([means, np.zeros(12)])
    x = keras.layers.BatchNormalization(name="norm")(x)
    if flat:
        x = keras.layers.Dense(12, name="joined")(keras.layers.Flatten()(x))
    return keras.Model(pixels, x)


def captioner(conditioning: str, *, seed: int = 3, **options) -> playmask.ImageCaptioner:
    keras.utils.set_random_seed(seed)
    changes = {"order": "lm"}
    if conditioning != "attention":
        changes["condition"] = playmask.Condition(12)
    if conditioning != "norms":
        changes["context"] = playmask.ContextAttention(12)
    return playmask.ImageCaptioner.new(
        model(WORDS, seed=seed, **changes),
        network(flat=conditioning == "norms"),
        conditioning=conditioning,
        max_length=8,
        tokenizer=WORDS,
        **options,
    )


LEARNING = {"epochs": 40, "batch_size": 6, "learning_rate": 1e-2, "verbose": 0}
CASES = {"norms": False, "both": True}


@pytest.fixture(scope="module", params=CASES)
def learnt(request):
    """A captioner that has learnt all captions."""
    task = captioner(request.param, frozen=CASES[request.param])
    before = {name: numpy_of(v.value) for name, v in all_weights(task.network).items()}
    task.fit(DATA, **LEARNING)
    return task, before


def test_it_learns_the_captions_and_is_saved(learnt, tmp_path):
    task, before = learnt
    scores = task.evaluate(DATA)
    assert scores["exact"] == 1.0 and scores["loss"] < 0.1 and scores["examples"] == len(DATA)
    images = [image(caption, 10) for caption in CAPTIONS]
    assert task.predict(images) == CAPTIONS
    assert task.predict(images[2]) == CAPTIONS[2]
    moved = {n for n, v in all_weights(task.network).items() if not np.array_equal(v, before[n])}
    inside = {name for name in before if name.startswith("task/image/")}
    assert len(inside) >= 6
    assert inside.isdisjoint(moved) if task.settings.frozen else inside & moved
    again = playmask.load_task(task.save(tmp_path))
    assert again.settings == task.settings
    assert again.predict(images) == CAPTIONS
    for name, variable in all_weights(again.network).items():
        np.testing.assert_array_equal(
            numpy_of(variable.value), numpy_of(all_weights(task.network)[name].value)
        )


def test_beams_and_the_cached_loop_agree_with_the_network(learnt):
    """The score of a written caption is the sum of its tokens' log-probabilities, uncached."""
    task, _ = learnt
    images = [image(caption) for caption in CAPTIONS[:3]]
    texts = task.predict(images, search=Beams(2), best=2)
    assert [row[0] for row in texts] == CAPTIONS[:3] and {len(row) for row in texts} == {2}
    conditions = task._conditions([Pixels(each) for each in images])
    written = task.writer.write([""] * 3, condition=conditions, search=Beams(2))
    pixels = np.stack(images)
    for number, (best, *_) in enumerate(written):
        tokens = np.array(task._tokens([best.text]))
        inputs = {"tokens": tokens, "pixels": pixels[number : number + 1]}
        logs = numpy_of(keras.ops.log_softmax(task.network(inputs)["logits"], axis=-1))
        wanted = sum(logs[0, place, token] for place, token in enumerate(tokens[0, 1:]))
        assert best.score == pytest.approx(float(wanted), abs=1e-3)


def test_a_frozen_networks_features_train_as_its_pixels_would():
    """One step on features that were computed once is one on pixels."""
    losses = []
    for frozen in (True, False):
        task = captioner("both", frozen=frozen)
        options = {"epochs": 1, "batch_size": 6, "learning_rate": 1e-3, "verbose": 0}
        # A frozen network normalises by what it has seen before; so must the other one here.
        task.network.image.get_layer("norm").trainable = False
        history = task.fit(DATA[:6], freeze=None if frozen else "task/image", **options)
        losses.append(history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("name", ["task/image/patches/bias", "task/places"])
def test_weights_that_change_are_seen_by_what_was_compiled(name):
    task, one = captioner("both"), [Pixels(DATA[0][0])]
    before = task._conditions(one)["context"], task._features(one)
    weight = all_weights(task.network)[name]
    weight.assign(numpy_of(weight.value) + 1.0)
    assert not np.allclose(before[0], task._conditions(one)["context"])
    assert np.allclose(before[1], task._features(one)) == (name == "task/places")


def test_another_image_gives_another_text_and_norms_depend_on_it(learnt):
    task, _ = learnt
    row = {"tokens": np.array([task.begin])}
    logits = [
        numpy_of(task.network({**row, "pixels": image(caption)[None]})["logits"])
        for caption in CAPTIONS[:2]
    ]
    assert not np.allclose(*logits, atol=1e-3)


def test_several_captions_of_an_image_are_all_learnt():
    task = captioner("norms")
    picture = image("红色在上")
    encoded = task.encode_examples(task.read([(picture, ["红色在上", "红"]), (picture, "绿")]))
    assert encoded.examples == [0, 0, 1] and len(encoded.rows) == 3
    assert encoded.targets.shape == (3, SIDE, SIDE, 3) and encoded.targets.dtype == "uint8"
    examples = task.read([(picture, ["红色在上", "红"])])
    assert task.measure(examples, ["红"]) == {"exact": 1.0}
    assert task.measure(examples, ["绿"]) == {"exact": 0.0}
    task.encode_examples(examples)
    assert "the pixels of 1 images are held in memory for each of 2 captions" in examples.notes[0]


def test_examples_say_how_much_is_held():
    for frozen, what in ((True, "the features, computed once, of 2 images"), (False, "the pixels")):
        task = captioner("attention", frozen=frozen)
        examples = task.read(DATA[:2])
        task.encode_examples(examples)
        task.encode_examples(examples)
        [note] = examples.notes
        assert note.startswith(what) and note.endswith(" MiB")


def files(folder):
    """A folder of images with their captions."""
    lines = []
    for number, (pixels, caption) in enumerate(DATA):
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append({"image": f"{number}.png", "caption": caption})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "captions.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_the_command_line_trains_measures_and_writes(tmp_path):
    folder, out = files(tmp_path), tmp_path / "out"
    network().save(tmp_path / "a.keras")
    options = ["--image-model", tmp_path / "a.keras", "--conditioning", "attention", "--epochs", 2]
    trained = call("train", "caption", folder, "--out", out, *SMALL, *options)
    assert trained.exit_code == 0, trained.stderr
    assert "the pixels of 18 images are held in memory" in trained.stderr
    scores = json.loads(call("evaluate", out, folder, "--json").stdout)
    assert 0 <= scores["exact"] <= 1 and scores["examples"] == len(DATA)
    [line] = call("predict", out, folder / "0.png").stdout.splitlines()
    assert json.loads(line).keys() == {"image", "caption"}
    refused = "a task 'caption', which reads images; {} takes texts"
    with pytest.raises(ConfigError, match=refused.format("the server")):
        load_served("captions", out)
    with pytest.raises(ConfigError, match=refused.format("the page")):
        load_played("captions", out)
    with pytest.raises(ConfigError, match=refused.format("bulk prediction")):
        bulk_predict(out, folder / "captions.jsonl", tmp_path / "answers", engine="serial")


def test_bad_images_are_refused_with_file_and_line(tmp_path):
    folder = files(tmp_path)
    (folder / "1.png").write_bytes((folder / "0.png").read_bytes()[:45])
    (folder / "2.png").unlink()
    path = folder / "captions.jsonl"
    task = captioner("norms")
    with pytest.raises(DataError, match=r"captions\.jsonl:2: The image .*1\.png cannot be read"):
        task.read(path)
    left = task.read(path, skip_bad=True)
    assert len(left) == len(DATA) - 2
    assert "captions.jsonl:3: There is no image" in left.skipped[1]
    with pytest.raises(DataError, match=r"captions\.jsonl:2: The image .*1\.png cannot be read"):
        task.read_inputs(path)
    assert task.read_inputs(path, skip_bad=True).skipped == left.skipped
    for line, reason in (
        ('{"image": "0.png"}', "`caption` is none of them"),
        ('{"caption": "红"}', "`image or image_path"),
        ('{"image": "0.png", "captions": []}', "has no caption"),
        ('{"image": "0.png", "caption": " "}', "a str that is not empty"),
    ):
        path.write_text(line + "\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"captions\.jsonl:1: ") as error:
            read_captions(path)
        assert reason in str(error.value)
    with pytest.raises(DataError, match=r"0\.png: Captions are read from \.json"):
        read_captions(folder / "0.png")
    path.unlink()
    with pytest.raises(DataError, match=r"no list of captions \(captions.jsonl or"):
        read_captions(folder)
    assert len(read_captions(folder, labelled=False)) == len(DATA) - 1


@pytest.mark.parametrize(
    "value, reason",
    [
        (np.zeros((4, 4)), r"an array \(4, 4\) of float64"),
        (np.zeros((4, 4, 4), "uint8"), r"\(4, 4, 4\) of uint8; .* \(height, width, 3\) is due"),
        ("away.png", "no image away.png"),
        (7, "The image is 7"),
    ],
)
def test_what_is_no_image_is_refused(value, reason):
    task = captioner("norms")
    with pytest.raises(DataError, match=reason):
        task.read([(value, "红")])
    with pytest.raises(PlaymaskError, match=reason):
        task.predict([value])


def test_images_are_read_as_rgb_on_white(tmp_path):
    clear = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    assert (pixels_of(str(tmp_path / "clear.png"), 4) == 255).all()
    Image.new("L", (3, 5), 7).save(tmp_path / "grey.png")
    assert pixels_of(str(tmp_path / "grey.png"), 6).tolist() == np.full((6, 6, 3), 7).tolist()
    turned = Image.new("RGB", (2, 4), "black")
    turned.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned.save(tmp_path / "turned.png", exif=exif)
    pixels = pixels_of(str(tmp_path / "turned.png"), 4)
    assert pixels[3, 3].min() > pixels[0, 0].max()
    assert repr(Pixels(pixels)) != repr(Pixels(pixels + 1))


def test_grey_of_16_bits_is_scaled(tmp_path):
    grey = Image.new("I;16", (2, 2))
    for number, value in enumerate((0, 128, 129, 200 * 257)):
        grey.putpixel((number % 2, number // 2), value)
    grey.save(tmp_path / "grey.png")
    with Image.open(tmp_path / "grey.png") as stored:
        assert stored.mode == "I;16"
    right = [[0, 0], [1, 200]]
    assert pixels_of(str(tmp_path / "grey.png"), 2)[..., 0].tolist() == right
    assert image_of(grey).array[..., 2].tolist() == right
    grey.save(tmp_path / "clear.png", transparency=129)
    assert pixels_of(str(tmp_path / "clear.png"), 2)[..., 1].tolist() == [[0, 0], [255, 200]]
    Image.new("F", (2, 2)).save(tmp_path / "real.tiff")
    with pytest.raises(
        DataError, match=r"real\.tiff cannot be read \(its mode is 'F'; 8 or 16 bits"
    ):
        pixels_of(str(tmp_path / "real.tiff"), 2)


def test_images_of_pillow_are_read_as_files_are(tmp_path, monkeypatch):
    turned = Image.new("RGB", (2, 4), "black")
    turned.putpixel((0, 0), (255, 255, 255))
    turned.getexif()[0x0112] = 3  # upside down
    assert image_of(turned).array[3, 1].tolist() == [255] * 3
    turned.save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:45])
    damaged = pytest.raises(DataError, match="The image .* cannot be read")
    with Image.open(tmp_path / "cut.png") as cut, damaged:
        image_of(cut)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)  # of 8: a warning to Pillow, not yet an error
    with pytest.raises(DataError, match=r"a\.png cannot be read \(Image size \(8 pixels\)"):
        readable(tmp_path / "a.png")


def test_image_networks_that_do_not_serve_are_refused(tmp_path):
    pixels = keras.Input((SIDE, SIDE, 3))
    shapes = keras.Model(pixels, [pixels, pixels])
    body = model(WORDS, order="lm", condition=playmask.Condition(12))

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    def inner(name):
        x = keras.Input((SIDE, SIDE, 3))
        return keras.Model(x, keras.layers.Conv2D(3, 1, name="same")(x), name=name)

    (tmp_path / "a.keras").write_text("none")
    for value, reason in (
        (shapes, "has the shapes"),
        (keras.Model(pixels, Own()(pixels)), "functional model of Keras' own layers"),
        (keras.Model(pixels, inner("b")(inner("a")(pixels))), "2 weights called '.*same/kernel'"),
        ("MobileNetV9", "Did you mean 'MobileNetV"),
        (str(tmp_path / "away.keras"), "no such file"),
        (str(tmp_path / "a.keras"), "is no model of Keras 3"),
        (network(), r"condition_size=12, context=playmask.ContextAttention\(12\)"),
    ):
        with pytest.raises(PlaymaskError, match=reason):
            playmask.ImageCaptioner.new(body, value, conditioning="both", tokenizer=WORDS)
    with pytest.raises(ConfigError, match="image_size is 9, but the image network takes 8 × 8"):
        playmask.ImageCaptioner.new(body, network(flat=True), image_size=9, tokenizer=WORDS)
    with pytest.raises(ConfigError, match="the order 'lm', not 'unilm'"):
        playmask.ImageCaptioner.new(
            model(WORDS, order="unilm"), network(), conditioning="attention", tokenizer=WORDS
        )


@pytest.mark.parametrize("name", ["resnet", "mobilenet_v2", "densenet", "efficientnet"])
def test_the_first_layer_prepares_pixels_as_keras_does(name):
    prepare = getattr(keras.applications, name).preprocess_input
    pixels = keras.Input((4, 4, 3))
    values = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype("float32")
    layer = keras.Model(pixels, _prepared(pixels, prepare))
    np.testing.assert_allclose(numpy_of(layer(values)), prepare(values.copy()), atol=1e-3)


def test_it_is_no_graph_and_not_served(tmp_path):
    task = captioner("attention")
    with pytest.raises(ConfigError, match="export its image network by Keras"):
        task.export(tmp_path / "graph")


def test_a_picture_of_captions(tmp_path, monkeypatch):
    task, path = captioner("norms"), tmp_path / "captions.png"
    captions = playmask.draw_captions(task, [DATA[0], DATA[1][0]], path, max_tokens=3)
    assert captions == task.predict([DATA[0][0], DATA[1][0]], max_tokens=3)
    assert path.read_bytes().startswith(b"\x89PNG")
    drawn = []
    monkeypatch.setattr(
        captions_module, "caption_picture", lambda *a, due, title: drawn.extend(due)
    )
    monkeypatch.setattr(task, "predict", lambda images: ["红色"] * len(images))
    pixels = DATA[0][0]
    playmask.draw_captions(task, [(pixels, "红 色"), (pixels, ["蓝", "绿"]), pixels], path)
    assert drawn == [None, "蓝", None]  # as `measure` counts them: the tokenizer drops spaces
    with pytest.raises(ConfigError, match="by a task 'caption'"):
        playmask.draw_captions(
            playmask.MaskFill.new(model(WORDS), tokenizer=WORDS, max_length=8), [], path
        )
