"""Hugging Face transformers on PyTorch: as its scripts do it by default, and at its best."""

import sys
from functools import cache

from worker import WARM, lap, latencies, launched, peak, read_json, serve


@cache
def loaded(kind, path, dtype="float32"):
    """A model of a class, for inference."""
    import transformers

    return getattr(transformers, kind).from_pretrained(path, dtype=dtype).eval()


DEVICES = {"cpu": "cpu", "gpu": "cuda"}
"""Where it computes, as PyTorch says it."""


@cache
def tokenizer(path):
    """The fast tokenizer beside a checkpoint."""
    import transformers

    return transformers.BertTokenizerFast.from_pretrained(path)


def fine_tune(case):
    """Fine-tune with the Trainer: padded to the length (run_glue's default), or at its best."""
    import torch
    import transformers

    best, length = case["best"], case["length"]
    words = tokenizer(case["path"])
    model = transformers.BertForSequenceClassification.from_pretrained(case["path"], num_labels=2)
    pairs = read_json(case["pairs"])
    given = words(
        [p[0] for p in pairs],
        [p[1] for p in pairs],
        truncation=True,
        max_length=length,
        padding=False if best else "max_length",
    )
    rows = [
        {name: given[name][i] for name in given} | {"labels": int(pairs[i][2])}
        for i in range(len(pairs))
    ]
    with torch.inference_mode():
        model.eval()
        batch = words.pad([{k: v for k, v in row.items() if k != "labels"} for row in rows[:4]],
                          return_tensors="pt")  # fmt: skip
        seen = model.bert(**batch).last_hidden_state[:, 0, :16].double().tolist()
    options = {
        "output_dir": "/tmp/benchmark-trainer",
        "num_train_epochs": 1,
        "per_device_train_batch_size": case["batch"],
        "learning_rate": 2e-5,
        "report_to": [],
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": case.get("device", "cpu") == "cpu",
        "bf16": case.get("dtype") == "bfloat16",
    }
    if best:
        options["train_sampling_strategy"] = "group_by_length"
    arguments = transformers.TrainingArguments(**options)
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=transformers.DataCollatorWithPadding(words)
        if best
        else transformers.default_data_collator,
    )

    def run():
        trainer.train()
        return {"cold": 0, "outputs": seen}  # PyTorch has next to nothing to warm up

    return run


def classify(case):
    """Label many texts: the pipeline with a batch size, or by hand, sorted by length."""
    import torch
    import transformers

    model, words = loaded("BertForSequenceClassification", case["path"]), tokenizer(case["path"])
    texts, batch, length = read_json(case["texts"]), case["batch"], case["length"]

    def by_pipeline():
        pipe = transformers.pipeline("text-classification", model=model, tokenizer=words)
        found = pipe(texts, batch_size=batch, truncation=True, max_length=length, top_k=None)
        return [
            next(answer["score"] for answer in row if answer["label"] == "LABEL_1") for row in found
        ]

    def by_hand():
        rows = words(texts, truncation=True, max_length=length)["input_ids"]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = [0.0] * len(rows)
        for start in range(0, len(rows), batch):
            here = order[start : start + batch]
            given = words.pad({"input_ids": [rows[i] for i in here]}, return_tensors="pt")
            with torch.inference_mode():
                chances = model(**given).logits.softmax(-1)[:, 1].tolist()
            for i, chance in zip(here, chances):
                found[i] = chance
        return found

    work = by_hand if case["by_hand"] else by_pipeline

    def run():
        every = list(texts)
        texts[:] = every[:WARM]
        work()  # PyTorch has next to nothing to warm up
        texts[:] = every
        found = []
        seconds = lap(lambda: found.extend(work()), case.get("clock", "wall"))
        return {"seconds": seconds, "cold": 0, "outputs": found[:64]}

    return run


def latency(case):
    """Label single texts, by the pipeline or by hand."""
    import torch
    import transformers

    model, words = loaded("BertForSequenceClassification", case["path"]), tokenizer(case["path"])
    texts = read_json(case["texts"])
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=words)

    def by_hand(text):
        with torch.inference_mode():
            given = words(text, truncation=True, max_length=case["length"], return_tensors="pt")
            return model(**given).logits.softmax(-1)[0, 1].item()

    def by_pipeline(text):
        return pipe(text, truncation=True, max_length=case["length"])  # else long texts fail

    ask = by_hand if case["by_hand"] else by_pipeline

    def run():
        taken = latencies(ask, texts, case["threads"], case["calls"])
        return {"latencies": taken, "outputs": [by_hand(texts[0])]}

    return run


def tag(case):
    """Find mentions by the token-classification pipeline."""
    import transformers

    model = loaded("BertForTokenClassification", case["path"])
    texts = read_json(case["texts"])
    pipe = transformers.pipeline(
        "token-classification",
        model=model,
        tokenizer=tokenizer(case["path"]),
        aggregation_strategy="simple",
    )

    def run():
        found = pipe(texts, batch_size=case["batch"])
        return {"outputs": [], "found": sum(map(len, found))}

    return run


def tokenize(case):
    """Ids of many texts: the fast tokenizer, or the `tokenizers` library under it."""
    words, texts = tokenizer(case["path"]), read_json(case["texts"])
    if case["raw"]:
        raw = words.backend_tokenizer
        raw.enable_truncation(case["length"])
        return lambda: {"outputs": [e.ids for e in raw.encode_batch(texts)][:200]}
    return lambda: {
        "outputs": words(texts, truncation=True, max_length=case["length"])["input_ids"][:200]
    }


KINDS = {"gpt2": "GPT2LMHeadModel", "t5": "T5ForConditionalGeneration"}


def generate(case):
    """Generate as the case says; with a static cache transformers compiles a step on a card."""
    import torch

    kind, new, prompts = case["kind"], case["new"], case["prompts"]
    device = DEVICES[case["device"]]
    model = loaded(KINDS[kind], case["path"], case["dtype"]).to(device)
    cache = {"cache_implementation": "static"} if case.get("compiled") else {}
    length = max(map(len, prompts))
    left = kind == "gpt2"  # a decoder alone wants its padding in front
    rows = [[0] * (length - len(p)) + p if left else p + [0] * (length - len(p)) for p in prompts]
    valid = [
        [0] * (length - len(p)) + [1] * len(p) if left else [1] * len(p) + [0] * (length - len(p))
        for p in prompts
    ]
    tokens, valid = torch.tensor(rows, device=device), torch.tensor(valid, device=device)

    def run():
        with torch.inference_mode():
            made = model.generate(
                input_ids=tokens,
                attention_mask=valid,
                do_sample=False,
                num_beams=case["beams"],
                max_new_tokens=new,
                min_new_tokens=new,
                eos_token_id=None,
                pad_token_id=0,
                **cache,
            )
        return {"tokens": made[:, -new:].tolist()}

    return run


def steps(case):
    """Training steps, or forward passes, of random texts of one length, with SDPA."""
    import torch

    labels = torch.arange(case["rows"]) % 2
    return stepping(case, "BertForSequenceClassification", random_ids(case), labels)


def pretrain(case):
    """Steps of masked language modelling, of texts that are masked before the clock runs."""
    import torch

    ids = random_ids(case)
    taken = torch.rand(ids.shape) < case["masked"]
    return stepping(case, "BertForMaskedLM", ids, torch.where(taken, ids, -100))


def random_ids(case):
    """A batch of texts of one length."""
    import torch

    return torch.randint(1000, 20000, (case["rows"], case["tokens"]))


def stepping(case, kind, ids, labels):
    """Steps of a model of a class, which learns the labels or reads for its loss alone."""
    import torch
    import transformers

    device, half = DEVICES[case["device"]], case["dtype"] != "float32"
    made = getattr(transformers, kind)(configuration(case["architecture"]))
    made = made.to(device).train(case["training"])
    model = torch.compile(made, backend=case["compiler"]) if case["compiled"] else made
    ids, labels = ids.to(device), labels.to(device)
    optimizer = torch.optim.AdamW(made.parameters(), lr=2e-5, fused=True)
    clip = case.get("clip")

    def run():
        for _ in range(case["steps"]):
            with (
                torch.set_grad_enabled(case["training"]),
                torch.autocast(device, dtype=torch.bfloat16, enabled=half),
            ):
                made_of = model(input_ids=ids, labels=labels)
            if case["training"]:
                made_of.loss.backward()
                if clip is not None:
                    torch.nn.utils.clip_grad_norm_(made.parameters(), clip)
                optimizer.step()
                optimizer.zero_grad()
        made_of.loss.item()  # until then a card may still be at work
        return {"outputs": []}

    return run


def configuration(a):
    """An architecture of playmask's, as transformers says it."""
    import transformers

    return transformers.BertConfig(
        vocab_size=a["vocabulary"],
        hidden_size=a["width"],
        num_hidden_layers=a["depth"],
        num_attention_heads=a["attention_heads"],
        intermediate_size=a["inner"],
        max_position_embeddings=4096,
        attention_probs_dropout_prob=a.get("attention_dropout", 0.1),
    )


def forward(case):
    """A forward pass of random ids, for scaling."""
    import torch
    import transformers

    made = transformers.BertModel(configuration(case["architecture"]), add_pooling_layer=False)
    made = made.eval()
    ids = torch.randint(1000, 20000, (case["rows"], case["tokens"]))

    def run():
        with torch.inference_mode():
            made(input_ids=ids).last_hidden_state.sum().item()
        return {"outputs": [], "peak": peak()}

    return run


def importing():
    """Import the library and what it computes with."""
    import torch
    import transformers

    assert transformers.BertModel and torch.zeros(1) is not None


def load(path):
    """A function that reads one text."""
    import torch
    import transformers

    words = tokenizer(path)
    model = transformers.BertForSequenceClassification.from_pretrained(path).eval()

    def answer(text):
        with torch.inference_mode():
            return model(**words(text, return_tensors="pt")).logits.tolist()

    return answer


if __name__ == "__main__":
    if sys.argv[1:2] == ["--launch"]:
        launched(importing, load)
    serve(
        {
            "fine-tuning": fine_tune,
            "steps": steps,
            "pretraining": pretrain,
            "classification": classify,
            "latency": latency,
            "tagging": tag,
            "tokenising": tokenize,
            "generation": generate,
            "scaling": forward,
        }
    )
