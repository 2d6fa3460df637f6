"""KerasHub on JAX. Its tokenizers need TensorFlow Text, so BERT gets ids from `tokenizers`."""

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np

from worker import latencies, launched, read_json, serve

MODELS = {}


def bert(path):
    """A BERT with the weights of a Hugging Face checkpoint."""
    import keras_hub
    from safetensors.numpy import load_file

    with open(path + "/config.json") as file:
        config = json.load(file)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=config["vocab_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        intermediate_dim=config["intermediate_size"],
        max_sequence_length=config["max_position_embeddings"],
        num_segments=config["type_vocab_size"],
    )
    tensors = load_file(path + "/model.safetensors")
    prefix = "bert." if "bert.embeddings.word_embeddings.weight" in tensors else ""

    def tensor(name):
        return tensors[prefix + name]

    names = "token_embedding", "position_embedding", "segment_embedding"
    theirs = "word_embeddings", "position_embeddings", "token_type_embeddings"
    for layer, name in zip(names, theirs):
        try:
            made = backbone.get_layer(layer)
        except ValueError:
            made = backbone.get_layer("token_and_position_embedding")
            made = getattr(made, layer)
        made.weights[0].assign(tensor("embeddings.%s.weight" % name))
    put(backbone.get_layer("embeddings_layer_norm"), tensor, "embeddings.LayerNorm", norm=True)
    heads, width = config["num_attention_heads"], config["hidden_size"]
    for i in range(config["num_hidden_layers"]):
        block = backbone.get_layer("transformer_layer_%d" % i)
        own = "encoder.layer.%d." % i
        attention = block._self_attention_layer
        for name in ("query", "key", "value"):
            layer = getattr(attention, "_%s_dense" % name)
            layer.kernel.assign(
                tensor(own + "attention.self.%s.weight" % name).T.reshape(width, heads, -1)
            )
            layer.bias.assign(tensor(own + "attention.self.%s.bias" % name).reshape(heads, -1))
        out = attention._output_dense
        out.kernel.assign(tensor(own + "attention.output.dense.weight").T.reshape(heads, -1, width))
        out.bias.assign(tensor(own + "attention.output.dense.bias"))
        put(block._self_attention_layer_norm, tensor, own + "attention.output.LayerNorm", norm=True)
        put(block._feedforward_intermediate_dense, tensor, own + "intermediate.dense")
        put(block._feedforward_output_dense, tensor, own + "output.dense")
        put(block._feedforward_layer_norm, tensor, own + "output.LayerNorm", norm=True)
    put(backbone.get_layer("pooled_dense"), tensor, "pooler.dense")
    return backbone


def put(layer, tensor, name, norm=False):
    """Weight and bias of a dense layer or a norm."""
    kernel = tensor(name + ".weight")
    layer.weights[0].assign(kernel if norm else kernel.T)
    layer.weights[1].assign(tensor(name + ".bias"))


def inputs_of(path, first, second, length):
    """Padded ids, segments and mask."""
    import tokenizers

    words = tokenizers.BertWordPieceTokenizer(path + "/vocab.txt", lowercase=True)
    words.enable_truncation(length)
    words.enable_padding(length=length)
    made = words.encode_batch(list(zip(first, second)) if second else list(first))
    return {
        "token_ids": np.array([e.ids for e in made], "int32"),
        "segment_ids": np.array([e.type_ids for e in made], "int32"),
        "padding_mask": np.array([e.attention_mask for e in made], "int32"),
    }


def classifier(path):
    """A classifier of two classes on it."""
    import keras_hub

    if path not in MODELS:
        made = keras_hub.models.BertTextClassifier(
            backbone=bert(path), num_classes=2, preprocessor=None
        )
        MODELS[path] = made
    return MODELS[path]


def fine_tune(case):
    """Fine-tune a classifier of pairs, padded to the length; the second of two epochs is timed."""
    import keras

    pairs = read_json(case["pairs"])
    given = inputs_of(case["path"], [p[0] for p in pairs], [p[1] for p in pairs], case["length"])
    labels = np.array([int(p[2]) for p in pairs])
    model = classifier(case["path"])
    outputs = model.backbone({name: value[:4] for name, value in given.items()})
    seen = np.asarray(outputs["sequence_output"])[:, 0, :16].astype("float64").tolist()
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=keras.optimizers.AdamW(2e-5),
    )

    def run():
        marks = []
        callback = keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: marks.append(time.perf_counter()),
            on_epoch_end=lambda epoch, logs: marks.append(time.perf_counter()),
        )
        model.fit(
            given, labels, batch_size=case["batch"], epochs=2, callbacks=[callback], verbose=0
        )
        return {"seconds": marks[2] - marks[1], "cold": marks[1] - marks[0], "outputs": seen}

    return run


def latency(case):
    """Single texts through predict, padded to the length as its preprocessor does."""
    texts = read_json(case["texts"])
    model = classifier(case["path"])

    def ask(text):
        return model.predict(inputs_of(case["path"], [text], None, case["length"]), verbose=0)

    def run():
        return {"latencies": latencies(ask, texts, case["threads"], case["calls"]), "outputs": []}

    return run


def gpt2(path):
    """A GPT-2 with the weights of a Hugging Face checkpoint."""
    import keras_hub
    from safetensors.numpy import load_file

    with open(path + "/config.json") as file:
        config = json.load(file)
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=config["vocab_size"],
        num_layers=config["n_layer"],
        num_heads=config["n_head"],
        hidden_dim=config["n_embd"],
        intermediate_dim=4 * config["n_embd"],
        max_sequence_length=config["n_positions"],
        dropout=0.0,
    )
    tensors = load_file(path + "/model.safetensors")
    prefix = "transformer." if "transformer.wte.weight" in tensors else ""

    def tensor(name):
        return tensors[prefix + name]

    heads, width = config["n_head"], config["n_embd"]
    table = backbone.get_layer("token_embedding")
    table.embeddings.assign(tensor("wte.weight"))
    backbone.get_layer("position_embedding").position_embeddings.assign(tensor("wpe.weight"))
    for i in range(config["n_layer"]):
        block, own = backbone.get_layer("transformer_layer_%d" % i), "h.%d." % i
        attention = block._self_attention_layer
        joint = np.split(tensor(own + "attn.c_attn.weight"), 3, axis=1)
        biases = np.split(tensor(own + "attn.c_attn.bias"), 3)
        layers = attention._query_dense, attention._key_dense, attention._value_dense
        for layer, kernel, bias in zip(layers, joint, biases):
            layer.kernel.assign(kernel.reshape(width, heads, -1))
            layer.bias.assign(bias.reshape(heads, -1))
        out = attention._output_dense
        out.kernel.assign(tensor(own + "attn.c_proj.weight").reshape(heads, -1, width))
        out.bias.assign(tensor(own + "attn.c_proj.bias"))
        pairs = {
            "ln_1": block._self_attention_layer_norm,
            "ln_2": block._feedforward_layer_norm,
            "mlp.c_fc": block._feedforward_intermediate_dense,
            "mlp.c_proj": block._feedforward_output_dense,
        }
        for name, layer in pairs.items():
            for variable, value in zip(layer.weights, ("weight", "bias")):
                variable.assign(tensor(own + name + "." + value))
    norm = backbone.get_layer("layer_norm")
    for variable, value in zip(norm.weights, ("weight", "bias")):
        variable.assign(tensor("ln_f." + value))
    return keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=None)


def generate(case):
    """Generate as the case says."""
    import keras_hub

    path, new = case["path"], case["new"]
    if path not in MODELS:
        MODELS[path] = gpt2(path)
    model, beams = MODELS[path], case["beams"]
    model.compile(
        sampler="greedy" if beams == 1 else keras_hub.samplers.BeamSampler(num_beams=beams)
    )
    length = len(case["prompts"][0])
    tokens = np.array([p + [0] * new for p in case["prompts"]], "int32")
    valid = np.arange(length + new)[None] < np.full((len(tokens), 1), length)
    inputs = {"token_ids": tokens, "padding_mask": valid.astype("int32")}

    def run():
        made = model.generate(dict(inputs), stop_token_ids=None)
        return {"tokens": np.asarray(made["token_ids"])[:, length:].tolist()}

    return run


def importing():
    """Import the library and what it computes with."""
    import jax
    import keras_hub

    assert keras_hub.models
    jax.numpy.zeros(1).block_until_ready()


def load(path):
    """A function that reads one text."""
    model = bert(path)
    return lambda text: model.predict(inputs_of(path, [text], None, 128), verbose=0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--launch"]:
        launched(importing, load)
    serve({"fine-tuning": fine_tune, "latency": latency, "generation": generate})
