"""An uncased model that tells Word and WORD from word.

    python examples/from_bert4keras/basic_make_uncased_model_cased.py MODEL TEXT SAVED

MODEL has an uncased WordPiece vocabulary, as Google's Chinese BERT; SAVED is a new folder.

For each word of the vocabulary come Word and WORD, and for each ##piece ##PIECE, whose embedding
is that of the old one; of several with the same capitals (ss and ß) it is the first one's. So they
are upstream, which changes the model in memory alone; here it is saved with its tokenizer, so that
every task and command takes the folder as any other checkpoint.
"""

import sys

import playmask
from playmask.tokenizers.wordpiece import specification

path, text, saved = sys.argv[1:]
old = playmask.load(path).tokenizer.vocabulary
known, cased = {*old}, {}
for number, token in enumerate(old):
    if token.isalpha():
        cased.setdefault(token.capitalize(), number)
        cased.setdefault(token.upper(), number)
    elif token[:2] == "##" and token[2:].isalpha():
        cased.setdefault(token.upper(), number)
new = {token: [number] for token, number in cased.items() if token not in known}
model = playmask.load(path, compound_tokens=new)
model.tokenizer = playmask.Tokenizer(specification([*old, *new], lowercase=False))
playmask.save(model, saved)
print(model.tokenizer.tokens(model.tokenizer.encode(text).ids))
