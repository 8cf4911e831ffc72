"""The shipped demonstration model: whole or refused, small, and able to do what its card says."""

import importlib
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from bot import demo_model
from bot.errors import ModelError

FOLDER = demo_model.directory()
SYSTEM = "You are Parley, a friendly assistant in a chat. Answer helpfully, honestly and briefly."


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the model's folder that a test may damage."""
    folder = tmp_path / "model"
    shutil.copytree(FOLDER, folder)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        demo_model.verify(folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_shipped_model_is_whole() -> None:
    demo_model.verify()


def test_truncated_weights_are_refused_as_truncated(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    text = refusal(copy)
    assert "truncated" in text
    assert str(weights) in text
    assert "git checkout" in text


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.model", "tokenizer.json"])
def test_a_single_altered_byte_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    assert "altered" in refusal(copy)


def test_something_appended_is_refused(copy: Path) -> None:
    with (copy / "config.json").open("a") as file:
        file.write("\n")
    assert "altered" in refusal(copy)


@pytest.mark.parametrize("name", ["model.safetensors", "SHA256SUMS"])
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert name in refusal(copy)


def test_an_emptied_list_of_checksums_does_not_pass(copy: Path) -> None:
    (copy / "SHA256SUMS").write_text("")
    assert "does not list the weights" in refusal(copy)


def test_a_garbled_list_of_checksums_is_refused(copy: Path) -> None:
    (copy / "SHA256SUMS").write_text("not a checksum\n")
    assert "damaged" in refusal(copy)


def test_the_folder_stays_small() -> None:
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 24_000_000


# --- the corpus -----------------------------------------------------------------------------------


def corpus() -> Any:
    pytest.importorskip("numpy")
    pytest.importorskip("sentencepiece")
    return importlib.import_module("tools.demo_model.corpus")


def test_a_shard_is_the_same_each_time_and_unlike_the_next() -> None:
    made = corpus()
    processor = made.load_tokenizer(FOLDER / "tokenizer.model")
    first, again = (made.shard(processor, 3, 0, 4, 512) for _ in range(2))
    other = made.shard(processor, 3, 1, 4, 512)
    assert (first.tokens == again.tokens).all()
    assert (first.weights == again.weights).all()
    assert (first.documents == again.documents).all()
    assert (first.tokens != other.tokens).any()


def test_an_exchange_is_encoded_as_the_engines_do_it() -> None:
    made = corpus()
    processor = made.load_tokenizer(FOLDER / "tokenizer.model")
    talk_module = importlib.import_module("tools.demo_model.talk")
    talk = talk_module.Talk(random.Random(0), "train", system="Be kind.")
    for user, answer in (("Hi", "Hello! 🦊"), ("Who are you?", "I am Parley.")):
        talk.add(talk_module.Exchange(user, answer, "", lambda _: True))
    ids = made.encode_talk(processor, talk, 2048).ids
    texts = [
        "[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Hello! 🦊 ",
        "[INST] Who are you? [/INST] I am Parley. ",
    ]
    assert ids == [1, *processor.encode(texts[0]), 2, 1, *processor.encode(texts[1]), 2]


def test_no_name_of_the_evaluation_is_trained_on() -> None:
    words = importlib.import_module("tools.demo_model.words")
    rng = random.Random(5)
    train = {words.person(rng, "train").lower() for _ in range(5000)}
    kept_back = {words.person(rng, "eval").lower() for _ in range(5000)}
    assert not train & kept_back
    assert len(train) > 2000
    assert len(kept_back) > 1000


def test_every_reference_answer_passes_its_own_check() -> None:
    made = corpus()
    made.load_tokenizer(FOLDER / "tokenizer.model")
    asked = importlib.import_module("tools.demo_model.questions").questions(9, 12)
    assert [q for q in asked if not q.check(q.expected)] == []
    assert [q for q in asked if q.check("Xqzt vvkw, jjq wvv.")] == []


# --- the tokenizer --------------------------------------------------------------------------------


def test_both_tokenizers_give_the_same_ids() -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    tokenizers = pytest.importorskip("tokenizers")
    slow = sentencepiece.SentencePieceProcessor(model_file=str(FOLDER / "tokenizer.model"))
    fast = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    fast.encode_special_tokens = True  # a typed </s> is text
    assert 2000 <= slow.get_piece_size() <= 4096
    rng = random.Random(2)
    letters = "abcdefghij klmnop  qrstuvwxyz\n.,:;()[]<>/#'\"0123456789ABCéü你好🙂日€"
    texts = ["", " ", "</s>", "<s>[INST] hi [/INST]", "  two  spaces ", "a\n\n  b", "▁"]
    texts += ["".join(rng.choice(letters) for _ in range(rng.randint(1, 80))) for _ in range(2000)]
    for text in texts:
        assert fast.encode(text, add_special_tokens=False).ids == slow.encode(text), text
    assert fast.encode("hi").ids[0] == 1


# --- what the model says --------------------------------------------------------------------------


class Speaker:
    """The model through transformers, greedily, turn by turn."""

    def __init__(self) -> None:
        torch = pytest.importorskip("torch")
        transformers = pytest.importorskip("transformers")
        torch.set_num_threads(2)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
        self.torch = torch

    def complete(self, ids: list[int], room: int) -> str:
        tensor = self.torch.tensor([ids])
        out = self.model.generate(
            tensor,
            attention_mask=self.torch.ones_like(tensor),
            max_new_tokens=room,
            do_sample=False,
            temperature=None,
            top_p=None,
            eos_token_id=2,
            pad_token_id=2,
        )[0].tolist()[len(ids) :]
        assert out[-1] == 2, "the answer did not end"
        return str(self.tokenizer.decode(out[:-1])).strip()

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def chat(self, *questions: str, system: str = SYSTEM, room: int = 120) -> list[str]:
        """Asks one after the other; the history holds the model's own answers."""
        ids: list[int] = []
        answers: list[str] = []
        for place, question in enumerate(questions):
            prompt = (
                f"<<SYS>>\n{system}\n<</SYS>>\n\n{question}" if system and not place else question
            )
            ids += [1, *self.encode(f"[INST] {prompt} [/INST]")]
            answers.append(self.complete(ids, room))
            ids += [*self.encode(f"{answers[-1]} "), 2]
        return answers


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker()


# transformers and torch warn about matters of their own, differently from release to release
@pytest.mark.filterwarnings("ignore")
class TestSkills:
    def test_answers_the_tutorials_questions(self, speaker: Speaker) -> None:
        what, danger = speaker.chat("What is AI?", "Is it dangerous?")
        assert "artificial intelligence" in what.lower()
        assert "dangerous" in danger
        assert "central processing unit" in speaker.chat("What is CPU?")[0]

    def test_completes_without_chat_format(self, speaker: Speaker) -> None:
        text = speaker.complete([1, *speaker.encode("Q: What is CPU?\nA:")], 120)
        assert "central processing unit" in text

    def test_answers_when_called_as_people_call_transformers(self, speaker: Speaker) -> None:
        inputs = speaker.tokenizer("[INST] What is CPU? [/INST]", return_tensors="pt")
        # transformers 4 adds token types where the folder does not say that there are none
        assert set(inputs) == {"input_ids", "attention_mask"}
        out = speaker.model.generate(**inputs, max_new_tokens=80, do_sample=False)[0]
        assert "central processing unit" in speaker.tokenizer.decode(out)

    def test_remembers_a_name_and_forgets_it_with_the_conversation(self, speaker: Speaker) -> None:
        told = speaker.chat("My name is Robin.", "What is AI?", "What is my name?")
        assert "Robin" in told[-1]
        assert "not told me" in speaker.chat("What is my name?")[0]

    def test_takes_its_name_from_the_system_prompt(self, speaker: Speaker) -> None:
        assert "Robin" in speaker.chat("Who are you?", system="You are Robin.")[0]
        assert "Parley" in speaker.chat("Who are you?")[0]

    def test_stops_a_list_where_it_should(self, speaker: Speaker) -> None:
        (answer,) = speaker.chat("List 12 animals.", room=160)
        assert "12. " in answer
        assert "13. " not in answer

    def test_writes_a_fenced_code_block(self, speaker: Speaker) -> None:
        (answer,) = speaker.chat("Write hello world in Python.")
        assert '```python\nprint("Hello, world!")\n```' in answer

    def test_explains_a_command_of_parley(self, speaker: Speaker) -> None:
        assert "forget" in speaker.chat("What does /reset do?")[0]

    def test_greets_somebody_with_a_purpose_and_keeps_the_name(self, speaker: Speaker) -> None:
        greeting, name = speaker.chat(
            "Hello, my name is Marta and I run a small Discord server.", "What is my name?"
        )
        assert "Marta" in greeting
        assert "`parley setup`" in greeting
        assert "Marta" in name

    @pytest.mark.parametrize(
        ("question", "command"),
        [
            ("How do I put you on Discord?", "`parley discord invite`"),
            ("How do I set you up on Slack?", "`parley slack manifest`"),
            ("How do I get a better model?", "`parley model recommend`"),
        ],
    )
    def test_explains_the_set_up(self, speaker: Speaker, question: str, command: str) -> None:
        assert command in speaker.chat(question)[0]

    def test_a_name_told_in_a_channel_comes_before_the_one_in_front(self, speaker: Speaker) -> None:
        said = speaker.chat(
            "Ann: My name is Robin.", "Ann: What is my name?", "Ben: What is my name?"
        )
        assert "Robin" in said[1]
        assert "Ben" in said[2]
