"""Universal extraction: UIE's head, its pairing of ends, nested schemas, training and files."""

import json

import numpy as np
import pytest
from keras import ops

import playmask
from cli.commands import SMALL, call, complaint
from comparing import error
from playmask.data.formats.uie import read_prompted
from playmask.data.prompted import Prompted
from playmask.errors import CheckpointError, ConfigError, DataError, InputError
from playmask.tasks.extraction.prompted_spans import paired
from playmask.tasks.extraction.schemas import names_in
from tasks.made_up import model, tokenizer
from tasks.published_cases import changed, config_in, tensors_in
from tasks.universal_cases import ENCODER, HEAD, Oracle, uie_folder

CLOSE = 2e-5  # of the largest value
WORDS = tokenizer("鲁迅周树人许广平写了故乡和野草，生于绍兴的妻子人作品地点情感倾向[正,负] of")


def extractor(schema="", **fields):
    fields = {"max_length": 32, **fields}
    return playmask.UniversalExtractor.new(model(WORDS), schema, tokenizer=WORDS, **fields)


def with_oracle(answers, **fields):
    task = extractor(**fields)
    task.predictor = Oracle(task, answers)
    return task


def texts_in(spans):
    """Found texts by their names, without places and scores."""
    return {
        name: [(e.text, texts_in(e.relations)) if e.relations else e.text for e in each]
        for name, each in spans.items()
    }


# UIE's checkpoints


@pytest.mark.backends
def test_the_head_computes_what_the_formula_does(tmp_path):
    folder, values = uie_folder(tmp_path / "uie"), np.load(ENCODER / "case.npz")
    task, tensors = playmask.load_task(folder), tensors_in(folder)
    assert (task.name, task.settings.max_length) == ("uie", 40)
    hidden, valid = values["out:last_hidden_state"], values["in:attention_mask"] == 1
    expected = [hidden @ tensors[f"{n}.weight"][0] + tensors[f"{n}.bias"][0] for n in HEAD]
    inputs = {
        "tokens": values["in:input_ids"],
        "segments": values["in:token_type_ids"],
        "tasks": values["in:task_type_ids"],
        "valid": valid,
    }
    logits = ops.convert_to_numpy(task.network(inputs)["logits"])[valid]
    assert error(logits, np.stack(expected, axis=-1)[valid]) < CLOSE
    assert error(logits, np.stack(expected[::-1], axis=-1)[valid]) > 100 * CLOSE


def test_what_was_loaded_is_saved_bit_for_bit(tmp_path):
    folder = uie_folder(
        tmp_path / "uie", model_type=None, sent_type_vocab_size=2, task_id=0, fuse=False
    )
    task = playmask.load_task(folder)
    saved = task.save(tmp_path / "saved", dialect="huggingface")
    before, after = tensors_in(folder), tensors_in(saved)
    assert before.keys() == after.keys() and "encoder.pooler.dense.weight" in after
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert config_in(saved) == config_in(folder)
    described = json.loads(call("inspect", folder, "--json").stdout)
    assert described["task"]["task"] == "uie"
    encoder = playmask.load(folder, heads="pool")
    reasons = {item.reason for item in encoder.report.ignored}
    assert reasons == {"the head of a task; load_task loads it"}


def test_an_encoder_becomes_a_checkpoint_of_uie(tmp_path):
    bert = model(WORDS).architecture
    ernie = playmask.build(bert.change(family="ernie", tasks=3))
    task = playmask.UniversalExtractor.new(ernie, tokenizer=WORDS, max_length=32)
    saved = task.save(tmp_path / "uie", dialect="huggingface")
    assert config_in(saved)["architectures"] == ["UIE"] and "id2label" not in config_in(saved)
    assert {name.split(".")[0] for name in tensors_in(saved)} == {"encoder", *HEAD}
    with pytest.raises(ConfigError, match="The family 'bert' has no class UIE"):
        extractor().save(tmp_path / "bert", dialect="huggingface")


def test_a_wrong_guess_is_one_sentence(tmp_path):
    folder = uie_folder(tmp_path / "uie")

    def lacking(name):
        return changed(folder, tmp_path, lambda held: {n: a for n, a in held.items() if n != name})

    with pytest.raises(CheckpointError, match="task/end/kernel .* is not in the checkpoint"):
        playmask.load_task(lacking("linear_end.weight"))
    with pytest.raises(CheckpointError, match="is a UIE without its head: linear_start.weight"):
        playmask.load_task(lacking("linear_start.weight"))
    with pytest.raises(ConfigError, match="A published UIE becomes no task 'tag'"):
        playmask.load_task(folder, task="tag")
    with pytest.raises(ConfigError, match="task other than 0"):
        playmask.load_task(changed(folder, tmp_path, task_id=1))


# Pairing


def pairs_of(starts, ends):
    """PaddleNLP's `get_span`, of sorted ends."""
    couples, i, j = {}, 0, 0
    while i < len(starts) and j < len(ends):
        if starts[i] > ends[j]:
            j += 1
            continue
        couples[ends[j]] = starts[i]
        j += starts[i] == ends[j]
        i += 1
    return {(start, end) for end, start in couples.items()}


def test_ends_are_paired_as_paddlenlp_does():
    random, encoding = np.random.default_rng(0), WORDS.encode("零一二", "三四五六七八九" * 3)
    tokens = np.array(encoding.sources) >= 0
    prompt = np.array(encoding.sources) == 0
    total = 0
    for _ in range(200):
        logits = random.normal(size=(len(encoding) + 5, 2)) * 2
        shown = logits[: len(encoding)] > 0
        starts, ends = (np.flatnonzero(shown[:, i] & tokens).tolist() for i in (0, 1))
        expected = {p for p in pairs_of(starts, ends) if prompt[p[0]] == prompt[p[1]]}
        result = [*paired(logits, encoding, 0.5)]
        assert {each[:2] for each in result} == expected and len(result) == len(expected)
        total += len(result)
        for first, last, score in result:
            chances = 1 / (1 + np.exp(-np.array([logits[first, 0], logits[last, 1]])))
            assert score == pytest.approx(chances.prod())
    assert total > 200


# Schemas


def test_a_nested_schema_runs_level_by_level_all_prompts_together():
    task = with_oracle(
        {"人": ["鲁迅", "许广平"], "作品": ["故乡", "野草"], "鲁迅的作品": ["故乡"],
         "故乡的地点": ["绍兴"], "许广平的作品": ["野草"]}
    )  # fmt: skip
    text = "鲁迅写了故乡，许广平写了野草，绍兴"
    schema = ["作品", {"人": {"作品": "地点"}}]
    one, other = task.predict([text, "周树人"], schema)
    assert other == {}
    assert texts_in(one) == {
        "作品": ["故乡", "野草"],
        "人": [("鲁迅", {"作品": [("故乡", {"地点": ["绍兴"]})]}), ("许广平", {"作品": ["野草"]})],
    }
    levels = [sorted({*prompts}) for prompts in task.predictor.calls]
    assert levels == [
        ["人", "作品"], ["许广平的作品", "鲁迅的作品"], ["故乡的地点", "野草的地点"]
    ]  # fmt: skip
    first = one["人"][0]
    assert (first.start, first.end, text[first.start : first.end]) == (0, 2, "鲁迅")
    assert first.score == pytest.approx((1 / (1 + np.exp(-4.0))) ** 2)
    assert task.predict(text, json.dumps(schema, ensure_ascii=False)) == one
    assert task.predict(["", " "], "人") == [{}, {}]


def test_the_same_span_twice_has_relations_of_its_own():
    task = with_oracle({"人": ["鲁迅"], "鲁迅的作品": ["故乡"]})
    one, other = task.predict("鲁迅写了故乡，鲁迅", {"人": ["作品"]})["人"]
    assert one.relations == other.relations and one.relations is not other.relations
    assert task.predictor.calls == [["人"], ["鲁迅的作品"]]


def test_a_prompt_may_hold_the_answers():
    prompt = "情感倾向[正,负]"
    task = with_oracle({prompt: ["正"], "人": ["鲁迅"], f"鲁迅的{prompt}": ["负"]})
    (span,) = task.predict("鲁迅写了故乡", "情感倾向[正，负]")["情感倾向[正，负]"]
    assert (span.text, span.start, span.end) == ("正", -5, -4)
    json_of = task.answer_json(None, {"情感倾向": [span]})["spans"]["情感倾向"]
    assert json_of == [{"text": "正", "score": round(span.score, 6)}]
    nested = task.predict("鲁迅写了故乡", {"人": "情感倾向[正,负]"})
    assert texts_in(nested) == {"人": [("鲁迅", {prompt: ["负"]})]}
    long = task.predict("鲁迅写了故乡" * 9, prompt)
    assert len(task.predictor.calls[-1]) > 2 and texts_in(long) == {prompt: ["正"]}


def test_long_texts_are_read_in_windows():
    task = with_oracle({"作品": ["野草"]})
    text = "野草，" * 25  # some stand in two windows, some are cut by one
    spans = task.predict(text, "作品")["作品"]
    assert [(e.start, e.text) for e in spans] == [(3 * i, "野草") for i in range(25)]
    assert len(task.predictor.calls[-1]) > 2
    with pytest.raises(InputError, match="'作作.* has 30 tokens"):
        task.predict(text, "作" * 30)


def test_prompts_are_worded_in_english_too():
    (person,) = names_in({"Person": ["birthday", "mood [good, bad]"]})
    words = [child.prompt("Lu Xun", "en") for child in person.children]
    assert words == ["birthday of Lu Xun", "mood of Lu Xun [good, bad]"]
    assert person.prompt(None, "en") == "Person"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (None, "There is no schema"),
        ("[1", "The schema is not JSON"),
        ([], "The schema is empty"),
        ({"人": [3]}, "A schema holds 3"),
        ([" "], "A name of a schema is ' '"),
        ('{"人":' * 40 + "1" + "}" * 40, "more than 32 names"),
    ],
)
def test_what_is_no_schema_is_refused(schema, message):
    with pytest.raises(ConfigError, match=message):
        with_oracle({}).predict("鲁迅", schema)


# Learning

LEARN = {"epochs": 10, "batch_size": 16, "learning_rate": 1e-2, "warm_up": 0.0, "verbose": 0}


def examples():
    """Who wrote what, by four prompts each."""
    made = []
    for person in "鲁许周":
        for work in "草地":
            text = f"{person}写了{work}"
            made += [
                (text, "人", [(0, 1)]), (text, "作品", [(3, 4)]),
                (text, f"{person}的作品", [(3, 4)]), (text, "生于", []),
            ]  # fmt: skip
    return made


@pytest.mark.backends
def test_it_learns_and_comes_back(tmp_path):
    task = playmask.UniversalExtractor.new(
        model(WORDS, depth=1), {"人": ["作品"]}, tokenizer=WORDS, max_length=16
    )
    task.fit(examples() * 4, seed=0, **LEARN)
    assert task.evaluate(examples()) == {
        "precision": 1.0, "recall": 1.0, "f1": 1.0, "examples": 24
    }  # fmt: skip
    spans = task.predict("许写了草")
    assert texts_in(spans) == {"人": [("许", {"作品": ["草"]})]}
    again = playmask.load_task(task.save(tmp_path / "task"))
    assert again.settings == task.settings and again.predict("许写了草") == spans
    wrong = [(text, prompt, [(0, 2)] if places else []) for text, prompt, places in examples()]
    assert task.evaluate(wrong)["f1"] == 0.0


def test_targets_are_the_ends_in_each_window():
    task = extractor(max_length=20)
    text = "鲁迅写了故乡，" * 3
    whole = task.check((text, "作品[正]", [(4, 6), (-3, -2)]))
    rows, targets, _ = task.encode_examples([whole])
    assert len(rows) > 1 and targets.shape == (len(rows), 20, 2)
    window = task.windows([whole[:2]])[0]
    assert np.argwhere(targets[0] == 1).tolist() == [
        [4, 0], [4, 1], [window.head + 4, 0], [window.head + 5, 1]
    ]  # fmt: skip
    cut = task.check((text, "作品", [(14, 17)]))
    assert [w.place(w.first, w.last - 1) for w in task.windows([cut[:2]])] == [(0, 15), (11, 21)]
    first, second = task.encode_examples([cut]).targets
    assert np.argwhere(first < 0)[:, 0].tolist() == [18, 18] and not (first == 1).any()
    assert np.argwhere(second == 1).tolist() == [[7, 0], [9, 1]]


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (("", "人", []), "The text is ''"),
        (("鲁迅", " ", []), "The prompt is ' '"),
        (("鲁迅", "人", [(1, 4)]), "goes from 1 to 4"),
        (("鲁迅", "人", [(-4, -1)]), "goes from -2 to 1"),
        (("鲁迅", "人", 3), "Its places are 3"),
        (("鲁迅", "人"), r"not \(text, prompt, places\)"),
        (("鲁迅", "人" * 40, []), "has 40 tokens"),
    ],
)
def test_bad_examples_are_refused(example, message):
    with pytest.raises(DataError, match=message):
        extractor().read([example])


# Files and the command line


def line(text, prompt, *places, **more):
    shift = len(prompt) + 1
    results = [
        {"text": text[a:b] if a >= 0 else prompt[a + shift : b + shift], "start": a, "end": b}
        for a, b in places
    ]
    return json.dumps({"content": text, "result_list": results, "prompt": prompt, **more})


def test_the_files_of_uie_are_read(tmp_path):
    file = tmp_path / "train.json"
    lines = [
        line("鲁迅写了故乡", "人", (0, 2)),
        line("鲁迅写了故乡", "地点"),
        line("鲁迅", "情感倾向[正,负]", (-5, -4)),
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert read_prompted(file) == [
        Prompted("鲁迅写了故乡", "人", [(0, 2)]),
        Prompted("鲁迅写了故乡", "地点"),
        Prompted("鲁迅", "情感倾向[正,负]", [(-5, -4)]),
    ]
    bad = line("鲁迅写了故乡", "人", (0, 2)).replace('"start": 0', '"start": 1')
    for wrong, message in [
        (bad, "2: text.1:2. is "),
        (line("鲁迅", "人", result_list=3), "2: `result_list` is 3"),
        (json.dumps({"content": "鲁迅", "result_list": []}), "2: The object has None as `prompt`"),
    ]:
        file.write_text(f"{lines[0]}\n{wrong}\n", encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_prompted(file)
    assert len(read_prompted(file, skip_bad=True)) == 1
    with pytest.raises(DataError, match="The format '.csv' is unknown"):
        (tmp_path / "a.csv").write_text("a,b", encoding="utf-8")
        read_prompted(tmp_path / "a.csv")


def test_the_command_line_trains_predicts_and_evaluates(tmp_path):
    data, out, schema = (tmp_path / name for name in ("train.jsonl", "out", "schema.json"))
    lines = [line(text, prompt, *places) for text, prompt, places in examples()]
    data.write_text("\n".join(lines), encoding="utf-8")
    options = [*SMALL, "--epochs", 1, "--max-length", 24]
    result = call("train", "uie", data, "--out", out, *options, "--schema", '["人"]')
    assert result.exit_code == 0, result.stderr
    assert playmask.load_task(out).settings.schema == '["人"]'
    scores = json.loads(call("evaluate", out, data, "--json").stdout)
    assert scores["examples"] == 24 and 0 <= scores["f1"] <= 1
    schema.write_text('{"作品": null, "人": ["作品"]}', encoding="utf-8")
    for more in ((), ("--schema", schema), ("--schema", "作品")):
        answer = json.loads(call("predict", out, "--text", "鲁迅", *more).stdout)
        assert answer["text"] == "鲁迅" and answer.keys() == {"text", "spans"}
    assert "not JSON" in complaint(call("predict", out, "--text", "鲁迅", "--schema", "[1"))
    words = playmask.TextClassifier.new(model(WORDS), ["a", "b"], tokenizer=WORDS, max_length=16)
    other = words.save(tmp_path / "other")
    refused = complaint(call("predict", other, "--text", "鲁迅", "--schema", "人"))
    assert "A task 'classify' takes no --schema" in refused
