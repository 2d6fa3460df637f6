"""A program as a file of ONNX: nodes, weights as initializers, large ones in a file beside it."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from playmask.errors import ConfigError
from playmask.onnx.graph import Array, Node
from playmask.onnx.tracing import Program, TensorInfo

OPSET = 21
IR_VERSION = 10  # the one that came with opset 21
LARGEST = 2**31 - 2**20
"""Bytes of weights above which they stand in a file beside the graph: protobuf has no room."""

ALIGNED = 4096
"""Where weights begin in that file, so that they can be mapped into memory."""


def onnx_library() -> Any:
    """The module onnx.

    Raises: ConfigError where it is not installed
    """
    try:
        import onnx
    except ImportError as error:
        raise ConfigError(
            f"The export needs the library onnx: pip install 'playmask[onnx]' ({error})."
        ) from None
    return onnx


def write_program(program: Program, file: Path, *, largest: int = LARGEST) -> None:
    """Write a program as an ONNX file, checked; weights of more bytes than `largest` beside it."""
    onnx = onnx_library()
    helper = onnx.helper
    weights = Weights(program.constants, largest)
    graph = helper.make_graph(
        [_node(helper, node) for node in program.nodes],
        "playmask",
        [_tensor(helper, *item) for item in program.inputs.items()],
        [_tensor(helper, *item) for item in program.outputs.items()],
        [weights.proto(onnx, name, file.name + ".data") for name in program.constants],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="playmask",
        producer_version=version("playmask"),
    )
    if weights.places:
        weights.write(file.with_name(file.name + ".data"))
    file.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(file))


class Weights:
    """Constants, and where those stand that have a file of their own.

    places: offset and count of bytes, by name; empty where all have room in the graph
    """

    def __init__(self, constants: Mapping[str, Array], largest: int) -> None:
        self.constants = constants
        self.places: dict[str, tuple[int, int]] = {}
        if sum(array.nbytes for array in constants.values()) > largest:
            end = 0
            for name, array in constants.items():
                if array.ndim > 1:
                    self.places[name] = end, array.nbytes
                    end += -(-array.nbytes // ALIGNED) * ALIGNED

    def proto(self, onnx: Any, name: str, file: str) -> Any:
        """A constant as ONNX has it, or where it stands."""
        array = self.constants[name]
        if name not in self.places:
            return onnx.numpy_helper.from_array(array, name)
        tensor = onnx.TensorProto()
        tensor.name, tensor.data_location = name, onnx.TensorProto.EXTERNAL
        tensor.data_type = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor.dims.extend(array.shape)
        offset, length = self.places[name]
        for key, value in (("location", file), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def write(self, file: Path) -> None:
        """Write the constants that have places."""
        with file.open("wb") as out:
            for name, (offset, _) in self.places.items():
                out.seek(offset)
                out.write(np.ascontiguousarray(self.constants[name]).data)


def _node(helper: Any, node: Node) -> Any:
    attributes = {
        name: helper.np_dtype_to_tensor_dtype(value) if isinstance(value, np.dtype) else value
        for name, value in node.attributes.items()
    }
    return helper.make_node(
        node.kind, node.inputs, node.outputs, name=node.outputs[0], **attributes
    )


def _tensor(helper: Any, name: str, tensor: TensorInfo) -> Any:
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
    return helper.make_tensor_value_info(name, dtype, tensor.sizes)
