from typing import Any

import pytest

from bot.models.special_tokens import AddedToken, SpecialTokens

START, END = "<|im_start|>", "<|im_end|>"


def read(
    config: dict[str, Any], special_map: dict[str, Any], added: dict[str, Any]
) -> SpecialTokens:
    return SpecialTokens.read(config, special_map, added)


def test_names_are_texts_or_objects() -> None:
    found = read(
        {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": True}, {}, {}
    )
    assert found.names == {"bos_token": "<s>", "eos_token": "</s>"}


def test_an_older_folder_names_its_tokens_in_a_file_of_their_own() -> None:
    found = read({"eos_token": "</s>"}, {"eos_token": END, "bos_token": {"content": "<s>"}}, {})
    assert found.names == {"eos_token": END, "bos_token": "<s>"}


def test_a_newer_folder_gives_tokens_with_their_ids_and_the_older_files_do_not_count() -> None:
    decoder = {
        "7": {"content": END, "special": True, "rstrip": True},
        "8": {"content": "<think>", "special": False},
    }
    config = {"added_tokens_decoder": decoder, "eos_token": END}
    found = read(config, {"eos_token": "</s>", "bos_token": "<s>"}, {"<x>": 9})
    assert found.names == {"eos_token": END}
    assert found.added == (
        AddedToken(END, 7, special=True, strips_right=True),
        AddedToken("<think>", 8, special=False),
    )
    assert found.id_of(END) == 7


def test_added_tokens_are_special_where_another_file_names_them() -> None:
    found = read(
        {"additional_special_tokens": [START, {"content": END}]},
        {},
        {START: 32000, END: 32001, "<tool>": 32002},
    )
    assert set(found.added) == {
        AddedToken(START, 32000, special=True),
        AddedToken(END, 32001, special=True),
        AddedToken("<tool>", 32002, special=False),
    }


def test_a_token_that_is_null_is_withheld() -> None:
    found = read({"bos_token": None, "eos_token": END}, {}, {})
    assert found.withheld == {"bos_token"}
    assert found.names == {"eos_token": END}


@pytest.mark.parametrize(
    "config",
    [
        {"added_tokens_decoder": {"x": {"content": "a"}, "1": 3, "2": {}}},
        {"added_tokens_decoder": [1], "bos_token": 3, "extra_special_tokens": 7},
        {"additional_special_tokens": [1, None, {}], "eos_token": {"content": 3}},
    ],
)
def test_values_of_the_wrong_type_count_as_missing(config: dict[str, Any]) -> None:
    found = read(config, {}, {"": 1, "a": "b", "c": -1})
    assert (found.names, found.added) == ({}, ())
