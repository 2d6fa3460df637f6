"""What 8 bits would meet in a program: the noise of each weight, and the ranges of factors.

Probes are further outputs of a program, numbers of a batch. `Observed` joins them while something
else, a task as a rule, calls it for the outputs that the program had.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from playmask.onnx.graph import Array, Node
from playmask.onnx.int8 import Ranges, places, replacement
from playmask.onnx.tracing import Program, TensorInfo

Run = Callable[[dict[str, Array]], Mapping[str, Array]]
NUMBER = TensorInfo((), "float32")
JOINED: Mapping[str, Callable[[float, float], float]] = {
    "noise": float.__add__, "signal": float.__add__, "least": min, "largest": max,
}  # fmt: skip
"""How the numbers of two batches become one, by what they are."""


class Probe(NamedTuple):
    """An output of one number: what it is (of `JOINED`), and of which weight or factor."""

    output: str
    kind: str
    name: str


def with_noise(program: Program) -> tuple[Program, list[Probe]]:
    """Probes of the squares of what each weight gives, and of how far that is off in 8 bits.

    Each weight is by itself: what goes in comes from weights in float32.
    """
    constants, nodes, probes = dict(program.constants), dict[str, Node](), list[Probe]()
    for place in places(program):
        output, rounded = place.output, f"{place.output}/in int8"
        other = place._replace(node=place.node._replace(outputs=(rounded,)))
        distance = f"{output}/distance"
        more = [*replacement(other, constants), Node("Sub", (output, rounded), (distance,), {})]
        for kind, source in (("noise", distance), ("signal", output)):
            probes.append(Probe(f"{output}/{kind}", kind, place.weight))
            more.append(_reduced("ReduceSumSquare", source, probes[-1].output))
        nodes.update((node.outputs[0], node) for node in more)
    return _probed(program._replace(constants=constants), nodes.values(), probes), probes


def with_ranges(program: Program) -> tuple[Program, list[Probe]]:
    """Probes of the least and the largest value of what goes into each product."""
    names = dict.fromkeys(each.node.inputs[0] for each in places(program) if each.is_product)
    nodes, probes = list[Node](), list[Probe]()
    for name in names:
        for kind, operator in (("least", "ReduceMin"), ("largest", "ReduceMax")):
            probes.append(Probe(f"{name}/{kind}", kind, name))
            nodes.append(_reduced(operator, name, probes[-1].output))
    return _probed(program, nodes, probes), probes


def _reduced(operator: str, name: str, output: str) -> Node:
    return Node(operator, (name,), (output,), {"keepdims": 0})


def _probed(program: Program, nodes: Iterable[Node], probes: Iterable[Probe]) -> Program:
    outputs = {**program.outputs, **{probe.output: NUMBER for probe in probes}}
    return program._replace(nodes=[*program.nodes, *nodes], outputs=outputs)


class Observed:
    """Runs a program with probes; it returns the other outputs, and joins what the probes say."""

    def __init__(self, run: Run, probes: Sequence[Probe]) -> None:
        self.run, self.probes = run, probes
        self._numbers: dict[tuple[str, str], float] = {}

    def __call__(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """The outputs of one batch, without the probes'."""
        outputs = dict(self.run(inputs))
        for output, kind, name in self.probes:
            number, known = float(outputs.pop(output)), self._numbers.get((kind, name))
            joined = number if known is None else JOINED[kind](known, number)
            self._numbers[kind, name] = joined
        return outputs

    def of(self, kind: str) -> dict[str, float]:
        """The numbers of a kind, by name."""
        return {name: number for (known, name), number in self._numbers.items() if known == kind}

    def by_noise(self) -> list[str]:
        """Weights, that first whose 8 bits change most of what it gives, in parts of its square."""
        noise, signal = self.of("noise"), self.of("signal")
        least = float(np.finfo("float32").tiny)
        return sorted(noise, key=lambda name: -noise[name] / max(signal[name], least))

    def ranges(self) -> Ranges:
        """The least and the largest value of each factor."""
        least, largest = self.of("least"), self.of("largest")
        return {name: (least[name], largest[name]) for name in least}
