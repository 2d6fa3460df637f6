"""ONNX Runtime in 8 bits as Hugging Face's optimum and sentence-transformers make it."""

import tempfile
from functools import cache

from worker import lap, read_json, serve


def on_one_core():
    """Options of a session: by itself it binds threads to cores that the process may not use."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options


@cache
def classifier(path):
    """A classifier's graph in 8 bits, made as optimum's guide makes it."""
    from optimum.onnxruntime import (
        AutoQuantizationConfig,
        ORTModelForSequenceClassification,
        ORTQuantizer,
    )

    whole = tempfile.TemporaryDirectory()
    quantized = tempfile.mkdtemp()  # stays: its file is mapped into memory
    with whole:
        ORTModelForSequenceClassification.from_pretrained(path, export=True).save_pretrained(
            whole.name
        )
        options = AutoQuantizationConfig.avx512_vnni(is_static=False)
        ORTQuantizer.from_pretrained(whole.name).quantize(options, save_dir=quantized)
    return ORTModelForSequenceClassification.from_pretrained(
        quantized, session_options=on_one_core()
    )


@cache
def encoder(path):
    """An encoder in 8 bits, made as sentence-transformers' guide makes it."""
    from sentence_transformers import SentenceTransformer, export_dynamic_quantized_onnx_model

    folder = tempfile.mkdtemp()
    whole = SentenceTransformer(path, backend="onnx", model_kwargs={"export": True})
    whole.save_pretrained(folder)
    export_dynamic_quantized_onnx_model(whole, "avx512_vnni", folder)
    file = {"file_name": "model_qint8_avx512_vnni.onnx", "session_options": on_one_core()}
    return SentenceTransformer(folder, backend="onnx", model_kwargs=file)


def classify(case):
    """Label many texts, sorted by length, in batches."""
    import transformers

    model = classifier(case["path"])
    words = transformers.BertTokenizerFast.from_pretrained(case["path"])
    texts, batch = read_json(case["texts"]), case["batch"]

    def work():
        rows = words(texts, truncation=True, max_length=case["length"])["input_ids"]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = [0.0] * len(rows)
        for start in range(0, len(rows), batch):
            here = order[start : start + batch]
            given = words.pad({"input_ids": [rows[i] for i in here]}, return_tensors="pt")
            chances = model(**given).logits.softmax(-1)[:, 1].tolist()
            for i, chance in zip(here, chances):
                found[i] = chance
        return found

    def run():
        found = []
        seconds = lap(lambda: found.extend(work()), case.get("clock", "wall"))
        return {"seconds": seconds, "outputs": found[:64]}

    return run


def encode(case):
    """The vectors of many texts; the library sorts by length itself."""
    model, texts = encoder(case["path"]), read_json(case["texts"])
    model.max_seq_length = case["length"]

    def run():
        found = model.encode(texts, batch_size=case["batch"], show_progress_bar=False)
        return {"outputs": found[:64].astype("float64").tolist()}

    return run


if __name__ == "__main__":
    serve({"classification": classify, "encoding": encode})
