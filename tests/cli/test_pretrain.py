"""`playmask pretrain`: a new model from documents, what it leaves, and what is refused."""

import json

import playmask
from cli.commands import call, complaint
from playmask.files import write_json
from playmask.model.recipes import to_json
from pretraining.pretrainings import DOCUMENTS, WORDS, pretraining


def test_a_new_model_is_made_gone_on_with_and_kept(tmp_path):
    texts, out, more = tmp_path / "texts.txt", tmp_path / "out", tmp_path / "more"
    texts.write_text("\n\n".join(DOCUMENTS), encoding="utf-8")
    architecture = pretraining("mlm").transformer.architecture
    write_json(tmp_path / "architecture.json", to_json(architecture))
    WORDS.save(tmp_path)
    new = ["--architecture", tmp_path / "architecture.json", "--tokenizer", tmp_path]
    options = ["--max-length", 24, "--batch-size", 8, "--epochs", 1]
    begin = ["pretrain", "mlm", texts, "--out", out, *options]

    assert "Give --model PATH" in complaint(call(*begin))
    assert "needs --tokenizer" in complaint(call(*begin, *new[:2]))
    assert "nor a family 'brt'" in complaint(call(*begin, "--architecture", "brt", *new[2:]))
    assert not out.exists()

    done = call(*begin, *new, "--hold-out", 0.1, "--dialects", "huggingface", "--ngrams", 2)
    assert done.exit_code == 0, done.stderr
    assert f"data: {len(DOCUMENTS)} documents" in done.stderr and "kept: epoch 1" in done.output
    model = playmask.load(out)
    assert len(model.tokenizer) == len(WORDS) and model.head_names == ("mlm",)
    assert playmask.load(out / "huggingface").report.dialect == "huggingface"
    said = json.loads((out / "pretraining.json").read_text("utf-8"))
    assert said["objective"] == "mlm" and said["settings"]["ngrams"] == 2
    assert {"corpus", "logs", "curve.png", "training.json"} <= {p.name for p in out.iterdir()}

    assert "is finished" in complaint(call(*begin, "--resume"))
    assert "already holds a trained model" in complaint(call(*begin, *new))
    again = call("pretrain", "mlm", texts, "--out", more, *options, "--model", out)
    assert again.exit_code == 0, again.stderr
    assert "has its own" in complaint(call(*begin, "--force", "--model", more, *new[2:]))
