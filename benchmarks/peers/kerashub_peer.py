"""KerasHub on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import json

import keras_hub
import numpy as np
from safetensors.numpy import load_file
from worker import serve

MODELS = {}


def load(path):
    """A GPT-2 with the weights of a Hugging Face checkpoint."""
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


def prepare(case):
    """Generate as the case says."""
    path, new = case["path"], case["new"]
    if path not in MODELS:
        MODELS[path] = load(path)
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
        return np.asarray(made["token_ids"])[:, length:]

    return run


serve(prepare)
