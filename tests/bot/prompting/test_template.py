import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
import jinja2.sandbox
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ModelError
from bot.messages import Exchange, Prompt
from bot.models.folder import ModelFolder, PromptStyle
from bot.prompting.template import TemplateFormat
from bot.prompting.tokenizer import StreamDecoder, TextTokenizer
from tests.chat_templates import (
    CHATML,
    CHATML_TOKENS,
    GEMMA,
    GEMMA_TOKENS,
    HARMONY,
    HARMONY_TOKENS,
    LLAMA3,
    LLAMA3_TOKENS,
    MISTRAL,
    PARTS,
    PHI3,
    PHI3_TOKENS,
    QWEN3,
    QWEN3_TOKENS,
    R1,
    R1_TOKENS,
    VICUNA,
)
from tests.limits import examples
from tests.tiny_tokenizer import BOS, EOS, VOCAB_SIZE, byte_level_spec, tokenizer_json

pytestmark = pytest.mark.process  # each template is rendered in one


def folder(
    template: str, *, bos: str | None = None, eos: str = "</s>", eos_ids: tuple[int, ...] = ()
) -> ModelFolder:
    """A model's folder as it would have been read."""
    special = {"eos_token": eos} | ({"bos_token": bos} if bos else {})
    return ModelFolder(
        path=Path("model"),
        model_type="any",
        context=4096,
        bos=None,
        eos=eos_ids,
        special_tokens=special,
        chat_template=template,
        chat_template_file=Path("model/chat_template.jinja"),
        style=PromptStyle.TEMPLATE,
        parameters=0,
        openvino=False,
    )


def llama_spec(*added: str, metaspace: str | None = None, swallows: bool = False) -> dict[str, Any]:
    """The tiny Llama's tokenizer with more control tokens, as Gemma, Phi-3 and Mistral have it."""
    spec: dict[str, Any] = json.loads(tokenizer_json())
    flags = {"single_word": False, "lstrip": False, "rstrip": swallows, "normalized": False}
    spec["added_tokens"] += [
        {"id": VOCAB_SIZE + place, "content": token, "special": True, **flags}
        for place, token in enumerate(added)
    ]
    if metaspace is not None:
        spec["normalizer"] = None
        spec["pre_tokenizer"] = {
            "type": "Metaspace",
            "replacement": "▁",
            "prepend_scheme": metaspace,
            "split": False,
        }
    return spec


@dataclass(frozen=True)
class Model:
    """One kind of model: its template and its tokenizer."""

    name: str
    folder: ModelFolder = field(repr=False)
    spec: dict[str, Any] = field(repr=False)
    takes_system: bool = True
    parts: bool = False
    before_answer: str = ""
    """What stands between the prompt and an answer without a thought, white space aside."""

    @property
    def format(self) -> TemplateFormat:
        return TemplateFormat(self.folder, TextTokenizer(self.spec))


MODELS = [
    Model("chatml", folder(CHATML, eos="<|im_end|>"), byte_level_spec(CHATML_TOKENS)),
    Model(
        "llama3",
        folder(LLAMA3, bos="<|begin_of_text|>", eos="<|eot_id|>"),
        byte_level_spec(LLAMA3_TOKENS, bos="<|begin_of_text|>"),
    ),
    Model("mistral", folder(MISTRAL, bos="<s>"), llama_spec(), takes_system=False),
    Model(
        "mistral, metaspace",
        folder(MISTRAL, bos="<s>"),
        llama_spec(metaspace="first"),
        takes_system=False,
    ),
    Model(
        "mistral, tags as tokens",
        folder(MISTRAL, bos="<s>"),
        llama_spec("[INST]", "[/INST]", metaspace="first"),
        takes_system=False,
    ),
    Model(
        "gemma",
        folder(GEMMA, bos="<bos>", eos="<eos>"),
        llama_spec(*GEMMA_TOKENS, metaspace="never"),
        takes_system=False,
    ),
    Model(
        "phi3",
        folder(PHI3, eos="<|endoftext|>"),
        llama_spec(*PHI3_TOKENS, swallows=True),
    ),
    Model("vicuna", folder(VICUNA, bos="<s>"), llama_spec()),
    Model("qwen3", folder(QWEN3, eos="<|im_end|>"), byte_level_spec(QWEN3_TOKENS)),
    Model(
        "r1",
        folder(R1, bos="<|begin|>", eos="<|end|>"),
        byte_level_spec(R1_TOKENS),
        before_answer="\n</think>\n\n",
    ),
    Model(
        "harmony",
        # Not <|end|>, which stands between a thought and its answer.
        folder(HARMONY, eos="<|return|>", eos_ids=(VOCAB_SIZE,)),
        byte_level_spec(HARMONY_TOKENS),
        before_answer="<|channel|>final<|message|>",
    ),
    Model("parts", folder(PARTS, eos="<|im_end|>"), byte_level_spec(CHATML_TOKENS), parts=True),
]
FORMATS = {model.name: model.format for model in MODELS}
few = settings(max_examples=examples(30))  # for each of the models
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


class Refused(Exception):
    """What ``raise_exception`` raises."""


def _refuse(reason: str) -> None:
    raise Refused(reason)


def as_messages(model: Model, prompt: Prompt) -> list[dict[str, Any]]:
    """The messages that a user of transformers would make of the prompt. A thought is given in its
    field, or in the content where the template looks for it there alone."""
    messages: list[dict[str, Any]] = []
    for past in prompt.history:
        messages.append({"role": "user", "content": past.question})
        messages.append({"role": "assistant", "content": past.answer})
        if past.thought and model.name == "r1":
            messages[-1]["content"] = f"<think>\n{past.thought}\n</think>\n\n{past.answer}"
        elif past.thought:
            messages[-1] |= {"reasoning_content": past.thought, "thinking": past.thought}
    messages.append({"role": "user", "content": prompt.question})
    if prompt.system.strip() and model.takes_system:
        messages.insert(0, {"role": "system", "content": prompt.system})
    elif prompt.system.strip():
        first = messages[0]["content"]
        folded = f"{prompt.system.strip()}\n\n{first}" if first.strip() else prompt.system
        messages[0]["content"] = folded
    return messages


def rendered(model: Model, prompt: Prompt, **variables: Any) -> str:
    """What Jinja makes of the contents themselves, as transformers does."""
    return rendered_messages(model, as_messages(model, prompt), **variables)


def rendered_messages(
    model: Model, messages: list[dict[str, Any]], *, answer_next: bool = True, **variables: Any
) -> str:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    environment.globals["raise_exception"] = _refuse
    source = (model.folder.chat_template or "").replace("{% generation %}", "")
    source = source.replace("{%- endgeneration %}\n", "")
    if model.parts:
        messages = [m | {"content": [{"type": "text", "text": m["content"]}]} for m in messages]
    return environment.from_string(source).render(
        messages=messages,
        add_generation_prompt=answer_next,
        **{**model.folder.special_tokens, **variables},
    )


CONTROL = sorted({token for model in MODELS for token in TextTokenizer(model.spec).control})
TAGS = ["[INST]", "[/INST]", "USER:", "ASSISTANT:", "<|user|>"]
letters = st.characters(exclude_categories=["Cs"], exclude_characters="▁")
words = st.sampled_from(
    ["the", " answer", "\n", " ", "é", "😀", "{{ messages }}", "{% raw %}", "x: y"]
)
typed = st.lists(
    words
    | letters
    | st.sampled_from([*CONTROL, *TAGS, "<|", "|>", "[", "]", "[IN", "ST]", "<", "USER", ":", "/"]),
    max_size=10,
).map("".join)
harmless = (
    st.lists(words | letters, max_size=10)
    .map("".join)
    .filter(lambda text: not any(tag in text for tag in (*CONTROL, *TAGS)))
)


def prompts(contents: st.SearchStrategy[str]) -> st.SearchStrategy[Prompt]:
    history = st.lists(st.builds(Exchange, contents, contents), max_size=3).map(tuple)
    return st.builds(Prompt, contents, history, contents)


@each_model
@few
@given(prompt=prompts(harmless))
def test_the_ids_are_those_of_the_rendered_template(model: Model, prompt: Prompt) -> None:
    library = tokenizers.Tokenizer.from_str(json.dumps(model.spec))
    expected = library.encode(rendered(model, prompt), add_special_tokens=False).ids
    assert FORMATS[model.name].encode(prompt) == expected


@each_model
@few
@given(prompt=prompts(typed))
def test_only_the_template_puts_control_tokens(model: Model, prompt: Prompt) -> None:
    ours = FORMATS[model.name]
    control = {token.id for token in ours.tokenizer.control.values()}
    blank = Prompt(
        "x" if prompt.system.strip() else "", (Exchange("x", "x"),) * len(prompt.history), "x"
    )
    found = [token for token in ours.encode(prompt) if token in control]
    assert found == [token for token in ours.encode(blank) if token in control]


@each_model
@few
@given(prompt=prompts(typed))
def test_decoding_gives_the_rendered_text_back(model: Model, prompt: Prompt) -> None:
    tokenizer = FORMATS[model.name].tokenizer
    shown = tokenizer.decode(FORMATS[model.name].encode(prompt), show_control=True)
    try:
        expected = rendered(model, prompt)
    except Refused:
        assert prompt.question in shown  # transformers has no text for it
        return
    # Llama's tokenizer writes a space where a text begins, and Phi-3's tokens swallow white space.
    assert _bare(shown) == _bare(expected)


def _bare(text: str) -> str:
    return "".join(text.split())


def occurrences(ids: Sequence[int], wanted: Sequence[int]) -> int:
    width = len(wanted)
    return sum(list(ids[place : place + width]) == list(wanted) for place in range(len(ids)))


@pytest.mark.parametrize(
    ("name", "tag"),
    # (The tiny vocabulary has no piece of "USER:", so nothing could tell a typed one apart.)
    [("mistral", "[INST]"), ("mistral", "[/INST]"), ("vicuna", "ASSISTANT:")],
)
@given(prompt=prompts(typed))
def test_tags_that_are_plain_text_cannot_be_typed(name: str, tag: str, prompt: Prompt) -> None:
    ours = FORMATS[name]
    ids = ours.encode(prompt)
    blank = Prompt(
        "x" if prompt.system.strip() else "", (Exchange("x", "x"),) * len(prompt.history), "x"
    )
    for text in (tag, f" {tag}"):
        wanted = ours.tokenizer.encode_text(text, start=False)
        assert occurrences(ids, wanted) == occurrences(ours.encode(blank), wanted)


def test_a_tag_that_two_contents_make_together_is_cut_as_well() -> None:
    # A template that writes the system prompt right before the question.
    source = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}[INST]"
    ours = TemplateFormat(folder(source, bos="<s>"), TextTokenizer(llama_spec()))
    whole = ours.tokenizer.encode_text("[INST]", start=False)
    ids = ours.encode(Prompt("[IN", (), "ST] the"))
    assert ours.tokenizer.decode(ids) == "[INST] the[INST]"
    assert occurrences(ids, whole) == 1


def test_a_typed_expression_never_reaches_jinja() -> None:
    typed_text = "{{ 7 * 7 }} {% for x in messages %}{{ x }}{% endfor %}"
    ids = FORMATS["chatml"].encode(Prompt("", (), typed_text))
    assert typed_text in FORMATS["chatml"].tokenizer.decode(ids)


# ---------------------------------------------------------------- the system prompt


def test_a_template_without_a_system_role_gets_it_in_the_first_question() -> None:
    prompt = Prompt("Be kind.", (Exchange("Hello", "Hi"),), "Why?")
    ours = FORMATS["gemma"]
    shown = ours.tokenizer.decode(ours.encode(prompt), show_control=True)
    assert shown == (
        "<bos><start_of_turn>user\nBe kind.\n\nHello<end_of_turn>\n<start_of_turn>model\nHi"
        "<end_of_turn>\n<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n"
    )


def test_a_template_that_silently_drops_the_system_role_gets_it_in_the_first_question() -> None:
    source = (
        "{% for m in messages if m.role != 'system' %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    ours = TemplateFormat(folder(source), TextTokenizer(llama_spec()))
    assert "Be kind.\n\nWhy?" in ours.tokenizer.decode(ours.encode(Prompt("Be kind.", (), "Why?")))


# ---------------------------------------------------------------- beginnings and ends


def test_bos_is_never_doubled() -> None:
    source = "{{ bos_token }}{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    ours = TemplateFormat(folder(source, bos="<s>"), TextTokenizer(llama_spec()))
    ids = ours.encode(Prompt("", (), "the"))
    assert ids.count(BOS) == 1
    assert ours.count(Prompt("", (), "the")) == len(ids)


@each_model
def test_the_token_that_closes_an_answer_ends_it(model: Model) -> None:
    closing = {
        "chatml": "<|im_end|>",
        "llama3": "<|eot_id|>",
        "gemma": "<end_of_turn>",
        "phi3": "<|end|>",
        "qwen3": "<|im_end|>",
        "r1": "<|end|>",
        "harmony": "<|return|>",
        "parts": "<|im_end|>",
    }.get(model.name, "</s>")
    ours = FORMATS[model.name]
    assert ours.ends == {ours.tokenizer.token_id(closing)}


def test_the_ends_that_the_files_name_are_kept() -> None:
    ours = TemplateFormat(folder(MISTRAL, bos="<s>", eos_ids=(7,)), TextTokenizer(llama_spec()))
    assert ours.ends == {7, EOS}


def test_a_completion_has_the_start_token_that_the_tokenizer_adds() -> None:
    llama3, chatml = FORMATS["llama3"], FORMATS["chatml"]
    bos = llama3.tokenizer.token_id("<|begin_of_text|>")
    text = "Q: <|eot_id|>"
    assert llama3.encode_completion(text) == [bos, *llama3.tokenizer.encode_text(text, start=True)]
    assert chatml.encode_completion(text) == chatml.tokenizer.encode_text(text, start=True)


# ---------------------------------------------------------------- answers that go on


@each_model
@few
@given(prompt=prompts(typed), answer=typed.filter(str.strip))
def test_a_continued_answer_follows_the_prompt(model: Model, prompt: Prompt, answer: str) -> None:
    ours = FORMATS[model.name]
    fresh = ours.tokenizer.decode(ours.encode(prompt), show_control=True)
    going_on = Prompt(prompt.system, prompt.history, prompt.question, answer)
    shown = ours.tokenizer.decode(ours.encode(going_on), show_control=True)
    assert _bare(shown) == _bare(fresh + model.before_answer + answer)
    assert shown.endswith(answer.lstrip())


@pytest.mark.parametrize("model", [m for m in MODELS if m.name != "r1"], ids=lambda m: m.name)
def test_a_continued_answer_has_the_tokens_of_a_finished_one(model: Model) -> None:
    ours = FORMATS[model.name]
    prompt = Prompt("", (), "the question", "the answer")
    finished = ours.encode(Prompt("", (Exchange("the question", "the answer"),), "x"))
    going_on = ours.encode(prompt)
    assert finished[: len(going_on)] == going_on


@each_model
def test_what_is_streamed_after_a_continuation_joins_exactly(model: Model) -> None:
    ours = FORMATS[model.name]
    prompt = ours.encode(Prompt("", (), "the question", "the answer  "))
    rest = ours.tokenizer.encode_text(" of 😀", start=False)
    assert StreamDecoder(ours.tokenizer, after=prompt).feed(rest) == " of 😀"


# ---------------------------------------------------------------- thoughts

THINKING = [model for model in MODELS if model.name in ("qwen3", "r1", "harmony")]
each_thinking = pytest.mark.parametrize("model", THINKING, ids=lambda model: model.name)
THOUGHT = "Let me see.\nOne, two."


def ids_of(model: Model, text: str) -> list[int]:
    library = tokenizers.Tokenizer.from_str(json.dumps(model.spec))
    return list(library.encode(text, add_special_tokens=False).ids)


@each_thinking
@pytest.mark.parametrize("system", ["", "Be kind."])
def test_the_thought_of_an_earlier_answer_is_written_as_the_template_does(
    model: Model, system: str
) -> None:
    history = (Exchange("Hi", "Hello.", THOUGHT), Exchange("And?", "Fine.", "Well"))
    prompt = Prompt(system, history, "Why?")
    assert FORMATS[model.name].encode(prompt) == ids_of(model, rendered(model, prompt))


@pytest.mark.parametrize("model", [m for m in MODELS if m.name != "r1"], ids=lambda m: m.name)
def test_a_prompt_has_no_thought_that_the_template_does_not_write(model: Model) -> None:
    ours = FORMATS[model.name]
    told = ours.encode(Prompt("", (Exchange("Hi", "Hello.", THOUGHT),), "Why?"))
    assert told == ours.encode(Prompt("", (Exchange("Hi", "Hello."),), "Why?"))


def test_a_thought_in_the_content_is_cut_as_by_the_template() -> None:
    written = f"<think>\n{THOUGHT}\n</think>\n\nHello."
    for name in ("qwen3", "r1"):
        model = next(m for m in MODELS if m.name == name)
        prompt = Prompt("", (Exchange("Hi", written),), "What is </think>?")
        ours = FORMATS[name]
        shown = ours.tokenizer.decode(ours.encode(prompt), show_control=True)
        assert shown == rendered(model, prompt)
        assert THOUGHT not in shown


@each_thinking
def test_the_tags_are_those_that_the_template_writes(model: Model) -> None:
    ours = FORMATS[model.name]
    tags = ours.thinking
    assert tags is not None
    expected = {
        "qwen3": ("<think>", "</think>", "<think>\n", "\n</think>\n\n", False),
        "r1": ("<think>", "</think>", "<think>\n", "\n</think>\n\n", True),
        "harmony": (
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
            False,
        ),
    }[model.name]
    assert (tags.opening, tags.closing, tags.before, tags.between, tags.opened) == expected
    assert list(tags.opening_ids) == ids_of(model, tags.opening)
    assert list(tags.closing_ids) == ids_of(model, tags.closing)
    assert list(tags.between_ids) == ids_of(model, tags.between)


def test_a_template_without_thoughts_has_no_tags() -> None:
    assert {m.name for m in MODELS if FORMATS[m.name].thinking} == {"qwen3", "r1", "harmony"}


@each_thinking
def test_a_thought_goes_on_where_it_was(model: Model) -> None:
    ours = FORMATS[model.name]
    prompt = Prompt("", (), "Why?", thought=THOUGHT)
    opened = "" if model.name == "r1" else ours.thinking.before  # type: ignore[union-attr]
    fresh = rendered(model, Prompt("", (), "Why?"))
    assert ours.encode(prompt) == ids_of(model, fresh + opened + THOUGHT)
    assert ours.opens_thought(prompt)


@each_thinking
def test_after_a_closed_thought_the_answer_goes_on(model: Model) -> None:
    ours = FORMATS[model.name]
    assert ours.thinking is not None
    prompt = Prompt("", (), "Why?", "Because ", thought=THOUGHT)
    opened = "" if model.name == "r1" else ours.thinking.before
    text = rendered(model, Prompt("", (), "Why?")) + opened + THOUGHT
    text += ours.thinking.between + "Because "
    assert ours.encode(prompt) == ids_of(model, text)
    assert not ours.opens_thought(prompt)


@each_thinking
def test_an_answer_with_a_thought_is_what_the_template_writes_at_the_end(model: Model) -> None:
    if model.name == "r1":
        return  # it cuts the thought from every answer
    ours = FORMATS[model.name]
    going_on = ours.encode(Prompt("", (), "Why?", "Because.", thought=THOUGHT))
    messages = [
        *as_messages(model, Prompt("", (), "Why?")),
        {
            "role": "assistant",
            "content": "Because.",
            "reasoning_content": THOUGHT,
            "thinking": THOUGHT,
        },
    ]
    finished = ids_of(model, rendered_messages(model, messages, answer_next=False))
    assert finished[: len(going_on)] == going_on


def test_variables_reach_the_template() -> None:
    qwen3, harmony = (m for m in MODELS if m.name in ("qwen3", "harmony"))
    off = Prompt("", (), "Why?", template_variables=(("enable_thinking", False),))
    ours = FORMATS["qwen3"]
    assert ours.encode(off) == ids_of(qwen3, rendered(qwen3, off, enable_thinking=False))
    assert not ours.opens_thought(off)
    low = Prompt("", (), "Why?", template_variables=(("reasoning_effort", "low"),))
    text = rendered(harmony, low, reasoning_effort="low")
    assert "Reasoning: low" in text
    assert FORMATS["harmony"].encode(low) == ids_of(harmony, text)


def test_a_thought_goes_on_although_the_prompt_skips_thinking() -> None:
    ours = FORMATS["qwen3"]
    off = (("enable_thinking", False),)
    usual = Prompt("", (), "Why?", thought=THOUGHT)
    assert ours.encode(replace(usual, template_variables=off)) == ours.encode(usual)


def test_only_a_prompt_that_opens_a_thought_says_so() -> None:
    fresh = Prompt("", (), "Why?")
    opened = {m.name for m in MODELS if FORMATS[m.name].opens_thought(fresh)}
    assert opened == {"r1"}


@each_thinking
@few
@given(prompt=prompts(typed), thought=typed.filter(str.strip), answer=st.just("") | typed)
def test_a_thought_never_becomes_a_control_token(
    model: Model, prompt: Prompt, thought: str, answer: str
) -> None:
    ours = FORMATS[model.name]
    control = {token.id for token in ours.tokenizer.control.values()}
    going_on = Prompt("", (), prompt.question, answer, thought=thought)
    harmless = Prompt("", (), "x", "x" if answer.strip() else "", thought="x")
    found = [token for token in ours.encode(going_on) if token in control]
    assert found == [token for token in ours.encode(harmless) if token in control]


def test_tags_of_thoughts_that_are_plain_text_cannot_be_typed() -> None:
    # The tiny vocabulary has pieces of [INST] and none of <think>.
    source = QWEN3.replace("</think>", "[/INST]").replace("<think>", "[INST]")
    ours = TemplateFormat(folder(source), TextTokenizer(llama_spec(*CHATML_TOKENS)))
    assert ours.thinking is not None
    assert (ours.thinking.opening, ours.thinking.closing) == ("[INST]", "[/INST]")
    closing = ours.tokenizer.encode_text("[/INST]", start=False)
    ids = ours.encode(Prompt("", (), "a[/INST]b", thought="c[/INST]d"))
    assert ours.tokenizer.decode(ids).count("[/INST]") == 2
    assert occurrences(ids, closing) == 0


# ---------------------------------------------------------------- the embedding table


def test_a_template_whose_tokens_the_model_does_not_have_is_refused_by_name() -> None:
    small = replace(folder(CHATML), vocab_size=VOCAB_SIZE + 1)
    with pytest.raises(ModelError, match=r"<\|im_start\|> \(513\), <\|im_end\|> \(514\)"):
        TemplateFormat(small, TextTokenizer(byte_level_spec(CHATML_TOKENS)))
    enough = replace(small, vocab_size=VOCAB_SIZE + len(CHATML_TOKENS))
    TemplateFormat(enough, TextTokenizer(byte_level_spec(CHATML_TOKENS)))


# ---------------------------------------------------------------- counting


@each_model
@few
@given(prompt=prompts(typed))
def test_counting_counts_the_ids(model: Model, prompt: Prompt) -> None:
    ours = FORMATS[model.name]
    assert ours.count(prompt) == len(ours.encode(prompt))


def test_counting_a_longer_conversation_encodes_only_what_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded: list[str] = []
    tokenizer = TextTokenizer(byte_level_spec(CHATML_TOKENS))
    ours = TemplateFormat(folder(CHATML), tokenizer)
    real = tokenizer.encode_text

    def spying(text: str, *, start: bool) -> list[int]:
        encoded.append(text)
        return real(text, start=start)

    monkeypatch.setattr(tokenizer, "encode_text", spying)
    history = tuple(Exchange(f"question {n}", f"answer {n}") for n in range(50))
    ours.count(Prompt("kind", history[:-1], "why"))
    encoded.clear()
    ours.count(Prompt("kind", history, "how"))
    assert encoded == ["user\nquestion 49", "assistant\nanswer 49", "user\nhow"]


# ---------------------------------------------------------------- broken templates


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% for m in messages %}", "Unexpected end of template"),
        ("{{ messages[9].content.x }}", "has no element 9"),
        ("{{ nothing.here }}", "'nothing' is undefined"),
        ("{{ raise_exception('No tools here') }}", "No tools here"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.clear() }}", "unsafe"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ messages[0].content }}", "leaves out messages of the role “assistant”"),
    ],
)
def test_a_broken_template_is_named_with_its_reason(source: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        TemplateFormat(folder(source), TextTokenizer(llama_spec()))
    assert "chat_template.jinja" in str(caught.value)
    assert "\n" not in str(caught.value)
