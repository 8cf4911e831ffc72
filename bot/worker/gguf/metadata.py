"""What a GGUF file's metadata say of its model: architecture, quantization, dimensions, KV cache.

Sources of the names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md ("Standardized
key-value pairs") and gguf-py/gguf/constants.py in ggml-org/llama.cpp.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.worker.gguf.header import Value

# fmt: off
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}
# fmt: on
"""Names of ``general.file_type``. Source: ``LlamaFileType`` in llama.cpp's constants.py."""

_GUESSED = 1024
"""Added to a file type that the converter found in the tensors."""
_MOST = 1 << 31
"""Layers, heads, sizes and tokens are fewer: a larger number is damage."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of one model. A value that is missing, or is none that a model can have, counts
    as not said: no property raises."""

    values: Mapping[str, Value]

    # ------------------------------------------------------------ identity

    @property
    def architecture(self) -> str:
        """llama.cpp's name: "llama", "qwen3", "gemma3" …; "" where the file does not say."""
        return self.text("general.architecture")

    @property
    def file_type(self) -> str:
        """The quantization of most weights ("Q4_K_M"); "" where the file does not say."""
        return FILE_TYPES.get(self.number("general.file_type", -1) & ~_GUESSED, "")

    # ------------------------------------------------------------ dimensions

    @property
    def context(self) -> int:
        """The context window that the model was trained with, in tokens; 0 where it is missing."""
        return self.of_model("context_length")

    @property
    def layers(self) -> int:
        return self.of_model("block_count")

    @property
    def width(self) -> int:
        """The size of a hidden state."""
        return self.of_model("embedding_length")

    @property
    def cache_values(self) -> int:
        """The numbers that the KV cache keeps for each token, all layers together, as if no layer
        had a sliding window: an upper bound. 0 where the metadata does not say."""
        layers = max(0, self.layers - self.of_model("attention.shared_kv_layers"))
        # only every n-th layer of a hybrid has attention
        interval = self.of_model("full_attention_interval") or 1
        return self._key_heads(layers, interval) * self._values_per_head

    @property
    def most_cache_values(self) -> int:
        """The same as if every layer had a KV cache of its own, which leaves room for the states of
        fixed size that the other layers of a hybrid keep."""
        return self._key_heads(self.layers, 1) * self._values_per_head

    @property
    def _values_per_head(self) -> int:
        """Key and value of one head, for one token."""
        heads = self.of_model("attention.head_count")
        head = self.width // heads if heads else 0
        key = self.of_model("attention.key_length") or head
        return key + (self.of_model("attention.value_length") or head)

    def _key_heads(self, layers: int, interval: int) -> int:
        """The key heads of the first `layers` layers together, of which each `interval`-th has
        some; where the file names those of each layer, they are added up."""
        given = self.values.get(f"{self.architecture}.attention.head_count_kv")
        if isinstance(given, Sequence) and not isinstance(given, str):
            return sum(map(_count, given[:layers]))
        heads = self.of_model("attention.head_count_kv") or self.of_model("attention.head_count")
        return heads * (layers // interval)

    # ------------------------------------------------------------ values

    def text(self, key: str) -> str:
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int = 0) -> int:
        value = self.values.get(key)
        return value if isinstance(value, int) else default

    def of_model(self, key: str) -> int:
        """A whole number of this architecture; 0 where it is missing, the largest of a list that
        has one for each layer."""
        value = self.values.get(f"{self.architecture}.{key}", 0)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return max(map(_count, value), default=0)
        return _count(value)


def _count(value: object) -> int:
    """`value` if it can be a number of something, else 0."""
    return value if isinstance(value, int) and 0 <= value < _MOST else 0
