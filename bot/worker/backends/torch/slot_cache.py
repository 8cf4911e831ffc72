"""A batched KV cache for transformers, with a slot for each sequence.

Imports torch and transformers; it is itself imported only when a model is loaded.
"""

import importlib
from typing import Any

from bot.worker.backends.kv_cache.batch_slots import Move

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

    def __init__(self, slots: int, context: int, device: str) -> None:
        super().__init__(layers=[])
        self._slots = slots
        self._context = context
        self._device = device
        self._keys: list[Any] = []
        self._values: list[Any] = []
        self._rows = slice(0, 0)
        self._starts: list[int] = []
        self._at: Any = None
        self._each: Any = None
        self._length = 0

    def prepare(self, first: int, starts: list[int], count: int) -> tuple[Any, Any]:
        """Set up a forward pass over `count` tokens of each slot from `first` on: those of slot
        ``first + i`` have the positions from ``starts[i]`` on. Returns the positions, [batch,
        count], and the attention mask, [batch, 1, count, length], True where a token attends."""
        self._rows = slice(first, first + len(starts))
        self._starts = starts
        longest = max(starts) + count
        self._length = min(self._context, -(-longest // LENGTH_STEP) * LENGTH_STEP)
        self._at = torch.tensor(starts).to(self._device)
        self._each = torch.arange(len(starts), device=self._device)
        positions = self._at[:, None] + torch.arange(count, device=self._device)
        every = torch.arange(self._length, device=self._device)
        return positions, (every <= positions[..., None])[:, None]

    def update(
        self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        """Called by the model in each layer: write the new keys and values, [batch, heads, count,
        head size], and return those of all positions, [batch, heads, length, head size]."""
        del args, kwargs
        while len(self._keys) <= layer_idx:
            self._keys.append(self._allocate(key_states))
            self._values.append(self._allocate(value_states))
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
                for tensor in (*self._keys, *self._values):
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
