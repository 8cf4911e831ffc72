"""A transformers cache of keys and values in which each sequence has a slot of its own.

Only imported once a model is to be loaded: it imports torch and transformers.
"""

import importlib
from typing import Any

from bot.worker.backends.kv_cache.slots import Move

torch: Any = importlib.import_module("torch")
transformers: Any = importlib.import_module("transformers")

LENGTH_STEP = 64
"""Tokens by which the length that attention sees grows: kernels that are chosen or compiled for
each shape are then chosen for few."""


class SlotCache(transformers.Cache):  # type: ignore[misc]
    """Tensors (slots, heads, context, head size) for each layer, made when a layer first writes.

    `aim` says where the next forward pass writes and how far it may look back.
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

    def aim(self, first: int, starts: list[int], count: int) -> tuple[Any, Any]:
        """The next pass writes `count` tokens for each slot from `first` on, in slot ``first + i``
        at ``starts[i]``. Gives their positions, (slots, count), and the attention mask, (slots, 1,
        count, length), True where a token may look."""
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
        """Write a layer's new keys and values and give all of them; called by the model."""
        del args, kwargs
        while len(self._keys) <= layer_idx:
            self._keys.append(self._make(key_states))
            self._values.append(self._make(value_states))
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
        """How far the longest sequence goes before the next pass."""
        del layer_idx
        return max(self._starts, default=0)

    def carry_out(self, moves: list[Move]) -> None:
        """Copy or exchange slots."""
        with torch.inference_mode():
            for move in moves:
                for tensor in (*self._keys, *self._values):
                    self._carry_out(move, tensor)

    @staticmethod
    def _carry_out(move: Move, tensor: Any) -> None:
        source = tensor[move.source, :, : move.length]
        target = tensor[move.target, :, : move.length]
        kept = target.clone() if move.exchange else None
        target.copy_(source)
        if kept is not None:
            source.copy_(kept)

    def _make(self, states: Any) -> Any:
        heads, size = states.shape[1], states.shape[3]
        return states.new_zeros((self._slots, heads, self._context, size))
