"""The page that an export has beside its graphs: what goes in, what comes out, a call."""

from collections.abc import Mapping
from typing import Any

from playmask.onnx.exported import Export, ExportedGraph, Quantization
from playmask.onnx.signature import PAST
from playmask.onnx.tracing import TensorInfo

PAGE = """# {title}

Exported by playmask as ONNX; plain ONNX Runtime runs it, from any language. `export.json` has all
that stands here for programs, and the checksums of the graphs; `checksums.json` has
those of all files. Sizes with names may be any.

{graphs}{quantization}
## A call

```python
import numpy as np
import onnxruntime
{text}
session = onnxruntime.InferenceSession("{file}")
inputs = {{
{inputs}
}}
outputs = session.run(None, inputs)
for output, value in zip(session.get_outputs(), outputs):
    print(output.name, value.shape)
```

Texts become tokens by `tokenizer.json`, which the library `tokenizers` reads. `valid` is false
where a row is padded. Ids that the vocabulary has not, and texts longer than the model's positions,
are an error of ONNX Runtime.
"""


OF_TEXT = {
    "tokens": 'np.array([encoding.ids], "int32")',
    "segments": 'np.array([encoding.type_ids], "int32")',
    "valid": "np.ones((1, len(encoding.ids)), bool)",
}
"""What the inputs of a task that reads one text are made of, by their names."""

TEXT = "味道很好，下次还来。"
ENCODING = """from tokenizers import Tokenizer

encoding = Tokenizer.from_file("tokenizer.json").encode("{text}")"""


def readme(export: Export, about: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    last = export.graphs[-1]
    reads_text = "task" in about and last.inputs.keys() <= OF_TEXT.keys()
    values = OF_TEXT if reads_text else {n: _zeros(each) for n, each in last.inputs.items()}
    lines = (f'    "{name}": {values[name]},' for name in last.inputs)
    return PAGE.format(
        title=f"{about.get('task') or about.get('family', 'model')}".replace("_", " "),
        graphs="\n".join(map(_table, export.graphs)),
        quantization="" if export.quantization is None else _in_8_bits(export.quantization),
        file=last.file,
        text=ENCODING.format(text=TEXT) if reads_text else "",
        inputs="\n".join(lines),
    )


def _in_8_bits(quantization: Quantization) -> str:
    """What 8 bits are worth and cost, as a table, and which weights are in float32."""
    table = [f"| {name} | {value} |" for name, value in quantization.lines()]
    return "\n".join(["", "## In 8 bits", "", "| | |", "|---|---|", *table, ""])


def _zeros(tensor: TensorInfo) -> str:
    """An array of an input, with 2 for each size that has a name; nothing is padding."""
    shape = tuple(
        0 if size == PAST else 2 if isinstance(size, str) else size for size in tensor.sizes
    )
    return f"np.{'ones' if tensor.dtype == 'bool' else 'zeros'}({shape}, {tensor.dtype!r})"


def _table(graph: ExportedGraph) -> str:
    rows = [
        f"| {side} | `{name}` | {' × '.join(map(str, each.sizes)) or 'a number'} | {each.dtype} |"
        for side, tensors in (("input", graph.inputs), ("output", graph.outputs))
        for name, each in tensors.items()
    ]
    head = f"## {graph.file}\n\n| | name | shape | type |\n|---|---|---|---|"
    return "\n".join([head, *rows, ""])
