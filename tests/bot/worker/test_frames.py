"""Messages survive the pipe, however it cuts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.worker.frames import MAX_BODY, FrameError, FrameReader, encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
messages = st.dictionaries(st.text(), json_values, max_size=4)


@given(st.lists(messages, max_size=6), st.data())
def test_any_messages_survive_any_chunking(
    sent: list[dict[str, object]], data: st.DataObject
) -> None:
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = FrameReader()
    received: list[dict[str, object]] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += reader.feed(stream[start:end])
    assert received == sent


def test_half_a_surrogate_pair_survives() -> None:
    message = {"text": "\ud83d"}
    assert list(FrameReader().feed(encode(message))) == [message]


@pytest.mark.parametrize(
    "noise",
    [b"Loading model...", (MAX_BODY + 1).to_bytes(4, "big"), b"\0\0\0\2[]", b"\0\0\0\1\xff"],
)
def test_noise_is_not_taken_for_frames(noise: bytes) -> None:
    with pytest.raises(FrameError):
        list(FrameReader().feed(noise))


def test_a_message_that_no_frame_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.worker.frames.MAX_BODY", 10)
    with pytest.raises(FrameError, match="too long"):
        encode({"text": "more than ten bytes"})
