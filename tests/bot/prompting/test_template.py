import json
from collections.abc import Sequence
from dataclasses import dataclass, field
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
    LLAMA3,
    LLAMA3_TOKENS,
    MISTRAL,
    PHI3,
    PHI3_TOKENS,
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
]
FORMATS = {model.name: model.format for model in MODELS}
few = settings(max_examples=examples(30))  # for each of the models
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def rendered(model: Model, prompt: Prompt, *, answer_next: bool = True) -> str:
    """What Jinja makes of the contents themselves, as transformers does."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    environment.globals["raise_exception"] = pytest.fail
    source = (model.folder.chat_template or "").replace("{% generation %}", "")
    source = source.replace("{%- endgeneration %}\n", "")
    turns = [text for past in prompt.history for text in (past.question, past.answer)]
    contents = [*turns, prompt.question]
    roles = [["user", "assistant"][place % 2] for place in range(len(contents))]
    if prompt.system.strip() and model.takes_system:
        roles, contents = ["system", *roles], [prompt.system, *contents]
    elif prompt.system.strip() and not contents[0].strip():
        contents[0] = prompt.system
    elif prompt.system.strip():
        contents[0] = f"{prompt.system.strip()}\n\n{contents[0]}"
    messages = [{"role": role, "content": text} for role, text in zip(roles, contents, strict=True)]
    return environment.from_string(source).render(
        messages=messages, add_generation_prompt=answer_next, **model.folder.special_tokens
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
    # Llama's tokenizer writes a space where a text begins, and Phi-3's tokens swallow white space.
    assert _bare(shown) == _bare(rendered(model, prompt))


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
    assert _bare(shown) == _bare(fresh + answer)
    assert shown.endswith(answer.lstrip())


@each_model
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
