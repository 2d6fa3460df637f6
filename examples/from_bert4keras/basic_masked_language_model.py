"""What fills the gaps of a text.

    python examples/from_bert4keras/basic_masked_language_model.py MODEL TEXT

MODEL has a vocabulary head (`mlm`), as zh-small.

Upstream writes the id of [MASK] into the tokens at places that are counted by hand; here a gap is
written as [MASK], and any number of texts may come at once. The command, for a model that was
trained by `playmask train mask-fill`: `playmask predict DIR --text '科学[MASK][MASK]是第一生产力'`.
"""

import sys

import playmask

path, text = sys.argv[1:]
gaps = playmask.MaskFill.new(path).predict(text, best=1)
print("".join(fill.text for (fill,) in gaps))
