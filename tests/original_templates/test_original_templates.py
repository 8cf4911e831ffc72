"""Of each original template that transformers renders, the ids are those of transformers."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ModelError
from bot.messages import Exchange, Prompt
from bot.models.folder import ModelFolder
from bot.prompting.formats import format_for
from bot.prompting.template import TemplateFormat
from bot.prompting.thinking import ThoughtPlace
from tests.original_templates.models import FOLDER, templates, write_folder

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not FOLDER, reason="make test-templates fetches the templates"),
    pytest.mark.filterwarnings("ignore"),  # transformers' own
]

THOUGHT = "Let me count.\nOne, two."
HISTORY = (Exchange("Hi", "Hello there."), Exchange("And?", "Fine."))
THOUGHTFUL = (Exchange("Hi", "Hello.", THOUGHT), Exchange("And?", "Fine.", "Well."))
PROMPTS = {
    "one question": Prompt("", (), "Why is it?"),
    "a system prompt": Prompt("Be kind.", (), "Why is it?"),
    "several turns": Prompt("", HISTORY, "Why?"),
    "a system prompt and several turns": Prompt("Be kind.", HISTORY, "Why?"),
    "white space": Prompt(
        " Be kind.\n",
        (Exchange(" Hi\n", "\n Hello there. "), Exchange("\n\nAnd? ", "Fine.\n")),
        "  Why? \n",
    ),
    "a thought": Prompt("", THOUGHTFUL[:1], "Why?"),
    "thoughts": Prompt("Be kind.", THOUGHTFUL, "Why?"),
    "no thinking": Prompt("", HISTORY, "Why?", template_variables=(("enable_thinking", False),)),
    "little thinking": Prompt(
        "", HISTORY, "Why?", template_variables=(("reasoning_effort", "low"),)
    ),
}


@dataclass(frozen=True)
class Twin:
    """A model as Parley reads it, and as transformers does."""

    name: str
    ours: TemplateFormat
    theirs: Any

    def refuses(self) -> bool:
        """Whether transformers cannot render a question."""
        try:
            question = [{"role": "user", "content": "Hello"}]
            self.theirs.apply_chat_template(question, add_generation_prompt=True, tokenize=False)
        except Exception:  # whatever a template raises
            return True
        return False

    def messages(self, prompt: Prompt) -> list[dict[str, Any]]:
        """The prompt for transformers."""
        place = self.ours._place
        messages = []
        for past in prompt.history:
            messages.append({"role": "user", "content": past.question})
            answer = {"role": "assistant", "content": past.answer}
            if past.thought and place is ThoughtPlace.FIELD:
                answer["reasoning_content"] = past.thought
            elif past.thought and place is ThoughtPlace.CONTENT:
                answer["content"] = f"<think>\n{past.thought}\n</think>\n\n{past.answer}"
            messages.append(answer)
        messages.append({"role": "user", "content": prompt.question})
        return list(self._with_system(prompt.system, messages))

    def _with_system(self, system: str, messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        if system.strip() and self.ours._folds_system:
            first = messages[0]["content"]
            folded = f"{system.strip()}\n\n{first}" if first.strip() else system
            messages[0]["content"] = folded
        elif system.strip():
            messages.insert(0, {"role": "system", "content": system})
        for message in messages:
            if self.ours._template.style.lists:
                message["content"] = [{"type": "text", "text": message["content"]}]
            yield message

    def render(self, prompt: Prompt) -> str | None:
        """The text that transformers renders; None where it refuses."""
        try:
            return str(
                self.theirs.apply_chat_template(
                    self.messages(prompt),
                    add_generation_prompt=True,
                    tokenize=False,
                    **dict(prompt.template_variables),
                )
            )
        except Exception:  # whatever a template raises
            return None

    def encode(self, prompt: Prompt) -> list[int] | None:
        """Parley's ids; None where it refuses."""
        try:
            return self.ours.encode(prompt)
        except ModelError:
            return None


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> list[Twin]:
    """All templates that transformers renders."""
    import transformers

    tokenizer: Any = transformers.PreTrainedTokenizerFast
    found = []
    for template in templates():
        source = template.read_text(encoding="utf-8")
        folder = write_folder(tmp_path_factory.mktemp("model"), source)
        names = json.loads((folder / "tokenizer_config.json").read_text())
        file = str(folder / "tokenizer.json")
        theirs = tokenizer(tokenizer_file=file, chat_template=source, **names)
        ours = _load(folder)
        twin = Twin(template.stem, ours, theirs)
        if ours is not None:
            found.append(twin)
        else:
            assert twin.refuses(), f"{template.stem} is refused, and transformers renders it"
    print(f"\ntransformers renders {len(found)} of {len(templates())} templates")
    return found


def _load(folder: Path) -> Any:
    try:
        made = format_for(ModelFolder.read(folder))
    except ModelError:
        return None
    assert isinstance(made, TemplateFormat)
    return made


@pytest.mark.parametrize("kind", PROMPTS)
def test_the_ids_are_those_of_transformers(twins: list[Twin], kind: str) -> None:
    prompt = PROMPTS[kind]
    different, equal = [], 0
    for twin in twins:
        text, found = twin.render(prompt), twin.encode(prompt)
        ids = None if text is None else twin.theirs(text, add_special_tokens=False)["input_ids"]
        if ids != found:
            different.append(twin.name)
        equal += ids is not None and ids == found
    print(f"\n{kind}: {equal} of {len(twins)} templates that transformers renders have equal ids")
    assert not different
    assert equal > len(twins) * 0.9


# ---------------------------------------------------------------- hostile contents

SWITCHES = [
    "/no_think",
    "/think",
    "<think>",
    "</think>",
    "<think>\n",
    "\n</think>\n\n",
    "<tool_response>",
]
"""What templates themselves look for in contents: they may write tags of their own for it."""
WORDS = [
    *("a", "Hello", " ", "\n", "\n\n", "x: y", "é", "😀", "ß", "1", "user", "%s", "{}"),
    *("{{ messages }}", "{% raw %}", "<|", "|>", "<", ">", "[", "]", "/"),
    *("\ue000", "\ufdd0", "\U0010f000", "\U0010ffff"),  # private and noncharacters
]


def hostile(dice: random.Random, tokens: list[str], also: list[str]) -> str:
    """Control tokens, their halves, and words, joined."""
    halves = [part for t in tokens for part in (t[: len(t) // 2], t[len(t) // 2 :], t[:-1], t[1:])]
    kinds = [WORDS, tokens, halves, also or WORDS]
    return "".join(dice.choice(dice.choice(kinds)) for _ in range(dice.randint(1, 6)))


def conversations(
    twin: Twin, also: list[str], *, count: int = 40, seed: int = 1
) -> Iterator[Prompt]:
    dice = random.Random(f"{twin.name} {seed}")
    tokens = list(twin.ours.tokenizer.control)
    for _ in range(count):
        past = tuple(
            Exchange(hostile(dice, tokens, also), hostile(dice, tokens, also))
            for _ in range(dice.randint(0, 2))
        )
        system = hostile(dice, tokens, also) if dice.random() < 0.5 else ""
        yield Prompt(system, past, hostile(dice, tokens, also))


def test_hostile_contents_decode_to_the_text_of_transformers(twins: list[Twin]) -> None:
    for twin in twins:
        for prompt in conversations(twin, SWITCHES):
            text, ids = twin.render(prompt), twin.encode(prompt)
            assert ids is not None, twin.name  # also where the template refuses a content
            if text is not None:
                assert twin.ours.tokenizer.decode(ids, show_control=True) == text, twin.name


def without_switches(text: str) -> str:
    return text.replace("think>", "thing>").replace("tool_response>", "tool_thing>")


def test_hostile_contents_give_no_more_control_tokens_than_harmless_ones(
    twins: list[Twin],
) -> None:
    for twin in twins:
        control = {token.id for token in twin.ours.tokenizer.control.values()}
        for hostile_one in conversations(twin, [], seed=2):
            prompt = Prompt(
                without_switches(hostile_one.system),
                tuple(
                    Exchange(without_switches(p.question), without_switches(p.answer) + ".")
                    for p in hostile_one.history
                ),
                without_switches(hostile_one.question) + ".",
            )
            blank = Prompt(
                "x" if prompt.system.strip() else "",
                (Exchange("x", "x"),) * len(prompt.history),
                "x",
            )
            found = [token for token in twin.encode(prompt) or () if token in control]
            harmless = [token for token in twin.encode(blank) or () if token in control]
            assert found in ([], harmless), twin.name
