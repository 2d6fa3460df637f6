"""What fills the gaps of a text.

    python examples/from_bert4keras/basic_masked_language_model.py MODEL

MODEL has a vocabulary head (`mlm`), as zh-small.

Upstream writes the id of [MASK] into the tokens at places that are counted by hand; here a gap is
written as [MASK]. The command for it: `playmask predict zh-small --text '科学[MASK][MASK]是…'`.
"""

import sys

import playmask

task = playmask.MaskFill.new(sys.argv[1])
gaps = task.predict("科学[MASK][MASK]是第一生产力", best=1)
print("".join(fill.text for (fill,) in gaps))
