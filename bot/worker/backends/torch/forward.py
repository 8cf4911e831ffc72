"""Forward passes of a model of transformers over the slots of its KV cache.

Imports torch; it is itself imported only when a model is loaded.
"""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from bot.worker.backends.torch.layer_compiling import MODULES, LayerCompiler
from bot.worker.backends.torch.layer_kinds import Masks

torch: Any = importlib.import_module("torch")
slot_cache: Any = importlib.import_module("bot.worker.backends.torch.slot_cache")


class Forward:
    """A model with the batched KV cache that it writes."""

    def __init__(self, model: Any, masks: Masks, device: str, slots: int, context: int) -> None:
        self.cache = slot_cache.SlotCache(slots, context, device, masks, model.dtype)
        self._model = model
        self._device = device
        # The argument is called "cache" since transformers 5.24, "past_key_values" before.
        known = inspect.signature(model.forward).parameters
        self._cache_argument = "cache" if "cache" in known else "past_key_values"

    def __call__(self, first: int, inputs: list[list[int]], starts: list[int]) -> Any:
        """One forward pass over token ids [batch, tokens] from the positions `starts` [batch] on.
        Row i of the batch is slot ``first + i``. Returns the logits after the last token of each
        row, [batch, vocabulary]."""
        positions, mask = self.cache.prepare(first, starts, len(inputs[0]))
        ids = torch.tensor(inputs).to(self._device)
        with MODULES:
            return self._logits(ids, positions, mask, self.cache)

    def fixed(self, tokens: Any, positions: Any, length: int) -> Callable[[], Any]:
        """A decoding step for the first rows, one token each: a function that returns their logits
        [batch, vocabulary] for what the tensors `tokens` and `positions` [batch] hold then. A row
        attends to `length` positions at most. It may be captured."""
        rows = self.cache.fixed(positions, length)

        def step() -> Any:
            with MODULES:
                return self._fixed_step(tokens, positions, rows)

        return step

    def compiled(
        self, tokens: Any, positions: Any, length: int, compiler: LayerCompiler
    ) -> Callable[[], Any]:
        """The same with compiled layers, which takes seconds and leaves the KV cache as it is.
        Raises what the compiler raises."""
        trial = self.cache.trial(positions.clone(), length)
        with compiler.compiling(trial) as layers:
            self._fixed_step(tokens.clone(), positions.clone(), trial)
        rows = self.cache.fixed(positions, length)

        def step() -> Any:
            with MODULES, compiler.running(layers, rows):
                return self._fixed_step(tokens, positions, rows)

        return step

    def layer_compiler(self, backend: str) -> LayerCompiler:
        """What compiles this model's layers by torch.compile's `backend`."""
        return LayerCompiler(self._model, backend)

    def _fixed_step(self, tokens: Any, positions: Any, rows: Any) -> Any:
        mask = rows.attention_mask()
        return self._logits(tokens[:, None], positions[:, None], mask, rows)

    def fixed_chunk(
        self, tokens: Any, positions: Any, slot: Any, last: Any, length: int
    ) -> Callable[[], Any]:
        """A forward pass over some tokens of a prompt: a function that returns the logits [1,
        vocabulary] after the token number `last` [1], for what the tensors `tokens` and
        `positions` [count] and `slot` [1] hold then. It may be captured."""
        rows = slot_cache.FixedChunk(self.cache, slot, positions, length)

        def step() -> Any:
            mask = rows.attention_mask()
            with MODULES:
                return self._logits(tokens[None], positions[None], mask, rows, keep=last)

        return step

    def _logits(self, ids: Any, positions: Any, mask: Any, cache: Any, keep: Any = 1) -> Any:
        output = self._model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            use_cache=True,
            logits_to_keep=keep,
            **{self._cache_argument: cache},
        )
        return output.logits[:, -1]
