"""Products of matrices and of tensors."""

from collections.abc import Sequence
from string import ascii_lowercase

from playmask.onnx.lowering import Equation, Table, Value

Axes = Sequence[int]


def _product(equation: Equation) -> list[Value]:
    """MatMul where the axes stand as it has them, or after a Transpose; else Einsum."""
    (left, right), (batch_left, batch_right) = equation.params["dimension_numbers"]
    a, b = equation.inputs
    if not batch_left and len(b.shape) == 2 and tuple(left) == (len(a.shape) - 1,):
        return _by_matrix(equation, transposed=tuple(right) == (1,))
    count = len(batch_left)
    leading = tuple(batch_left) == tuple(batch_right) == tuple(range(count))
    ranks = len(a.shape), len(b.shape)
    if leading and ranks == (count + 2, count + 2):
        return _by_batch(equation, tuple(left) == (count,), tuple(right) == (count + 1,))
    return _einsum(equation)


def _by_matrix(equation: Equation, *, transposed: bool) -> list[Value]:
    """x (…, D) times a matrix (D, U), or (U, D)."""
    x, matrix = equation.inputs
    a, b = equation.whole(x, [len(x.shape) - 1]), equation.whole(matrix)
    b = equation.graph.add("Transpose", b, perm=[1, 0]) if transposed else b
    name = equation.graph.add("MatMul", a, b)
    return [Value(name, equation.shape, (*x.stored[:-1], equation.shape[-1]))]


def _by_batch(equation: Equation, left: bool, right: bool) -> list[Value]:
    """Matrices of a batch, times others; left, right: which of them stand the other way round."""
    graph, rank = equation.graph, len(equation.shape)
    order = [*range(rank - 2), rank - 1, rank - 2]
    a, b = equation.inputs
    names = [
        equation.whole(a, [rank - 2 if left else rank - 1]),
        equation.whole(b, [rank - 1 if right else rank - 2]),
    ]
    names = [
        graph.add("Transpose", name, perm=order) if turned else name
        for name, turned in zip(names, (left, right), strict=True)
    ]
    stored = [y if str(x) == "1" else x for x, y in zip(a.stored[:-2], b.stored[:-2], strict=True)]
    rows, columns = a.stored[rank - 1 if left else rank - 2], b.stored[rank - 2 if right else -1]
    return [Value(graph.add("MatMul", *names), equation.shape, (*stored, rows, columns))]


def _einsum(equation: Equation) -> list[Value]:
    (left, right), (batch_left, batch_right) = equation.params["dimension_numbers"]
    a, b = equation.inputs
    letters = iter(ascii_lowercase)
    first = [next(letters) for _ in a.shape]
    second = [next(letters) for _ in b.shape]
    for i, j in zip((*batch_left, *left), (*batch_right, *right), strict=True):
        second[j] = first[i]
    rest = [
        letter
        for word, gone in ((first, (*batch_left, *left)), (second, (*batch_right, *right)))
        for place, letter in enumerate(word)
        if place not in gone
    ]
    output = "".join([*(first[i] for i in batch_left), *rest])
    rule = f"{''.join(first)},{''.join(second)}->{output}"
    return equation.value(equation.graph.add("Einsum", *equation.full(), equation=rule))


TABLE: Table = {"dot_general": _product}
"""The lowering of each primitive of this kind."""
