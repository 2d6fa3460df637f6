"""SimBERT over HTTP: sentences that mean the same, the nearest first.

    python examples/from_bert4keras/basic_simple_web_serving_simbert.py MODEL 8000
    curl -G 127.0.0.1:8000/gen_synonyms --data-urlencode text=怎么给手机充值 -d n=50 -d k=5

MODEL is a folder of SimBERT (https://github.com/ZhuiyiTechnology/simbert); HTTP needs pip install
'playmask[serve]'.

Upstream has a small server of its own, for tests alone, and a decoder that runs the model over
the whole text for each token. Here the path is added to playmask's server, which has batches,
limits, logs and metrics; /v1/embeddings gives the vectors beside it. The command for a saved
encoder's vectors alone: `playmask serve`; for synonyms without a server: `playmask generate`.
"""

import sys

import uvicorn

import playmask
from playmask.server.app import create_app
from playmask.server.task_served import ServedTask

path, port = sys.argv[1:]
parts = {"mask": "unilm", "heads": ("mlm", "pool"), "pooler_activation": "linear"}
task = playmask.SentenceEncoder.new(playmask.load(path, **parts), pooling="pooled", max_length=32)
app = create_app([ServedTask("simbert", task)])


@app.get("/gen_synonyms")
def gen_synonyms(text: str, n: int = 100, k: int = 20) -> list[str]:
    """Write n sentences like a text, and answer with the k nearest."""
    written = {*task.paraphrase(text, best=n, search=playmask.Sample(n, top_p=0.95))} - {text, ""}
    near = dict(zip(written, task.similarity([(text, one) for one in written]), strict=True))
    return sorted(near, key=near.get, reverse=True)[:k]


uvicorn.run(app, port=int(port))
