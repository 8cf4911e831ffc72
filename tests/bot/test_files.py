"""Text in the encodings that editors write is read, and private files are private."""

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.files import NotText, decode, make_private_folder, parse_json, private

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


@given(st.text(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_a_text_is_read_in_each_encoding_with_its_mark(text: str, encoding: str) -> None:
    text = text.removeprefix("\ufeff").replace("\0", "")
    assert decode(text.encode(encoding)) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.binary(max_size=50))
def test_other_bytes_are_refused_with_their_line(data: bytes) -> None:
    refused: NotText | None = None
    try:
        decode(data)
    except NotText as error:
        refused = error
    assert refused is None or refused.line >= 1
    assert refused is None or "not valid" in str(refused) or "not UTF-8" in str(refused)


def test_the_line_of_the_first_wrong_byte_is_named() -> None:
    with pytest.raises(NotText, match="its byte 0xFC is not valid UTF-8") as caught:
        decode(b"one\ntwo\nthr\xfce")
    assert caught.value.line == 3


@pytest.mark.parametrize("data", [b"[" * 200_000, b"", b"{", b"\xff", b"1" * 10_000])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(data)


@posix
def test_folders_and_files_that_are_made_are_their_owners_alone(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    with open(tmp_path / "a" / "b" / "file", "w", opener=private) as out:
        out.write("x")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in sorted((tmp_path / "a").rglob("*"))]
    assert modes == [0o700, 0o600]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


@posix
def test_a_folder_that_exists_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
