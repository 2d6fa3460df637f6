"""What lowers each primitive of JAX to ONNX; a file a kind."""

from playmask.lazy import find_submodules
from playmask.onnx.lowering import Table
from playmask.onnx.primitives import elementwise, indexing, products, reductions, shapes

PRIMITIVES: Table = {
    **elementwise.TABLE,
    **indexing.TABLE,
    **products.TABLE,
    **reductions.TABLE,
    **shapes.TABLE,
}
"""The lowering of each primitive, by its name in a jaxpr."""

find_submodules(__name__)
