"""The files of a split model are found by their names, and only those."""

from pathlib import Path

from bot.worker.gguf.files import is_gguf, parts_of, stem_of


def test_the_part_zero_is_a_file_of_its_own() -> None:
    assert parts_of("a-00000-of-00002.gguf") == ("a-00000-of-00002.gguf",)
    assert parts_of("a-00003-of-00002.gguf") == ("a-00003-of-00002.gguf",)


def test_the_stem_has_neither_the_ending_nor_the_number() -> None:
    assert stem_of("BF16/big-00002-of-00003.gguf") == "BF16/big"
    assert stem_of("a-2.Q4_0.GGUF") == "a-2.Q4_0"


def test_a_gguf_file_is_known_by_its_name_and_a_folder_is_none(tmp_path: Path) -> None:
    assert is_gguf(tmp_path / "missing.GGUF")
    assert not is_gguf(tmp_path / "model.bin")
    (tmp_path / "folder.gguf").mkdir()
    assert not is_gguf(tmp_path / "folder.gguf")
