"""Separates what a model thinks before it answers from the answer, piece by piece.

Models write their thought in front of the answer, between tags of their family (`FAMILIES`). Only
such a *leading* block is a thought: an answer about ``<think>`` stays an answer. Pure: no I/O.

The tags are facts about the models, read in their chat templates and in llama.cpp's ``common/chat``
and ``common/parsers`` (https://github.com/ggml-org/llama.cpp), vLLM's reasoning parsers
(https://docs.vllm.ai, "Reasoning Outputs") and https://cookbook.openai.com/articles/openai-harmony.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bot.messages import Thought


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of models writes a thought."""

    opening: str
    closings: tuple[str, ...]
    """What ends the thought; the one with which Parley itself ends it stands first."""
    answer: tuple[str, ...] = ()
    """What may stand between the thought and the answer."""
    answer_end: str = ""
    """What may stand after an answer that began with one of these."""


THINK = Family(
    "<think>", ("</think>",), ("<response>", "<answer>"), answer_end="</response>|</answer>"
)
"""Qwen, DeepSeek, GLM, SmolLM3, Nemotron, MiniMax, Phi-4-reasoning; with a tag around the answer:
Granite 3.3 and Hunyuan."""
_FINAL = ("<|start|>assistant", "<|channel|>final<|message|>")

FAMILIES: tuple[Family, ...] = (
    THINK,
    Family("<thinking>", ("</thinking>",)),  # Apriel 1.5
    Family("<thought>", ("</thought>",)),  # EXAONE Deep
    Family("<seed:think>", ("</seed:think>",)),  # Seed-OSS
    Family("<mm:think>", ("</mm:think>",)),  # MiniMax M3
    Family("[THINK]", ("[/THINK]",)),  # Magistral, Ministral 3
    Family("\u25c1think\u25b7", ("\u25c1/think\u25b7",)),  # Kimi-VL
    Family("<|open|>think<|sep|>", ("<|close|>think<|sep|>",), ("<|open|>response<|sep|>",)),  # K3
    Family("<|inner_prefix|>", ("<|inner_suffix|>",)),  # Apertus
    Family("<|channel>thought", ("<channel|>",), ("<|channel>final",)),  # Gemma 4
    Family(
        "<|START_THINKING|>",
        ("<|END_THINKING|>",),
        ("<|START_RESPONSE|>", "<|START_TEXT|>"),
        answer_end="<|END_RESPONSE|>|<|END_TEXT|>",
    ),  # Command R7B, Command A
    # Harmony, gpt-oss: the generation prompt ends with <|start|>assistant. Without tools, only what
    # is in the channel "final" is for people.
    Family("<|channel|>analysis<|message|>", ("<|end|>",), _FINAL),
    Family("<|channel|>commentary<|message|>", ("<|end|>",), _FINAL),
    Family("<|think|>", ("<|end|>",), ("<|begin|>assistant", "<|content|>")),  # Solar Open
    Family(" to=self<|message|>", ("<|eom|>",), ("<|start|>assistant", " to=user<|message|>")),
    Family("Here is my thought process:", ("Here is my response:",)),  # Granite 3.2
    Family("Here are my reasoning steps:", ("[BEGIN FINAL RESPONSE]",)),  # Apriel 1.6
)


_IN_WORDS = tuple(family for family in FAMILIES if family.opening.startswith("Here "))
"""Those that write no tag but a sentence, with which any model may begin an answer."""
TAGGED = tuple(family for family in FAMILIES if family not in _IN_WORDS)
"""Those whose tags say by themselves that a model thinks."""


def families_in(template: str) -> tuple[Family, ...]:
    """The families in which a chat template writes or reads thoughts; () for one without any."""
    return tuple(
        family
        for family in FAMILIES
        if family.opening in template or family.closings[0] in template
        if not (family.closings[0] in ("<|end|>", "<|eom|>") and family.opening not in template)
    )


_STRAY = tuple(f.closings[0] for f in FAMILIES if f.closings[0].replace("/", "", 1) == f.opening)
"""Closing tags that say by themselves that a thought was before them."""
_ALWAYS = tuple(dict.fromkeys(m for f in FAMILIES for m in f.answer if "|>" in m or "<|" in m))
"""Control tokens that may stand in front of an answer without a thought."""
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)


class _Place(Enum):
    LEADING = auto()
    """Before the first word of the answer: a thought may begin."""
    THOUGHT = auto()
    ANSWER = auto()


class ThoughtFilter:
    """Divides the text of one answer into pieces of thought and of answer.

    The result does not depend on how the text is cut into pieces. White space around thoughts and
    in front of the answer is dropped, several leading blocks become one thought with an empty line
    between them, an empty one becomes nothing. A tag is never yielded, not even half of it.
    """

    def __init__(
        self,
        inside: Family | None = None,
        *,
        begun: bool = False,
        over: bool = False,
        watch: bool = False,
        before: str = "",
        families: Sequence[Family] = TAGGED,
    ) -> None:
        """`families`: whose tags are known. `inside`: the text begins within a thought of that
        family; with `begun` there were words of it before. `over`: it begins within the answer,
        where nothing is a thought. `watch`: nobody knows whether the prompt opened a thought, so a
        closing tag on a line of its own may turn all before it into one, that is also `before`:
        what the answer has already."""
        self._families = families
        self._family = inside
        self._place = _Place.THOUGHT if inside else _Place.LEADING
        if over or before:
            self._place = _Place.ANSWER
        self._held = ""
        self._before_first_word = not begun  # of a block
        self._thought = begun  # there was some thought
        self._wrapped = ""  # `Family.answer_end`
        self._watch = watch and not over and inside is None
        self._answer = before  # all of it, while `_watch`

    @property
    def thinking(self) -> bool:
        """Whether the text so far ends within a thought."""
        return self._place is _Place.THOUGHT

    @property
    def answering(self) -> bool:
        """Whether the answer has begun, so that no thought can follow."""
        return self._place is _Place.ANSWER

    @property
    def begun(self) -> bool:
        """Whether there was some thought."""
        return self._thought

    def told(self) -> None:
        """A thought came by another way: no closing tag has to be looked for in the answer."""
        self._watch = False
        if self._place is _Place.THOUGHT and not self._thought:
            self._place = _Place.LEADING
        self._thought = True

    @property
    def family(self) -> Family | None:
        """The family of the thought that is or was open; None before the first."""
        return self._family

    def feed(self, text: str) -> list[str | Thought]:
        """The pieces that are certain with this text; a part of it may be held back."""
        self._held += text
        pieces: list[str | Thought] = []
        steps = {
            _Place.LEADING: self._lead,
            _Place.THOUGHT: self._think,
            _Place.ANSWER: self._tell,
        }
        while steps[self._place](pieces):
            pass
        return pieces

    def flush(self) -> list[str | Thought]:
        """The rest, at the end of the text. Half a closing tag of an unfinished thought is dropped:
        the model generates it again when the thought is taken up."""
        held, self._held = self._held, ""
        if self._place is _Place.THOUGHT:
            return []
        if self._place is _Place.LEADING:
            held = held.lstrip()
        if self._wrapped and held.strip() in self._wrapped.split("|"):
            return []
        if self._place is _Place.ANSWER and self._watch and _stray(self._answer, held, last=True):
            before = self._answer.strip()
            self._family, self._place = _of_closing(held.strip()), _Place.LEADING
            return [Thought(before, whole=True)]
        return [held] if held else []

    # ------------------------------------------------------------ the places; True goes on

    def _lead(self, pieces: list[str | Thought]) -> bool:
        del pieces
        after = self._family.answer if self._family is not None else ()
        for family in self._families:
            if (rest := _behind(self._held, family.opening)) is not None:
                self._family, self._place, self._held = family, _Place.THOUGHT, rest
                self._before_first_word, self._watch = True, False
                return True
        for marker in (*after, *_ALWAYS, *_STRAY):
            if (rest := _behind(self._held, marker)) is not None:
                self._held, self._watch = rest, False
                if marker in after and self._family is not None:
                    self._wrapped = self._family.answer_end
                return True
        text = self._held.lstrip()
        openings = (family.opening for family in self._families)
        if not text or _may_become(self._held, (*openings, *after, *_ALWAYS, *_STRAY)):
            return False
        self._place, self._held = _Place.ANSWER, text
        return True

    def _think(self, pieces: list[str | Thought]) -> bool:
        assert self._family is not None
        if self._before_first_word:
            opening = self._family.opening
            while (rest := _behind(self._held, opening)) is not None:
                self._held = rest  # the prompt opened the thought, and the model too
            if not self._held.strip() or _may_become(self._held, (opening,)):
                return False
            self._held = self._held.lstrip()
        found = [(at, tag) for tag in self._family.closings if (at := self._held.find(tag)) >= 0]
        end, tag = min(found, default=(-1, ""))
        if end >= 0:
            self._yield_thought(pieces, self._held[:end].rstrip())
            self._held = self._held[end + len(tag) :]
            self._place = _Place.LEADING
            return True
        kept = _half(self._held, self._family.closings)
        sure = self._held[: len(self._held) - kept].rstrip()
        self._yield_thought(pieces, sure)
        self._held = self._held[len(sure) :]
        return False

    def _yield_thought(self, pieces: list[str | Thought], text: str) -> None:
        if not text:
            return
        if self._before_first_word and self._thought:
            text = f"\n\n{text}"
        self._before_first_word = False
        self._thought = True
        self._watch = False
        pieces.append(Thought(text))

    def _tell(self, pieces: list[str | Thought]) -> bool:
        text, self._held = self._held, ""
        if self._watch:
            if stray := _stray(self._answer, text):
                start, end = stray
                pieces.append(Thought((self._answer + text[:start]).strip(), whole=True))
                self._family = _of_closing(text[start:end].strip())
                self._place, self._held, self._watch = _Place.LEADING, text[end:], False
                self._thought, self._answer = True, ""
                return True
            text, self._held = _line_held(self._answer, text)
            self._answer += text
        elif self._wrapped:
            kept = _half_end(text, self._wrapped.split("|"))
            text, self._held = text[: len(text) - kept], text[len(text) - kept :]
        if text:
            pieces.append(text)
        return False


def closed_in(tail: str, family: Family) -> bool:
    """Whether `tail`, the end of a prompt, has a closed, empty thought right before the answer."""
    text = tail.rstrip()
    while marker := next((one for one in family.answer if text.endswith(one.strip())), ""):
        text = text[: len(text) - len(marker.strip())].rstrip()
    closing = family.closings[0]
    before = text.removesuffix(closing).rstrip()
    return text.endswith(closing) and (closing in _STRAY or before.endswith(family.opening))


def opened_in(tail: str, family: Family) -> bool:
    """Whether `tail`, the end of a prompt, ends inside a thought."""
    return tail.rfind(family.opening) > tail.rfind(family.closings[0])


def _leading(held: str, marker: str) -> str:
    """`held` as `marker` is compared with it: one that begins with a space needs it."""
    return held if marker.startswith(" ") else held.lstrip()


def _behind(held: str, marker: str) -> str | None:
    """What follows `marker` at the start of `held`; None where it does not stand there."""
    text = _leading(held, marker)
    return text[len(marker) :] if text.startswith(marker) else None


def _may_become(held: str, markers: Iterable[str]) -> bool:
    return any(marker.startswith(_leading(held, marker)) for marker in markers)


def _half(text: str, tags: Iterable[str]) -> int:
    """The length of the longest end of `text` with which one of `tags` begins."""
    return max(
        (size for tag in tags for size in range(1, len(tag)) if text.endswith(tag[:size])),
        default=0,
    )


def _half_end(text: str, ends: Iterable[str]) -> int:
    """How much of the end of `text` may be one of `ends` with white space after it, or the
    beginning of one."""
    bare = text.rstrip()
    whole = max((len(end) for end in ends if bare.endswith(end)), default=0)
    return len(text) - len(bare) + whole if whole else _half(text, ends)


# ---------------------------------------------------------------- closing tags without opening ones


def _stray(before: str, text: str, *, last: bool = False) -> tuple[int, int] | None:
    """Where in `text`, which follows `before`, a closing tag stands on a line of its own outside of
    code blocks. Without `last`, the line must be complete."""
    for tag in _STRAY:
        at = text.find(tag)
        if at < 0:
            continue
        whole = before + text[:at]
        end = text.find("\n", at)
        line = text[at : len(text) if end < 0 else end]
        alone = not whole.rpartition("\n")[2].strip() and line.strip() == tag
        if alone and (end >= 0 or last) and len(_FENCE.findall(whole)) % 2 == 0:
            return at, at + len(line)
    return None


def _of_closing(tag: str) -> Family:
    return next(family for family in FAMILIES if family.closings[0] == tag)


def _line_held(before: str, text: str) -> tuple[str, str]:
    """`text` divided into what can be shown, and a last line that may become a closing tag."""
    start = text.rfind("\n") + 1
    if not start and before.rpartition("\n")[2].strip():
        return text, ""
    line = text[start:]
    if line.strip() and any(tag.startswith(line.strip()) for tag in _STRAY):
        return text[:start], line
    return text, ""
