"""OpenVINO in 8 bits as sentence-transformers makes it."""

import csv
import os
import tempfile
from functools import cache

from worker import read_json, serve

ON_ONE_CORE = {"INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}


def example_folder(texts):
    """Texts as a data set of the library `datasets`."""
    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "train.csv"), "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    return folder


@cache
def encoder(path, texts, count):
    """An encoder in 8 bits, made as sentence-transformers' guide makes it, calibrated on texts."""
    from optimum.intel import OVQuantizationConfig
    from sentence_transformers import SentenceTransformer, export_static_quantized_openvino_model

    folder = tempfile.mkdtemp()
    whole = SentenceTransformer(path, backend="openvino", model_kwargs={"export": True})
    whole.save_pretrained(folder)
    export_static_quantized_openvino_model(
        whole,
        OVQuantizationConfig(num_samples=count),
        folder,
        dataset_name=example_folder(read_json(texts)[:count]),
        dataset_config_name="default",
        dataset_split="train",
        column_name="text",
    )
    file = {"file_name": "openvino_model_qint8_quantized.xml", "ov_config": ON_ONE_CORE}
    return SentenceTransformer(folder, backend="openvino", model_kwargs=file)


def encode(case):
    """The vectors of many texts; the library sorts by length itself."""
    model = encoder(case["path"], case["texts"], case["calibrated"])
    model.max_seq_length = case["length"]
    texts = read_json(case["texts"])

    def run():
        found = model.encode(texts, batch_size=case["batch"], show_progress_bar=False)
        return {"outputs": found[:64].astype("float64").tolist()}

    return run


if __name__ == "__main__":
    serve({"encoding": encode})
