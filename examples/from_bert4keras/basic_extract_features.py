"""Hidden states of a text, and the same from the model saved and loaded again.

    python examples/from_bert4keras/basic_extract_features.py MODEL TEXT SAVED

MODEL is a folder of any published checkpoint, `org/name` of the hub, or zh-small; SAVED a new
folder.

Upstream takes three paths and builds a tokenizer and a model of them. Here one path is enough,
since configuration and vocabulary lie beside the weights; segments that are left out are 0.
Upstream reloads by Keras alone, so the tokenizer is lost; `playmask.save` writes it too.
"""

import sys

import playmask

path, text, saved = sys.argv[1:]
model = playmask.load(path, heads=())
row = {"tokens": model.tokenizer.encode(text).ids}
print(playmask.Predictor(model, per_token=["hidden"])([row])[0]["hidden"])  # (tokens, width)
playmask.save(model, saved)
again = playmask.load(saved, heads=())
print(playmask.Predictor(again, per_token=["hidden"])([row])[0]["hidden"])
