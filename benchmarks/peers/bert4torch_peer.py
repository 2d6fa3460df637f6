"""bert4torch: its own training loop, tokenizer and layers."""

import sys

from worker import launched, read_json, serve

NAMES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_hidden_layers",
    "num_attention_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "hidden_act": "hidden_act",
    "max_position_embeddings": "max_position",
    "type_vocab_size": "segment_vocab_size",
    "layer_norm_eps": "layer_norm_eps",
}


def built(path, **options):
    """A model of a Hugging Face checkpoint; its own configuration files have other names."""
    from bert4torch.models import build_transformer_model

    config = read_json(path + "/config.json")
    options.update({own: config[name] for name, own in NAMES.items()})
    return build_transformer_model(
        checkpoint_path=path + "/model.safetensors", model="bert", **options
    )


def tokenizer(path):
    """Its tokenizer, in Python."""
    from bert4torch.tokenizers import Tokenizer

    return Tokenizer(path + "/vocab.txt", do_lower_case=True)


def fine_tune(case):
    """Fine-tune a classifier of pairs, padded to the batch, as in its examples."""
    import torch
    from bert4torch.models import BaseModel
    from bert4torch.snippets import sequence_padding

    words, pairs = tokenizer(case["path"]), read_json(case["pairs"])

    class Model(BaseModel):
        """A BERT and a dense layer."""

        def __init__(self):
            super().__init__()
            self.bert = built(case["path"], with_pool=True)
            self.dropout = torch.nn.Dropout(0.1)
            self.dense = torch.nn.Linear(self.bert.hidden_size, 2)

        def forward(self, tokens, segments):
            """Logits."""
            _, pooled = self.bert([tokens, segments])
            return self.dense(self.dropout(pooled))

    def collate(batch):
        made = [words.encode(a, b, maxlen=case["length"]) for a, b, _ in batch]
        tokens = torch.tensor(sequence_padding([ids for ids, _ in made]), dtype=torch.long)
        segments = torch.tensor(sequence_padding([kinds for _, kinds in made]), dtype=torch.long)
        return [tokens, segments], torch.tensor([int(label) for _, _, label in batch])

    model = Model()
    model.compile(
        loss=torch.nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-5),
    )
    model.eval()
    seen = []
    with torch.inference_mode():
        for a, b, _ in pairs[:4]:
            (tokens, segments), _ = collate([(a, b, 0)])
            seen.append(model.bert([tokens, segments])[0][0, 0, :16].double().tolist())
    loader = torch.utils.data.DataLoader(
        pairs, batch_size=case["batch"], shuffle=True, collate_fn=collate
    )

    def run():
        model.train()
        model.fit(loader, epochs=1, steps_per_epoch=None)
        return {"cold": 0, "outputs": seen}  # PyTorch has next to nothing to warm up

    return run


def tokenize(case):
    """Ids of many texts."""
    words, texts = tokenizer(case["path"]), read_json(case["texts"])
    return lambda: {"outputs": [words.encode(t, maxlen=case["length"])[0] for t in texts][:200]}


def importing():
    """Import the library and what it computes with."""
    import bert4torch.models

    assert bert4torch.models


def load(path):
    """A function that reads one text."""
    import torch

    words, model = tokenizer(path), built(path).eval()

    def answer(text):
        ids, kinds = words.encode(text)
        with torch.inference_mode():
            return model([torch.tensor([ids]), torch.tensor([kinds])])

    return answer


if __name__ == "__main__":
    if sys.argv[1:2] == ["--launch"]:
        launched(importing, load)
    serve({"fine-tuning": fine_tune, "tokenising": tokenize})
