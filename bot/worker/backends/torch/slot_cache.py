"""A batched KV cache for transformers, with a slot for each sequence.

Imports torch and transformers; it is itself imported only when a model is loaded.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from bot.worker.backends.kv_cache.batch_slots import Move
from bot.worker.backends.torch.layer_kinds import Masks

torch: Any = importlib.import_module("torch")
transformers: Any = importlib.import_module("transformers")

LENGTH_STEP = 64
"""Tokens. The length of the attention is rounded up to a multiple of this, so that kernels which
are chosen or compiled per shape are needed for few shapes."""


class SlotCache(transformers.Cache):  # type: ignore[misc]
    """Keys and values of each layer in tensors [slots, heads, context, head size], allocated when a
    layer first writes.

    `prepare` must be called before each forward pass: it sets which slots the pass computes.
    """

    def __init__(self, slots: int, context: int, device: str, masks: Masks, dtype: Any) -> None:
        """`dtype` is the type of the model's activations."""
        super().__init__(layers=[])
        self._masks = masks
        self._dtype = dtype
        self._slots = slots
        self._context = context
        self._device = device
        self._keys: dict[int, Any] = {}
        """By layer; layers that share the keys and values of another one have none."""
        self._values: dict[int, Any] = {}
        self._rows = slice(0, 0)
        self._starts: list[int] = []
        self._at: Any = None
        self._each: Any = None
        self._length = 0

    def prepare(self, first: int, starts: list[int], count: int) -> tuple[Any, Any]:
        """Set up a forward pass over `count` tokens of each slot from `first` on: those of slot
        ``first + i`` have the positions from ``starts[i]`` on. Returns the positions, [batch,
        count], and what the model takes as its attention mask."""
        self._rows = slice(first, first + len(starts))
        self._starts = starts
        longest = max(starts) + count
        self._length = min(self._context, -(-longest // LENGTH_STEP) * LENGTH_STEP)
        self._at = torch.tensor(starts).to(self._device)
        self._each = torch.arange(len(starts), device=self._device)
        positions = self._at[:, None] + torch.arange(count, device=self._device)
        return positions, self.mask(positions, self._length)

    @property
    def bytes_per_token(self) -> int:
        """Bytes that one token takes in the layers that have written so far."""
        tensors = (*self._keys.values(), *self._values.values())
        return sum(each.shape[1] * each.shape[3] * each.element_size() for each in tensors)

    def update(
        self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        """Called by the model in each layer: write the new keys and values, [batch, heads, count,
        head size], and return those of all positions, [batch, heads, length, head size]."""
        del args, kwargs
        if layer_idx not in self._keys:
            self._keys[layer_idx] = self._allocate(key_states)
            self._values[layer_idx] = self._allocate(value_states)
        keys = self._write(self._keys[layer_idx][self._rows], key_states)
        return keys, self._write(self._values[layer_idx][self._rows], value_states)

    def _write(self, rows: Any, new: Any) -> Any:
        count = new.shape[2]
        if count == 1:
            rows[self._each, :, self._at] = new[:, :, 0]
        else:
            for row, start in enumerate(self._starts):
                rows[row, :, start : start + count] = new[row]
        return rows[:, :, : self._length]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Called by the model: the number of cached tokens of the longest sequence in the pass."""
        del layer_idx
        return max(self._starts, default=0)

    def apply(self, moves: list[Move]) -> None:
        """Copy or swap slots, in order, as `BatchSlots` asks."""
        with torch.inference_mode():
            for move in moves:
                for tensor in (*self._keys.values(), *self._values.values()):
                    self._apply(move, tensor)

    @staticmethod
    def _apply(move: Move, tensor: Any) -> None:
        source = tensor[move.source, :, : move.length]
        target = tensor[move.target, :, : move.length]
        saved = target.clone() if move.swap else None
        target.copy_(source)
        if saved is not None:
            source.copy_(saved)

    def _allocate(self, states: Any) -> Any:
        heads, size = states.shape[1], states.shape[3]
        return states.new_zeros((self._slots, heads, self._context, size))

    def mask(self, positions: Any, length: int) -> Any:
        """What the model takes as its attention mask for tokens at these positions [batch, count],
        which attend to `length` positions at most."""
        return attention_mask(self._masks, positions, length, self._dtype)

    def tensors(self, layer: int) -> tuple[Any, Any]:
        """Keys and values of a layer that has been written."""
        return self._keys[layer], self._values[layer]

    def fixed(self, positions: Any, length: int) -> "FixedRows":
        """The first slots, for decoding steps at the positions in this tensor [batch], which attend
        to `length` positions at most. Each layer must have been written before."""
        return FixedRows(self._keys, self._values, self._masks, self._dtype, length, positions)

    def trial(self, positions: Any, length: int) -> "TrialRows":
        """The same, with memory of its own for one layer at a time."""
        return TrialRows(self._keys, self._values, self._masks, self._dtype, length, positions)


class FixedChunk(transformers.Cache):  # type: ignore[misc]
    """One slot of a `SlotCache` in forward passes over some tokens of a prompt, of which each has
    the same shapes: slot and positions are contents of tensors. A pass may be captured."""

    def __init__(self, cache: SlotCache, slot: Any, positions: Any, length: int) -> None:
        """`slot`: [1]; `positions`: [count]. Tokens attend to the first `length` positions at
        most."""
        super().__init__(layers=[])
        self._cache = cache
        self._slot = slot
        self._positions = positions
        self._length = length
        self._before = length - int(positions.shape[0])

    def attention_mask(self) -> Any:
        """What the model takes as its attention mask, for the positions as they are now."""
        return self._cache.mask(self._positions[None], self._length)

    def update(
        self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        """Called by the model in each layer, as `SlotCache.update`."""
        del args, kwargs
        keys, values = self._cache.tensors(layer_idx)
        return self._write(keys, key_states), self._write(values, value_states)

    def _write(self, tensor: Any, new: Any) -> Any:
        """[slots, heads, context, head size] and [1, heads, count, head size] to [1, heads, length,
        head size]."""
        slots = self._slot.expand(self._positions.shape[0])
        tensor[slots, :, self._positions] = new[0].transpose(0, 1)
        return tensor[:, :, : self._length].index_select(0, self._slot)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Called by the model: the number of cached tokens, which the slot has no more of."""
        del layer_idx
        return self._before


class FixedRows(transformers.Cache):  # type: ignore[misc]
    """The first slots of a `SlotCache` in decoding steps of one token a row, of which each has the
    same shapes: what changes from one to the next is the contents of `positions` alone. So a step
    can be captured (`bot.worker.backends.torch.graphs`), and compiled while the `SlotCache` is in
    use."""

    def __init__(
        self,
        keys: Mapping[int, Any],
        values: Mapping[int, Any],
        masks: Masks,
        dtype: Any,
        length: int,
        positions: Any,
    ) -> None:
        """`keys`, `values`: by layer, [slots, heads, context, head size]. A row attends to the
        first `length` positions at most."""
        super().__init__(layers=[])
        count = positions.shape[0]
        self._keys = {layer: tensor[:count] for layer, tensor in keys.items()}
        self._values = {layer: tensor[:count] for layer, tensor in values.items()}
        self._masks = masks
        self._dtype = dtype
        self._length = length
        self._positions = positions
        self._each = torch.arange(count, device=positions.device)

    def attention_mask(self) -> Any:
        """What the model takes as its attention mask, for the positions as they are now."""
        return attention_mask(self._masks, self._positions[:, None], self._length, self._dtype)

    def update(
        self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        """Called by the model in each layer, as `SlotCache.update`."""
        del args, kwargs
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[self._each, :, self._positions] = key_states[:, :, 0]
        values[self._each, :, self._positions] = value_states[:, :, 0]
        return keys[:, :, : self._length], values[:, :, : self._length]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Called by the model: the number of cached tokens, which no row has more of."""
        del layer_idx
        return self._length - 1

    def tensors(self, layer: int) -> dict[str, Any]:
        """By names of their own, all tensors that `update` uses for this layer."""
        return {
            "keys": self._keys[layer],
            "values": self._values[layer],
            "positions": self._positions,
            "each": self._each,
        }


class TrialRows(FixedRows):
    """Rows of the same shapes that nobody's answer is in, to try what is compiled. They have memory
    for one layer at a time."""

    def __init__(self, *args: Any) -> None:
        """As `FixedRows`; keys and values are only looked at for their shapes."""
        super().__init__(*args)
        self._like = self._keys, self._values

    def hold(self, layer: int) -> None:
        """From now on have memory for this layer, with nothing in it."""
        self._keys, self._values = ({layer: torch.zeros_like(of[layer])} for of in self._like)


def attention_mask(masks: Masks, positions: Any, length: int, dtype: Any) -> Any:
    """A mask for each kind of layer, or the mask where there is one kind: [batch, 1, count,
    length], True (or 0) where the token at one of the positions [batch, count] attends. `dtype` is
    that of additive masks."""
    every = torch.arange(length, device=positions.device)
    causal = (every <= positions[..., None])[:, None]
    found = {}
    for kind, window in masks.windows.items():
        near = (every > positions[..., None] - window)[:, None]
        found[kind] = _typed(causal & near if window else causal, masks, dtype)
    return found if len(found) > 1 else next(iter(found.values()))


def _typed(mask: Any, masks: Masks, dtype: Any) -> Any:
    if not masks.additive:
        return mask
    zeros = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return zeros.masked_fill(~mask, torch.finfo(dtype).min)
