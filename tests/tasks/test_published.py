"""Published models with heads as tasks: against the original programs, and written back."""

import json
from dataclasses import replace

import numpy as np
import pytest
from keras import ops

import playmask
from cli.commands import call, complaint
from comparing import error, filled
from families.small import small
from playmask.data.formats.tag_columns import tags_to_mentions
from playmask.errors import CheckpointError, ConfigError
from playmask.families import FAMILIES
from playmask.families.published_heads import QUESTION, SEQUENCE, TOKEN, UNIVERSAL
from playmask.model.parts import Disentangled
from playmask.model.vector_transform import VectorTransform
from playmask.tasks.classification.network import ClassifierNetwork
from tasks.made_up import QUICK, model, tokenizer
from tasks.published_cases import (
    CASES,
    FOLDER,
    RERANKERS,
    changed,
    config_in,
    logits_of,
    outputs_of,
    tensors_in,
)

LENGTHS = {"head_modernbert_sequence": 64}
CLOSE = 2e-5  # of the largest value
CLASSIFIER, TAGGER, READER = (FOLDER / f"head_bert_{x}" for x in ("sequence", "token", "question"))
WORDS = RERANKERS["reranker_bert"]  # with a tokenizer


# Against the original programs


@pytest.mark.backends
@pytest.mark.parametrize("case", CASES)
def test_the_head_computes_what_the_original_does(case):
    task = playmask.load_task(FOLDER / case)
    assert (task.name, task.settings.max_length) == (CASES[case], LENGTHS.get(case, 40))
    assert error(logits_of(task.network, case), outputs_of(case)) < CLOSE


@pytest.mark.backends
@pytest.mark.parametrize("name", RERANKERS)
def test_a_reranker_scores_as_published(name):
    folder = RERANKERS[name]
    task, values = playmask.load_task(folder), np.load(folder / "case.npz")
    pairs = [tuple(pair) for pair in json.loads((folder / "case.json").read_text())["pairs"]]
    assert error(np.array(task.predict(pairs)), values["scores"]) < 1e-5
    raw = task.settings.change(activation="identity")
    logits = playmask.Reranker(task.network, task.tokenizer, raw).predict(pairs)
    assert error(np.array(logits), values["logits"]) < 1e-5
    passages = [passage for _, passage in pairs]
    ranked = task.rerank(pairs[0][0], passages, n=2)
    scores = task.predict([(pairs[0][0], passage) for passage in passages])
    assert [each.score for each in ranked] == pytest.approx(sorted(scores, reverse=True)[:2])
    assert [each.passage for each in ranked] == [passages[each.number] for each in ranked]
    assert task.rerank("花呗", []) == []


@pytest.mark.parametrize(
    ("case", "transform"),
    [
        ("head_roberta_sequence", VectorTransform("gelu")),  # ELECTRA's
        ("head_electra_sequence", VectorTransform("tanh")),  # RoBERTa's
    ],
)
def test_the_head_of_another_family_is_not_close(case, transform):
    task = playmask.load_task(FOLDER / case)
    other = ClassifierNetwork(task.transformer, 2, "first", 0.0, transform)
    other.transform.set_weights(task.network.transform.get_weights())
    other.dense.set_weights(task.network.dense.get_weights())
    assert error(logits_of(other, case), outputs_of(case)) > 100 * CLOSE


# Written back


FOLDERS = {case: FOLDER / case for case in CASES} | RERANKERS


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_what_was_loaded_is_saved_bit_for_bit(folder, tmp_path):
    task = playmask.load_task(folder)
    saved = task.save(tmp_path, dialect="huggingface")
    before, after = tensors_in(folder), tensors_in(saved)
    assert before.keys() == after.keys()
    assert all(a.dtype == b.dtype for a, b in zip(before.values(), after.values(), strict=True))
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert config_in(saved) == config_in(folder)
    assert playmask.load_task(saved).settings == task.settings


def test_the_encoder_of_a_published_head_loads_and_saves_as_before(tmp_path):
    encoder = playmask.load(CLASSIFIER, heads="pool")
    reasons = {item.theirs: item.reason for item in encoder.report.ignored}
    assert reasons.keys() == {"classifier.weight", "classifier.bias"}
    assert set(reasons.values()) == {"the head of a task; load_task loads it"}
    playmask.save(encoder, tmp_path, "huggingface")
    with pytest.raises(CheckpointError, match="BertForSequenceClassification without its head"):
        playmask.load_task(tmp_path)


NEW = {
    "classify": (playmask.TextClassifier, {"labels": ["差", "好"], "pooling": "pooled"}),
    "several": (
        playmask.TextClassifier,
        {"labels": ["a", "b"], "multiple": True, "loss": "binary", "pooling": "pooled"},
    ),
    "regress": (playmask.TextRegressor, {"numbers": 2, "pooling": "pooled"}),
    "rerank": (playmask.Reranker, {"pooling": "pooled", "activation": "identity"}),
    "pair": (playmask.SentencePair, {"pooling": "pooled"}),
    "tag": (playmask.SequenceTagger, {"labels": ["PER"], "tagger": "softmax", "scheme": "bioes"}),
    "read": (playmask.ReadingComprehension, {"max_answer": 7}),
}


@pytest.mark.parametrize("name", NEW)
def test_a_task_of_one_s_own_becomes_a_published_class(name, tmp_path):
    kind, fields = NEW[name]
    words = tokenizer()
    made = playmask.build(model(words).architecture, "pool")
    task = kind.new(made, tokenizer=words, max_length=32, **fields)
    again = playmask.load_task(task.save(tmp_path, "huggingface"), task=task.name)
    inputs = {"tokens": np.array([[2, 6, 7, 8, 3]]), "segments": np.array([[0, 0, 0, 1, 1]])}
    if name == "read":
        inputs["marks"] = np.ones((1, 5), "int32")
    assert error(again.network(inputs)["logits"], task.network(inputs)["logits"]) < 1e-6
    learnt = ("mean", "deviation", "tags", "dropout")  # of which a published model knows its own
    same = {n: v for n, v in vars(task.settings).items() if n not in learnt}
    assert {n: v for n, v in vars(again.settings).items() if n in same} == same
    config = config_in(tmp_path)
    assert config["architectures"] == [f"Bert{task.settings.published}"]
    labels = {"tag": ["O", "B-PER", "I-PER", "E-PER", "S-PER"]}.get(name, fields.get("labels"))
    usual = [f"LABEL_{i}" for i in range(again.network.dense.units)]
    assert [*config["id2label"].values()] == (labels or usual)


CELLS = [(name, ending) for name, family in FAMILIES.items() for ending in family.published]
BY_ENDING = {SEQUENCE: NEW["classify"], TOKEN: NEW["tag"], QUESTION: NEW["read"]}
BY_ENDING[UNIVERSAL] = (playmask.UniversalExtractor, {})


@pytest.mark.parametrize(("family", "ending"), CELLS)
def test_every_published_class_of_every_family_is_written_and_read(family, ending, tmp_path):
    kind, fields = BY_ENDING[ending]
    words = tokenizer()
    body, head = small(family, vocabulary=len(words)), FAMILIES[family].published[ending]
    if isinstance(body.position, Disentangled):
        body = body.change(position=replace(body.position, longest=16))
    if ending == QUESTION:
        fields = {"max_answer": 3}
    if head.vector is not None:
        vector = head.vector({}, body)
        fields = fields | {"pooling": vector.pooling, "transform": vector.transform}
    made = filled(body, ("pool",) if "pool/dense/kernel" in head.needs else ())
    task = kind.new(made, tokenizer=words, max_length=16, **fields)
    again = playmask.load_task(task.save(tmp_path, "huggingface"), tokenizer=words)
    assert type(again) is kind
    inputs = {"tokens": np.array([[2, 6, 7, 8, 3]]), "valid": np.ones((1, 5), bool)}
    if ending == QUESTION:
        inputs["marks"] = np.ones((1, 5), "int32")
    assert error(again.network(inputs)["logits"], task.network(inputs)["logits"]) < 1e-6


def test_what_no_published_class_does_is_refused(tmp_path):
    words = tokenizer()
    bert, gpt2 = model(words), playmask.architecture("gpt2")
    refused = {
        "reads texts by pooling='pooled', transform=None, the task by pooling='mean_max'": (
            playmask.TextClassifier.new(bert, ["a", "b"], tokenizer=words, max_length=16)
        ),
        "The tagger 'crf' has weights that no published class has": (
            playmask.SequenceTagger.new(bert, ["a"], tokenizer=words, max_length=16)
        ),
        "logits in other units": (
            playmask.TextRegressor.new(
                bert, mean=(3.0,), deviation=(2.0,), tokenizer=words, max_length=16
            )
        ),
        "No published class is a task 'spans'": (
            playmask.SpanTagger.new(bert, ["a"], tokenizer=words, max_length=16)
        ),
        "No published class scores answers by 'mask-fill'": playmask.ReadingComprehension.new(
            bert, tokenizer=words, max_length=32, max_answer=2, method="mask-fill"
        ),
        "The family 'gpt2' has no class ForSequenceClassification": playmask.TextClassifier.new(
            playmask.build(
                gpt2.change(vocabulary=len(words), width=16, depth=1, attention_heads=2)
            ),
            ["a", "b"],
            tokenizer=words,
            pooling="last",
            max_length=16,
        ),
    }
    for message, task in refused.items():
        with pytest.raises(ConfigError, match=message):
            task.save(tmp_path, "huggingface")
    with pytest.raises(ConfigError, match="'google' has no classes with heads of tasks"):
        playmask.load_task(CLASSIFIER).save(tmp_path, "google")
    assert not any(tmp_path.iterdir())


# What the files say


def test_a_wrong_guess_is_one_sentence(tmp_path):
    def without(*names):
        return lambda arrays: {n: a for n, a in arrays.items() if n not in names}

    cases = [
        ({"architectures": ["BertForMaskedLM"]}, CLASSIFIER, "its class is BertForMaskedLM"),
        (
            {"architectures": None},
            CLASSIFIER,
            r"its tensors may be of For.*\[\"BertForSequenceClassification\"\]",
        ),
        ({"architectures": "Bert"}, CLASSIFIER, "architectures is 'Bert'"),
        (
            {"id2label": {"0": "a", "1": "b"}},
            CLASSIFIER,
            "id2label has the numbers .* has 3 logits",
        ),
        ({"id2label": ["a", "b", "c"]}, CLASSIFIER, "a name for each logit is due"),
        ({"id2label": {"0": "a", "1": "a", "2": "b"}}, CLASSIFIER, "Each label needs a name"),
        ({"problem_type": "ranking"}, CLASSIFIER, "problem_type is 'ranking'"),
        ({"sentence_transformers": {"activation_fn": "torch.nn.Tanh"}}, WORDS, "activation_fn is"),
        (
            {"id2label": {str(i): f"{x}-P" for i, x in enumerate("BMIES")}},
            TAGGER,
            "none of the sch",
        ),
        ({"architectures": ["BertForQuestionAnswering"]}, TAGGER, "qa_outputs.weight is missing"),
    ]
    for config, folder, message in cases:
        copy = changed(folder, tmp_path, **config)
        (copy / "config_sentence_transformers.json").unlink(missing_ok=True)
        with pytest.raises((CheckpointError, ConfigError), match=message):
            playmask.load_task(copy)
    copy = changed(
        CLASSIFIER, tmp_path, without("bert.pooler.dense.weight", "bert.pooler.dense.bias")
    )
    with pytest.raises(CheckpointError, match="lacks pool/dense/kernel, which its head reads"):
        playmask.load_task(copy)
    copy = changed(CLASSIFIER, tmp_path, without("classifier.bias"))
    with pytest.raises(CheckpointError, match=r"task/labels/bias \(3,\) is not in the checkpoint"):
        playmask.load_task(copy)
    with pytest.raises(ConfigError, match="becomes no task 'tag'. Known: 'classify'"):
        playmask.load_task(CLASSIFIER, task="tag")
    with pytest.raises(ConfigError, match="The head has 3 logits; scores of pairs are made of one"):
        playmask.load_task(CLASSIFIER, task="rerank")
    with pytest.raises(CheckpointError, match="There is no task in .*GPT2LMHeadModel"):
        playmask.load_task(FOLDER.parent / "transformers" / "gpt2_lm")


def test_what_is_guessed_is_said(tmp_path):
    reranker = playmask.load_task(FOLDER / "head_xlmr_reranker")
    (note,) = reranker.transformer.report.notes
    assert "taken for a reranker of pairs" in note
    chosen = playmask.load_task(FOLDER / "head_xlmr_reranker", task="regress")
    assert chosen.name == "regress" and not chosen.transformer.report.notes
    tagger = playmask.load_task(changed(TAGGER, tmp_path, architectures=None))  # it has no pooler
    assert tagger.name == "tag"
    unnamed = playmask.load_task(changed(CLASSIFIER, tmp_path, id2label=None, label2id=None))
    assert unnamed.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_without_a_tokenizer_the_network_runs_on_ids(tmp_path):
    task = playmask.load_task(TAGGER)
    assert task.network({"tokens": np.array([[2, 6, 3]])})["logits"].shape == (1, 3, 5)
    for use in (lambda: task.predict("好"), lambda: task.save(tmp_path)):
        with pytest.raises(ConfigError, match="The task has no tokenizer"):
            use()
    words = playmask.Tokenizer.from_texts(["今天天气很好"], minimum=1)
    reading = playmask.load_task(TAGGER, tokenizer=words)
    assert isinstance(reading.predict("天气很好"), list)
    assert playmask.load_task(reading.save(tmp_path)).predict("天气") == reading.predict("天气")
    large = playmask.Tokenizer.from_texts(["".join(map(chr, range(0x4E00, 0x4F00)))], minimum=1)
    with pytest.raises(ConfigError, match="they do not belong together"):
        playmask.load_task(TAGGER, tokenizer=large)


def test_tags_have_the_order_of_their_logits(tmp_path):
    names = ["I-LOC", "B-LOC", "O", "B-PER", "I-PER"]
    words = playmask.Tokenizer.from_texts(["今天天气很好"], minimum=1)
    folder = changed(TAGGER, tmp_path, id2label={str(i): name for i, name in enumerate(names)})
    task, text = playmask.load_task(folder, tokenizer=words), "今天气好很天"
    row = {name: np.array([values]) for name, values in task.row(text).items()}
    best = ops.convert_to_numpy(task.network(row)["logits"])[0, 1:-1].argmax(axis=-1)
    mentions = tags_to_mentions([names[i] for i in best])
    assert mentions and [m[:3] for m in task.predict(text)] == [m[:3] for m in mentions]
    example = task.check((text, [(0, 2, "LOC"), (4, 5, "PER")]))
    assert task.encode_examples([example]).targets[0, :8].tolist() == [2, 1, 0, 2, 2, 3, 2, 2]


# Going on


def test_training_goes_on_from_a_published_model(tmp_path):
    task = playmask.load_task(WORDS)
    settings = task.settings
    pairs = [("花呗", "账单", 1), ("花呗", "天气", 0), ("还款", "天气", 0), ("还款", "账单", 1)]
    before = task.evaluate(pairs)
    task.fit(pairs * 8, **QUICK | {"batch_size": 8, "learning_rate": 3e-3})
    after = task.evaluate(pairs)
    right = dict.fromkeys(("average_precision", "mrr", "map", "ndcg_10"), 1.0)
    assert after == {**right, "examples": 4} != before
    assert task.settings == settings
    best = task.rerank("花呗", ["天气", "账单"])
    assert [each.passage for each in best] == ["账单", "天气"] and best[0].score > 0.5
    for dialect in ("playmask", "huggingface"):
        again = playmask.load_task(task.save(tmp_path / dialect, dialect))
        assert again.rerank("花呗", ["天气", "账单"]) == best
    with pytest.raises(playmask.PlaymaskError, match="It has the score 3; from 0, not relevant"):
        task.fit([("a", "b", 3)])


def test_the_command_line_takes_published_folders(tmp_path):
    passages = tmp_path / "passages.txt"
    passages.write_text("今天天气很好\n如何偿还花呗的账单\n", encoding="utf-8")
    result = call("rerank", WORDS, passages, "--text", "花呗怎么还款？", "-n", 1)
    (answer,) = map(json.loads, result.stdout.splitlines())
    (best,) = playmask.load_task(WORDS).rerank(
        answer["text"], ["今天天气很好", "如何偿还花呗的账单"], 1
    )
    assert answer["found"] == [{"passage": best.passage, "score": round(best.score, 6)}]
    piped = call("rerank", WORDS, passages, "-n", 1, input="花呗怎么还款？\n")
    assert piped.stdout == result.stdout
    predicted = call("predict", WORDS, "--text", answer["text"], "--pair", best.passage)
    assert json.loads(predicted.stdout)["score"] == round(best.score, 6)
    table = tmp_path / "pairs.tsv"
    table.write_text("花呗\t账单\t1\n花呗\t天气\t0\n", encoding="utf-8")
    scores = json.loads(call("evaluate", WORDS, table, "--json").stdout)
    assert scores["examples"] == 2 and 0 < scores["mrr"] <= 1
    assert "makes no vectors" in complaint(call("search", WORDS, passages, "--text", "花呗"))
    words = playmask.Tokenizer.from_texts(["今天天气很好"], minimum=1)
    tagger = playmask.load_task(TAGGER, tokenizer=words).save(tmp_path / "tagger", "huggingface")
    assert call("annotate", tagger, "--text", "天气很好").exit_code == 0
    assert "ranks no passages" in complaint(call("rerank", tagger, passages, "--text", "好"))


def test_inspect_names_the_task_that_a_folder_would_become(tmp_path):
    described = json.loads(call("inspect", CLASSIFIER, "--json").stdout)
    task = playmask.load_task(CLASSIFIER)
    assert described["task"]["task"] == "classify"
    assert described["task"]["settings"]["labels"] == ["差评", "中评", "好评"]
    assert described["parameters"] == task.network.count_params()
    guessed = json.loads(call("inspect", FOLDER / "head_xlmr_reranker", "--json").stdout)
    assert guessed["task"]["task"] == "rerank" and "taken for a reranker" in guessed["notes"][0]
    odd = changed(CLASSIFIER, tmp_path, id2label={"0": "a"})
    described = json.loads(call("inspect", odd, "--json").stdout)
    assert described["task"] is None and "no task:" in described["notes"][0]
