"""Samples tokens on the device, for many rows at once, without moving logits to the CPU.

All shapes depend on the number of rows and candidates alone, so that it can be captured in a graph
(`bot.worker.backends.torch.graphs`). A row's token depends on nothing but its own logits, request
and place in its answer: whatever order a kernel adds numbers up in, sums are of whole numbers.

Imports torch; it is itself imported only when a model is loaded.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from bot.worker.backends.torch.answer import Answer, Row

torch: Any = importlib.import_module("torch")

WIDTHS = (64, 256)
"""Numbers of candidates for which the most likely tokens are searched; more are sorted."""

WEIGHT_BITS = 23
"""A candidate's probability in relation to the most likely one is a whole number of so many bits.
With a vocabulary of 2^18 tokens, `_draw` still computes in 63 bits."""

_HALF = 21
"""A random number has two halves of so many bits."""

_BITS_64, _SIGN_64 = 2**64, 2**63


class RowStates:
    """What sampling and decoding need to know of each row, in tensors [rows] on the device."""

    def __init__(self, rows: int, vocabulary: int, device: str) -> None:
        self._whole = torch.zeros(6, rows, dtype=torch.int64, device=device)
        self._real = torch.zeros(3, rows, dtype=torch.float32, device=device)
        self.tokens, self.positions, self.active, self.seeds, self.counts, self.top_k = self._whole
        """`tokens`: the last one of each row, the input of the next step, with its position in
        `positions`. `active`: 1, or 0 for a row that only fills the batch. `counts`: tokens that
        were sampled for the answer so far."""
        self.temperature, self.top_p, self.penalty = self._real
        self.seen = torch.zeros(rows, vocabulary, dtype=torch.bool, device=device)
        """Where the repetition penalty falls: the tokens of prompt and answer."""
        self._vocabulary = vocabulary

    def fill(self, rows: Sequence[Row]) -> None:
        """Set the state of the first rows. Two transfers, and one for each row with a penalty."""
        whole = torch.tensor([self._numbers(row) for row in rows], dtype=torch.int64).T
        real = torch.tensor([_parameters(row) for row in rows], dtype=torch.float32).T
        self._whole[:, : len(rows)] = whole.to(self._whole.device)
        self._real[:, : len(rows)] = real.to(self._real.device)
        for number, row in enumerate(rows):
            if row.answer is not None and row.answer.request.repetition_penalty != 1.0:
                self._mark_seen(number, row.answer)

    def _numbers(self, row: Row) -> tuple[int, ...]:
        if (answer := row.answer) is None:
            return (0, row.position, 0, 0, 0, 1)
        last, limit = (answer.tokens or [0])[-1], candidates(answer, self._vocabulary)
        seed = answer.request.seed
        return (last, row.position, 1, signed_64(seed), len(answer.tokens), max(1, limit))

    def _mark_seen(self, row: int, answer: Answer) -> None:
        ids = torch.tensor([*answer.request.prompt, *answer.tokens])
        self.seen[row] = False
        self.seen[row, ids.to(self.seen.device)] = True

    def advance(self, count: int, tokens: Any) -> None:
        """Let the first `count` rows go on with these tokens [count]; rows that only fill the batch
        stay as they are."""
        active = self.active[:count]
        self.tokens[:count] = torch.where(active > 0, tokens, self.tokens[:count])
        self.positions[:count] += active
        self.counts[:count] += active
        self.seen[:count].scatter_(1, tokens[:, None], True)


def candidates(answer: Answer, vocabulary: int) -> int:
    """How many of the most likely tokens an answer is sampled from (top-k); 0 for greedy
    decoding."""
    request = answer.request
    if request.temperature <= 0:
        return 0
    return min(request.top_k or vocabulary, vocabulary)


def width_for(rows: Sequence[Row], vocabulary: int) -> int:
    """How many candidates a batch of these rows needs: one of few numbers, 0 where all rows are
    greedy. A larger one gives the same tokens."""
    widest = max((candidates(row.answer, vocabulary) for row in rows if row.answer), default=0)
    fitting = (width for width in (0, *WIDTHS) if widest <= width < vocabulary)
    return next(fitting, vocabulary)


def sample(logits: Any, states: RowStates, width: int) -> Any:
    """The next token [batch] of each of the first rows, from logits [batch, vocabulary]."""
    count = logits.shape[0]
    logits = _penalized(logits.float(), states.seen[:count], states.penalty[:count, None])
    if width == 0:
        return logits.argmax(dim=-1)
    values, tokens = _most_likely(logits, width)
    temperature = states.temperature[:count, None]
    greedy = temperature <= 0
    # The likeliest token has the weight 2^WEIGHT_BITS, so that the sum is never 0.
    relative = torch.exp((values - values[:, :1]) / temperature.masked_fill(greedy, 1.0))
    weights = (relative * 2**WEIGHT_BITS).to(torch.int64)
    rank = torch.arange(width, device=logits.device)
    weights = weights.masked_fill(rank >= states.top_k[:count, None], 0)
    weights = weights.masked_fill(~_within(weights, states.top_p[:count, None], rank), 0)
    drawn = _draw(weights, random_bits(states.seeds[:count], states.counts[:count]))
    return tokens.gather(1, drawn.masked_fill(greedy, 0))[:, 0]


def _penalized(logits: Any, seen: Any, penalty: Any) -> Any:
    """Logits with the repetition penalty (CTRL, arXiv:1909.05858, section 4.1)."""
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def _most_likely(logits: Any, width: int) -> tuple[Any, Any]:
    """The `width` largest logits and their tokens, [batch, width], in descending order; of equal
    ones the smaller token comes first, as no sort on a GPU promises.

    Sorted are whole numbers: the logit's bits, in an order that is that of the numbers (negative
    floats have theirs the other way round), and below them the token's number."""
    last = logits.shape[1] - 1
    bits = (logits + 0.0).view(torch.int32)  # + 0.0: -0.0 becomes 0.0
    ordered = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64)
    keys = (ordered << 32) | (last - torch.arange(last + 1, device=logits.device))
    if width <= WIDTHS[-1]:
        keys = torch.topk(keys, width, dim=-1).values
    else:
        keys = torch.sort(keys, dim=-1, descending=True).values[:, :width]
    tokens = last - (keys & 0xFFFFFFFF)
    return logits.gather(1, tokens), tokens


def _within(weights: Any, top_p: Any, rank: Any) -> Any:
    """Where a candidate belongs to the fewest whose probabilities add up to top-p or more."""
    total = weights.sum(dim=-1, keepdim=True)
    before = weights.cumsum(dim=-1) - weights
    return (before.float() < top_p * total.float()) | (rank == 0)


def _draw(weights: Any, bits: Any) -> Any:
    """The index [batch, 1] of the candidate that these random bits [batch] choose, each with a
    probability in proportion to its weight [batch, candidates]."""
    total = weights.sum(dim=-1)
    high, low = bits >> _HALF, bits & (2**_HALF - 1)
    threshold = (total * high + ((total * low) >> _HALF)) >> _HALF
    return (weights.cumsum(dim=-1) <= threshold[:, None]).sum(dim=-1, keepdim=True)


def random_bits(seeds: Any, counts: Any) -> Any:
    """42 random bits for the token number `counts` [batch] of an answer with this seed [batch]: a
    function of the two, so that no generator has to be kept for each row. The generator is
    SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), with the
    mixed seed as its start."""
    return _shifted(_mixed(_mixed(seeds) + (counts + 1) * signed_64(0x9E3779B97F4A7C15)), 22)


def _mixed(state: Any) -> Any:
    state = (state ^ _shifted(state, 30)) * signed_64(0xBF58476D1CE4E5B9)
    state = (state ^ _shifted(state, 27)) * signed_64(0x94D049BB133111EB)
    return state ^ _shifted(state, 31)


def _shifted(state: Any, places: int) -> Any:
    """Shift right with zeros, also where the sign bit is set."""
    return (state >> places) & (2 ** (64 - places) - 1)


def signed_64(number: int) -> int:
    """The number's lowest 64 bits as a signed number, as torch has them."""
    return (number + _SIGN_64) % _BITS_64 - _SIGN_64


def _parameters(row: Row) -> tuple[float, ...]:
    if row.answer is None:
        return (0.0, 1.0, 1.0)
    request = row.answer.request
    return (request.temperature, request.top_p, request.repetition_penalty)


class DeviceSampler:
    """Samples from logits that are computed outside a captured step."""

    def __init__(self, rows: int, vocabulary: int, device: str) -> None:
        self._states = RowStates(rows, vocabulary, device)
        self._vocabulary = vocabulary

    def __call__(self, answers: Sequence[Answer], logits: Any) -> list[int]:
        """The next token of each answer, from its row of logits [batch, vocabulary]."""
        rows = [Row(0, answer) for answer in answers]
        self._states.fill(rows)
        tokens: list[int] = sample(logits, self._states, width_for(rows, self._vocabulary)).tolist()
        return tokens
