"""An ONNX network looked at without running it: operators, tensors, where its weights lie. Pure.

What is refused here never reaches a runtime: operators outside the standard's own sets (they would
need code of somebody else's), weights in other files than the package's own, graphs nested or grown
beyond what a network needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.models.errors import OnnxRefused
from core.models.metadata import TensorSpec

#: The standard's own operator sets. Contributed ones exist in one runtime only.
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
#: Operators that have no place in a network whose answer must repeat.
_UNSTEADY = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
     "Bernoulli"}
)  # fmt: skip
_NODES = 50_000
_DEPTH = 8
_AXES = 5


def parsed(data: bytes) -> Any:
    """Return the ONNX ModelProto of `data`.

    Raises
    ------
    OnnxRefused
    """
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, ValueError, RecursionError) as cause:
        raise OnnxRefused(what="not an ONNX file") from cause
    if not model.graph.node or not model.opset_import:
        raise OnnxRefused(what="no graph")
    return model


def check_network(model: Any) -> None:
    """Walk the whole model.

    Raises
    ------
    OnnxRefused
    """
    if model.training_info:
        raise OnnxRefused(what="training information")
    own = {(function.domain, function.name) for function in model.functions}
    used: set[str] = set()
    count = 0
    graphs = [(model.graph.node, 0), *((function.node, 0) for function in model.functions)]
    while graphs:
        nodes, depth = graphs.pop()
        if depth > _DEPTH:
            raise OnnxRefused(what="graphs nested too deeply")
        for node in nodes:
            count += 1
            if count > _NODES:
                raise OnnxRefused(what=f"more than {_NODES} nodes")
            if (node.domain, node.op_type) not in own:
                used.add(node.domain)
                _check_operator(node)
            graphs += [(inner.node, depth + 1) for inner in _inner(node)]
    strange = sorted(used - _DOMAINS)
    if strange:
        raise OnnxRefused(what=f"operators of {strange[0][:60]!r}")


def with_weights_inside(model: Any, beside: Mapping[str, bytes]) -> bytes:
    """Return the model with every weight inside, taking those that lie in files of the package.

    Parameters
    ----------
    beside : mapping
        The package's files by plain name; nothing else is ever opened.

    Raises
    ------
    OnnxRefused
        A weight in a file that the package does not have, or beyond its end.
    """
    from onnx import TensorProto

    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        told = {entry.key: entry.value for entry in tensor.external_data}
        tensor.raw_data = _piece(told, beside)
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
    try:
        return bytes(model.SerializeToString())
    except ValueError as cause:
        raise OnnxRefused(what="too large") from cause


def tensors_of(model: Any) -> tuple[dict[str, TensorSpec], dict[str, TensorSpec]]:
    """Return inputs and outputs by name; a named or unknown axis is free.

    Raises
    ------
    OnnxRefused
        A tensor that is not float32, or of more axes than a network here has.
    """
    weights = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    return _specs(inputs), _specs(model.graph.output)


def check_tensors(
    model: Any, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> None:
    """Refuse a network whose tensors are not what its metadata states.

    Raises
    ------
    OnnxRefused
    """
    has_inputs, has_outputs = tensors_of(model)
    for has, stated in ((has_inputs, inputs), (has_outputs, outputs)):
        if has.keys() != {spec.name for spec in stated}:
            raise OnnxRefused(what=f"tensors are {', '.join(sorted(has))[:120]}")
        for spec in stated:
            if not _agree(has[spec.name].shape, spec.shape):
                raise OnnxRefused(what=f"{spec.name[:40]} has shape {has[spec.name].shape}")


def _check_operator(node: Any) -> None:
    if node.op_type in _UNSTEADY:
        raise OnnxRefused(what=f"operator {node.op_type}: its answer would not repeat")


def _inner(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor that may hold weights: initialisers and attributes, at every depth."""
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes += graph.node
            continue
        node = nodes.pop()
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        graphs += _inner(node)


def _piece(told: Mapping[str, str], beside: Mapping[str, bytes]) -> bytes:
    data = beside.get(told.get("location", ""))
    if data is None:
        raise OnnxRefused(what="weights in a file outside the package")
    try:
        start = int(told.get("offset") or 0)
        length = int(told.get("length") or len(data) - start)
    except ValueError as cause:
        raise OnnxRefused(what="weights: place") from cause
    if start < 0 or length < 0 or start + length > len(data):
        raise OnnxRefused(what="weights beyond the end of their file")
    return data[start : start + length]


def _specs(values: Any) -> dict[str, TensorSpec]:
    from onnx import TensorProto

    found: dict[str, TensorSpec] = {}
    for value in values:
        kind = value.type.tensor_type
        if kind.elem_type != TensorProto.FLOAT:
            raise OnnxRefused(what=f"{value.name[:40]} is not float32")
        shape = tuple(
            axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None
            for axis in kind.shape.dim
        )
        if not 1 <= len(shape) <= _AXES:
            raise OnnxRefused(what=f"{value.name[:40]} has {len(shape)} axes")
        found[value.name] = TensorSpec(value.name, "float32", shape)
    return found


def _agree(has: tuple[int | None, ...], stated: tuple[int | None, ...]) -> bool:
    """Free in the network may be fixed by the metadata; fixed in both must be the same."""
    return len(has) == len(stated) and all(
        a is None or a == b for a, b in zip(has, stated, strict=True)
    )
