"""Compiles the layers of a model with torch.compile, for decoding steps of one shape.

The layers of a language model are the same code with other weights. So one layer of each kind is
compiled, which takes seconds where a whole model takes a minute, and its code then runs all layers
of that kind: the weights, and the layer's part of the KV cache, are arguments of that code.

torch.compile compiles a function when it is called, and then runs it with the given tensors. Here
that run is prevented; what is kept is the compiled code, and where each of its arguments came from.
Each layer is then run once in both ways on memory of its own (`TrialRows`): it has to compute the
same, and what happens in a first run does not happen while answers wait.

Imports torch; it is itself imported only when a model is loaded.
"""

import functools
import importlib
import threading
import types
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from bot.worker.backends.torch.graphs import DEVICE_ALONE

torch: Any = importlib.import_module("torch")
tree: Any = importlib.import_module("torch.utils._pytree")

MOST_KINDS = 8
"""Kinds of layers that are compiled; more would take as long as the whole model."""

MAX_ERROR = 0.1
"""The largest relative error of a compiled layer. Rounding to 16 bits gives 0.01, wrong weights
about 1."""

IGNORED = ("layer_idx", "forward", "extra_repr")
"""Attributes in which layers of one kind differ. What quantization puts into the last one is text
for people."""

MODULES = threading.RLock()
"""Held by a thread that calls modules of torch, and by another one while it traces: torch.fx then
replaces ``torch.nn.Module.__call__`` for all threads."""

Call = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """A decoder layer as the model's own code has it."""

    index: int | None
    """Its number in the KV cache; None where it has several or none."""
    forward: Call
    weights: Mapping[str, Any]
    """Parameters and buffers by name."""
    kind: Hashable
    """Equal for layers which compute the same with other weights."""


@dataclass(frozen=True, slots=True)
class CompiledLayer:
    """The compiled code of one kind of layer."""

    run: Call
    sources: tuple[tuple[str, Any], ...]
    """Where each argument of `run` comes from, as `_named_tensors` names it."""
    in_tuple: bool
    """Whether the layer returns its hidden states in a tuple of one."""

    def __call__(self, layer: Layer, rows: Any, args: Any, kwargs: Any) -> Any:
        """What the layer returns for these arguments."""
        tensors = _named_tensors(layer, rows, args, kwargs)
        (hidden,) = self.run(*(tensors[source] for source in self.sources))
        return (hidden,) if self.in_tuple else hidden


class LayerCompiler:
    """The layers of a model. A thread may take over their calls; other threads do not notice."""

    def __init__(self, model: Any, backend: str) -> None:
        """`backend`: torch.compile's name of what compiles."""
        _trace_alone()
        self._backend = backend
        self._thread = threading.local()
        for module in _decoder_layers(model):
            module.forward = self._dispatching(_layer(module))

    def _dispatching(self, layer: Layer) -> Call:
        def forward(*args: Any, **kwargs: Any) -> Any:
            taken_over = getattr(self._thread, "call", None)
            if taken_over is None:
                return layer.forward(*args, **kwargs)
            return taken_over(layer, args, kwargs)

        return forward

    @contextmanager
    def _taken_over(self, call: Callable[[Layer, Any, Any], Any]) -> Iterator[None]:
        self._thread.call = call
        try:
            yield
        finally:
            self._thread.call = None

    @contextmanager
    def compiling(self, rows: Any) -> Iterator[dict[Hashable, CompiledLayer]]:
        """While the body makes a forward pass over `rows`, `TrialRows`, compile its layers: what
        the dictionary then has, by kind. The pass raises what torch.compile raises, and
        RuntimeError for layers that cannot be compiled in this way."""
        compiled: dict[Hashable, CompiledLayer] = {}

        def call(layer: Layer, args: Any, kwargs: Any) -> Any:
            if layer.index is None:
                raise RuntimeError("a layer of this model has no part of the KV cache for itself")
            rows.hold(layer.index)
            with DEVICE_ALONE:
                expected = layer.forward(*args, **kwargs)
            if layer.kind not in compiled:
                if len(compiled) == MOST_KINDS:
                    raise RuntimeError("the layers of this model differ too much from each other")
                in_tuple = isinstance(expected, tuple)
                compiled[layer.kind] = self._compile(layer, rows, args, kwargs, in_tuple)
            with DEVICE_ALONE:
                _compare(compiled[layer.kind](layer, rows, args, kwargs), expected)
            return expected

        with self._taken_over(call):
            yield compiled
        if not compiled:
            raise RuntimeError("this model has no layers that are known")

    def running(
        self, compiled: Mapping[Hashable, CompiledLayer], rows: Any
    ) -> AbstractContextManager[None]:
        """While the body makes a forward pass over `rows`, run the compiled code of its layers."""
        return self._taken_over(
            lambda layer, args, kwargs: compiled[layer.kind](layer, rows, args, kwargs)
        )

    def _compile(
        self, layer: Layer, rows: Any, args: Any, kwargs: Any, in_tuple: bool
    ) -> CompiledLayer:
        run, inputs = compile_call(layer.forward, args, kwargs, self._backend)
        names = {
            id(tensor): source
            for source, tensor in _named_tensors(layer, rows, args, kwargs).items()
        }
        if any(id(tensor) not in names for tensor in inputs):
            raise RuntimeError("the layers of this model use tensors from elsewhere")
        return CompiledLayer(run, tuple(names[id(tensor)] for tensor in inputs), in_tuple)


def _decoder_layers(model: Any) -> Sequence[Any]:
    """The list of modules with the most weights that is not inside another one; none for none."""
    lists = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
    }
    outer = [
        module
        for name, module in lists.items()
        if not any(name.startswith(f"{other}.") for other in lists)
    ]
    return max(outer, key=lambda one: sum(each.numel() for each in one.parameters()), default=())


def _layer(module: Any) -> Layer:
    weights = dict(module.named_parameters(remove_duplicate=False))
    weights |= dict(module.named_buffers(remove_duplicate=False))
    indexes = {part.layer_idx for part in module.modules() if hasattr(part, "layer_idx")}
    index = indexes.pop() if len(indexes) == 1 else None
    return Layer(index, module.forward, weights, _kind(module, weights))


def _kind(module: Any, weights: Mapping[str, Any]) -> Hashable:
    """Everything by which a layer's code may decide what to compute, but for its number."""
    parts = []
    for name, part in module.named_modules():
        attributes = {
            key: _comparable(value)
            for key, value in vars(part).items()
            if not key.startswith("_") and key not in IGNORED
        }
        parts.append((name, type(part), tuple(sorted(attributes.items()))))
    shapes = [
        (name, type(one), tuple(one.shape), one.dtype, one.stride())
        for name, one in weights.items()
    ]
    return tuple(parts), tuple(shapes)


def _comparable(value: Any) -> Hashable:
    """Equal for values that are known to mean the same."""
    if isinstance(value, functools.partial):
        return _comparable(value.func), repr(value.args), repr(value.keywords)
    if isinstance(value, types.MethodType):
        return id(value.__func__)
    plain = (int, float, str, tuple, list, torch.dtype)
    return repr(value) if value is None or isinstance(value, plain) else id(value)


def _named_tensors(layer: Layer, rows: Any, args: Any, kwargs: Any) -> dict[tuple[str, Any], Any]:
    """All tensors that a layer's code may use when it is called."""
    found: dict[tuple[str, Any], Any]
    found = {("weight", name): tensor for name, tensor in layer.weights.items()}
    found |= {("rows", name): tensor for name, tensor in rows.tensors(layer.index).items()}
    leaves = tree.tree_leaves((args, kwargs))
    found |= {
        ("argument", place): leaf
        for place, leaf in enumerate(leaves)
        if isinstance(leaf, torch.Tensor)
    }
    return found


def _compare(found: Any, expected: Any) -> None:
    """Raises RuntimeError where a compiled layer computes something else."""
    one, other = (out[0] if isinstance(out, tuple) else out for out in (found, expected))
    norm = other.float().norm()
    error = float((one.float() - other.float()).norm() / norm) if float(norm) else 0.0
    if not error <= MAX_ERROR:  # also where it is NaN
        raise RuntimeError(f"a compiled layer gives wrong results (relative error {error:.0%})")


def _trace_alone() -> None:
    """Let tracing by torch.fx hold `MODULES`."""
    trace = torch.fx.Tracer.trace
    # torch.compile wraps it, too, when it is first used: that is no sign that this was done.
    if hasattr(trace, "holds_modules"):
        return

    @functools.wraps(trace)
    def trace_alone(*args: Any, **kwargs: Any) -> Any:
        with MODULES:
            return trace(*args, **kwargs)

    trace_alone.holds_modules = True  # type: ignore[attr-defined]
    torch.fx.Tracer.trace = trace_alone


class _Compiled(Exception):
    """The function is compiled: raised in place of its first run."""

    def __init__(self, run: Call, inputs: tuple[Any, ...]) -> None:
        super().__init__()
        self.run = run
        self.inputs = inputs


def compile_call(
    function: Call, args: Any, kwargs: Any, backend: str
) -> tuple[Call, tuple[Any, ...]]:
    """Compile this call as one graph, without running it. Returns the compiled code, which returns
    the tensors that the function does, and the tensors which are its arguments in this call. Raises
    what torch.compile raises."""
    compile_graph = torch._dynamo.lookup_backend(backend)

    def compile_only(graph: Any, examples: list[Any]) -> Call:
        compiled = compile_graph(graph, examples)

        def first_run(*inputs: Any) -> Any:
            raise _Compiled(compiled, inputs)

        return first_run

    torch._dynamo.reset()  # what was compiled for other shapes is kept here, not there
    try:
        torch.compile(function, backend=compile_only, fullgraph=True, dynamic=False)(
            *args, **kwargs
        )
    except _Compiled as done:
        return done.run, done.inputs
    raise RuntimeError("torch.compile found nothing to compile")


def load_compiler(backend: str, device: Any) -> None:
    """Compile something small by torch.compile's `backend`, so that it is loaded. Importing its
    thousand modules holds Python up for seconds in all: before answers wait, not while they are
    written. Raises what torch.compile raises."""

    def attention(one: Any) -> Any:
        return torch.softmax(one @ one.T, dim=-1) @ one

    compile_call(attention, (torch.zeros(16, 16, device=device),), {}, backend)
