"""A codec encodes prompts and decodes answers without loss."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ModelError
from bot.generation.codec import ModelCodec, load_codec
from bot.generation.options import MAX_CONTEXT, WorkerOptions
from bot.generation.scripted_codec import ScriptedCodec
from bot.messages import Completion, Exchange, Prompt, Sampling, Thought
from bot.models.folder import ModelFolder
from bot.prompting.formats import PlainFormat
from bot.prompting.tokenizer import TextTokenizer
from tests.chat_templates import CHATML, MISTRAL
from tests.tiny_gguf import byte_level, sentencepiece, write_gguf
from tests.tiny_tokenizer import EOS, write_model_folder

PROMPT = Prompt("Be kind.", (), "How are you?")
SCRIPT = "one  two\nthree four "
LONG = Sampling(max_new_tokens=1000)


def answer(*pieces: str | Thought) -> str:
    """The text of pieces of which none is a thought."""
    return "".join(piece for piece in pieces if isinstance(piece, str))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model_folder(tmp_path / "tiny", context=8192)


def test_the_context_is_the_models_own_up_to_a_limit(folder: Path) -> None:
    assert ModelCodec.load(folder, 0).context == MAX_CONTEXT
    assert ModelCodec.load(folder, 8000).context == 8000
    write_model_folder(folder, context=1024)
    assert ModelCodec.load(folder, 0).context == 1024


def test_more_context_than_the_model_has_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"context = 9000 is more than the 8192 tokens"):
        ModelCodec.load(folder, 9000)


async def test_a_prompt_counts_as_many_tokens_as_it_has(folder: Path) -> None:
    codec = ModelCodec.load(folder, 0)
    assert await codec.count(PROMPT) == len(await codec.encode(PROMPT)) > 10
    assert EOS in codec.ends
    assert codec.name == "tiny"


async def test_an_answer_in_two_parts_is_the_same_text(folder: Path) -> None:
    codec = ModelCodec.load(folder, 0)
    whole = " The keeper wrote every evening."
    ids = (await codec.encode(replace(PROMPT, answer=whole)))[len(await codec.encode(PROMPT)) :]
    texts = []
    for cut in range(1, len(ids)):
        first = codec.reader(PROMPT, await codec.encode(PROMPT), LONG)
        begun = answer(*first.feed(ids[:cut]), *first.flush())
        prompt = replace(PROMPT, answer=begun)
        second = codec.reader(prompt, [*await codec.encode(PROMPT), *ids[:cut]], LONG)
        texts.append(begun + answer(*second.feed(ids[cut:]), *second.flush()))
    assert set(texts) == {whole.lstrip()}


def test_a_real_model_needs_a_folder() -> None:
    with pytest.raises(ModelError, match=r'\[model\] name is ""'):
        load_codec(WorkerOptions(backend="openvino"))


# ---------------------------------------------------------------- the script


@given(st.integers(0, len(SCRIPT)))
async def test_a_script_goes_on_wherever_its_answer_broke_off(cut: int) -> None:
    codec = ScriptedCodec(SCRIPT, 100)
    prompt = replace(PROMPT, answer=SCRIPT[:cut])
    ids = await codec.encode(prompt)
    said = ids[-1] + 1 if ids[-1] < 4 else 0  # as the backend continues
    reader = codec.reader(prompt, ids, LONG)
    pieces = [piece for word in range(said, 4) for piece in reader.feed([word])]
    text = answer(*pieces, *reader.flush())
    assert prompt.answer + text == SCRIPT


async def test_an_answer_of_something_else_begins_the_script_anew() -> None:
    codec = ScriptedCodec(SCRIPT, 100)
    prompt = replace(PROMPT, answer="another text")
    ids = await codec.encode(prompt)
    assert ids[-1] == 4
    assert codec.reader(prompt, ids, LONG).feed([0, 1]) == ["one  two"]


async def test_words_are_counted() -> None:
    codec = ScriptedCodec(SCRIPT, 0)
    assert codec.context == MAX_CONTEXT
    assert await codec.count(PROMPT) == 5
    assert await codec.count(replace(PROMPT, answer="one  two")) == 7
    assert await codec.count(Completion("a b c")) == 3


# ---------------------------------------------------------------- GGUF files


@pytest.mark.process
async def test_a_gguf_file_has_the_same_prompts_as_the_folder_that_it_was_made_of(
    tmp_path: Path,
) -> None:
    folder = write_model_folder(tmp_path / "tiny", chat_template=MISTRAL)
    file = write_gguf(tmp_path / "tiny.gguf", tokenizer=sentencepiece(), template=MISTRAL)
    ours, theirs = ModelCodec.load(file, 0), ModelCodec.load(folder, 0)
    prompt = replace(PROMPT, history=(Exchange("Who?", "The keeper."),))
    assert await ours.encode(prompt) == await theirs.encode(prompt)
    assert await ours.encode(Completion("Once")) == await theirs.encode(Completion("Once"))
    assert (ours.name, ours.context, ours.ends) == ("tiny.gguf", 2048, theirs.ends)


@pytest.mark.process
def test_only_a_gguf_file_gives_samples_for_the_backends_own_tokenizer(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", template=CHATML)
    samples = ModelCodec.load(file, 0).samples()
    assert len(samples) > 12
    tokenizer = TextTokenizer.load(file)
    for text, ids in samples:
        assert ids == tokenizer.encode_text(text, start=True)
        assert tokenizer.decode(ids) == text
        assert not tokenizer.special & set(ids)
    assert any("<|im_start|>" in text for text, _ in samples)
    assert ModelCodec.load(write_model_folder(tmp_path / "tiny"), 0).samples() == ()
    assert ScriptedCodec(SCRIPT, 0).samples() == ()


@pytest.mark.process
def test_samples_leave_out_what_llama_cpp_finds_in_any_text(tmp_path: Path) -> None:
    tokenizer = byte_level(user_defined=["[INST]", "world"])
    file = write_gguf(tmp_path / "tiny.gguf", tokenizer=tokenizer, template=CHATML)
    assert not any("[INST]" in text for text, _ in ModelCodec.load(file, 0).samples())


class Counting(PlainFormat):
    """A format that notes which texts it tokenized."""

    def __init__(self, folder: Path) -> None:
        found = ModelFolder.read(folder)
        super().__init__(found, TextTokenizer.load(found.path, found.added_tokens))
        self.tokenized: list[str] = []

    def encode_completion(self, text: str) -> list[int]:
        self.tokenized.append(text)
        return super().encode_completion(text)


async def test_a_text_that_was_counted_is_not_tokenized_again(folder: Path) -> None:
    counting = Counting(folder)
    codec = ModelCodec(ModelFolder.read(folder), counting, 8192)
    ids = await codec.encode(Completion("How are you?"))
    assert await codec.count(Completion("How are you?")) == len(ids)
    ids.append(1)  # whoever got them may change them
    assert len(await codec.encode(Completion("How are you?"))) == len(ids) - 1
    await codec.count(Completion("And now?"))
    assert counting.tokenized == ["How are you?", "And now?"]
