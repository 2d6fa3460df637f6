"""The usual server of a pipeline: python pipeline_server.py CHECKPOINT PORT async|sync.

sync: the endpoint is a function, which FastAPI calls in threads; async: a coroutine, which lets
nobody else run meanwhile.
"""

import sys

import transformers
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Request(BaseModel):
    """What is asked."""

    texts: list[str]


def application(path: str, kind: str) -> FastAPI:
    """A pipeline behind an endpoint."""
    pipe = transformers.pipeline("text-classification", model=path, tokenizer=path, top_k=None)
    app = FastAPI()

    def answers(texts: list[str]) -> dict[str, list[dict[str, object]]]:
        found = pipe(texts, truncation=True, max_length=128)
        rows = [{each["label"]: each["score"] for each in row} for row in found]
        return {"answers": [{"label": max(r, key=r.get), "probabilities": r} for r in rows]}

    if kind == "async":

        @app.post("/predict")
        async def in_turn(body: Request) -> dict[str, list[dict[str, object]]]:
            return answers(body.texts)
    else:

        @app.post("/predict")
        def in_threads(body: Request) -> dict[str, list[dict[str, object]]]:
            return answers(body.texts)

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app


if __name__ == "__main__":
    path, port, kind = sys.argv[1:]
    uvicorn.run(application(path, kind), port=int(port), log_level="warning", access_log=False)
