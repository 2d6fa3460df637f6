"""What fills the gaps of a text.

    python examples/from_bert4keras/basic_masked_language_model.py MODEL TEXT

MODEL has a vocabulary head (`mlm`), as zh-small.

Upstream writes the id of [MASK] into the tokens at places that are counted by hand; here a gap is
written as [MASK], as in '房间很[MASK]，服务也很热情。'. The command, for a folder that
`playmask train mask-fill` has written: `playmask predict DIR --text TEXT`.
"""

import sys

import playmask

path, text = sys.argv[1:]
gaps = playmask.MaskFill.new(path).predict(text, best=1)
print("".join(fill.text for (fill,) in gaps))
