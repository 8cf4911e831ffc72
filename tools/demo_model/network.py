"""Llama 2's architecture for training: parameter names are those of `LlamaForCausalLM`.

Rows hold several documents, and attention never crosses from one to another. On a GPU that is a
compiled flex_attention with a block mask, elsewhere plain attention with a dense mask; both
compute the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the network; `heads` × 64 is the width."""

    vocabulary: int = 3072
    layers: int = 8
    heads: int = 5
    inner: int = 880
    context: int = 2048
    theta: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def width(self) -> int:
        return self.heads * 64

    def config(self) -> dict[str, Any]:
        """The content of config.json."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocabulary,
            "hidden_size": self.width,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "hidden_act": "silu",
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.epsilon,
            "rope_theta": self.theta,
            "pretraining_tp": 1,
            "initializer_range": 0.02,
            "attention_bias": False,
            "attention_dropout": 0.0,
            "tie_word_embeddings": True,
            "use_cache": True,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "torch_dtype": "float16",
        }


def block_mask(documents: Tensor) -> BlockMask:
    """The causal mask within documents; `documents` has the shape (rows, length)."""

    def visible(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents[row, query] == documents[row, key])

    rows, length = documents.shape
    return create_block_mask(visible, rows, None, length, length, device=documents.device)


def dense_mask(documents: Tensor) -> Tensor:
    length = documents.shape[1]
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same & torch.ones(length, length, dtype=torch.bool, device=documents.device).tril()


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: BlockMask | Tensor) -> Tensor:
        rows, length, width = x.shape
        q, k, v = (
            projection(x).view(rows, length, self.heads, 64).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotate(q, *turn), rotate(k, *turn)
        if isinstance(mask, BlockMask):
            y = flex_attention(q, k, v, block_mask=mask)
            assert isinstance(y, Tensor)
        else:
            y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o_proj(y.transpose(1, 2).reshape(rows, length, width))  # type: ignore[no-any-return]


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions in the order of Hugging Face: the halves of a head belong together."""
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cosine - right * sine, right * cosine + left * sine), dim=-1).to(
        x.dtype
    )


class Mlp(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.inner, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.inner, bias=False)
        self.down_proj = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.mlp = Mlp(shape)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: BlockMask | Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), turn, mask)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


class Body(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)


class Network(nn.Module):
    """The whole network; the output projection is the embedding."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.model = Body(shape)
        steps = torch.arange(0, 64, 2, dtype=torch.float64) / 64
        angles = torch.outer(torch.arange(shape.context, dtype=torch.float64), shape.theta**-steps)
        self.register_buffer("cosine", angles.cos().float(), persistent=False)
        self.register_buffer("sine", angles.sin().float(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                # What writes into the residual stream begins at zero, the rest at its scale.
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    nn.init.zeros_(weight)
                elif "embed" in name:
                    nn.init.normal_(weight, std=0.02)
                else:
                    nn.init.normal_(weight, std=0.6 * weight.shape[1] ** -0.5)

    def forward(self, tokens: Tensor, mask: BlockMask | Tensor) -> Tensor:
        """Logits of the shape (rows, length, vocabulary)."""
        length = tokens.shape[1]
        x = self.model.embed_tokens(tokens)
        turn = (self.cosine[:length], self.sine[:length])
        for layer in self.model.layers:
            x = layer(x, turn, mask)
        return functional.linear(self.model.norm(x), self.model.embed_tokens.weight)

    def loss(
        self, tokens: Tensor, targets: Tensor, weights: Tensor, mask: BlockMask | Tensor
    ) -> Tensor:
        """The weighted mean of the cross-entropy."""
        logits = self(tokens, mask).float()
        each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        weighted = weights.flatten()
        return (each * weighted).sum() / weighted.sum()
