"""How the tokenizers of byte-level BPE split a text into words before they merge, by GGUF's names.

``tokenizer.ggml.pre`` names the pre-tokenizer of a model, and nothing else in a GGUF file describes
it. Sources: the names and the regular expressions in ``src/llama-vocab.cpp`` of ggml-org/llama.cpp;
where llama.cpp writes an expression another way because its engine lacks something, the original of
the model's ``tokenizer.json``, which it quotes beside it. Names that only embedding models have are
left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
"""English contractions."""
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ANY = r"[^\r\n\p{L}\p{N}]?"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_SHORT}|{_ANY}\p{{L}}+|\p{{N}}{{1,3}}|{_SIGNS}|{_SPACES}"
_QWEN2 = rf"{_SHORT}|{_ANY}\p{{L}}+|\p{{N}}|{_SIGNS}|{_SPACES}"
_QWEN35 = (
    rf"{_SHORT}|{_ANY}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_SPACES}"
)
_JAIS2 = (
    rf"{_SHORT}|{_ANY}\p{{L}}+|\p{{N}}{{1,3}}|{_SIGNS}|\s*[\r\n]+|\s{{512}}(?!\S)|\s{{256}}(?!\S)"
    r"|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)"
    r"|\s{1,2}(?!\S)|\s{1}"
)
_CASED = rf"{_ANY}{_UPPER}*{_LOWER}+%s|{_ANY}{_UPPER}+{_LOWER}*%s"
_CASED_SIGNS = rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
_TEKKEN = rf"{_CASED % ('', '')}|\p{{N}}|{_CASED_SIGNS}"
_GPT4O = rf"{_CASED % (f'{_SHORT}?', f'{_SHORT}?')}|\p{{N}}{{1,3}}|{_CASED_SIGNS}"
_YOUTU = rf"{_CASED % (f'{_SHORT}?', f'{_SHORT}?')}|\p{{N}}|{_CASED_SIGNS}"
_HAN = "[一-龥\u3040-ゟ゠-ヿ]+"
_ASCII_SIGN = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
_DEEPSEEK_WORD = rf"{_ASCII_SIGN}|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+"
_DEEPSEEK3 = rf"{_DEEPSEEK_WORD}| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_SPACES}"
_SPARK = rf"{_DEEPSEEK_WORD}| ?[\p{{P}}\p{{S}}]+|[\r\n]|\s+(?!\S)|\s+"
_DEEPSEEK_LETTERS = (
    r"\s?["
    "A-Za-z\xb5\xc0-\xd6\xd8-\xf6\xf8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-"
    "\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5"
    "\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-"
    "\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d"
    "\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4"
    "\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec"
    "\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128"
    "\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-"
    "\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f"
    "\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-"
    "\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-"
    "\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
    "]+"
)
_BLOOM = " ?[^(\\s|.,!?…。，、।۔،)]+"
_KIMI = (
    rf"[\p{{Han}}]+|{_ANY}[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]*"
    rf"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]+{_SHORT}?"
    rf"|{_ANY}[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]+"
    rf"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]*{_SHORT}?"
    rf"|\p{{N}}{{1,3}}|{_SIGNS}|{_SPACES}"
)
_DIGITS_FROM_RIGHT = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
_AFMOE_SCRIPTS = "[一-鿿㐀-䶿豈-﫿\u3040-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+"


@dataclass(frozen=True, slots=True)
class PreTokenizer:
    """One way to split a text."""

    patterns: tuple[str, ...]
    """Regular expressions (Oniguruma's), applied one after the other to all pieces so far. What one
    matches is a piece, and so is what lies between two matches."""
    ignores_merges: bool = False
    """Whether a word that is a token becomes it, even where no merges lead to it."""
    composes: bool = False
    """Whether the text is brought into Unicode's form NFC before."""
    adds_bos: bool = False
    """Whether BOS begins a text where the file does not say it."""


_LIKE_LLAMA3 = "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2"
_MINICPM5 = rf"{_SHORT}|{_ANY}\p{{L}}+|\p{{N}}+|{_SIGNS}|{_SPACES}"
_YOUTU_SCRIPTS = "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-ゟ゠-ヿ]+"
_LIKE_DEEPSEEK3 = "deepseek-v3 hunyuan-dense joyai-llm hy_v4"
_AFMOE = (_DIGITS_FROM_RIGHT, _AFMOE_SCRIPTS, _DEEPSEEK3)


def _pre(
    *patterns: str, ignores_merges: bool = False, composes: bool = False, adds_bos: bool = False
) -> PreTokenizer:
    return PreTokenizer(patterns, ignores_merges, composes, adds_bos)


_FAMILIES = (
    ("gpt-2 phi-2 gigachat a.x-4.0 mellum exaone4 jais trillion", _pre(_GPT2)),
    ("granite-docling", _pre(_GPT2)),
    ("mpt olmo", _pre(_GPT2, composes=True)),
    ("starcoder refact smollm codeshell exaone", _pre(r"\p{N}", _GPT2)),
    ("minerva-7b mellum2", _pre(r"\p{N}", _GPT2)),
    ("command-r", _pre(r"\p{N}", _GPT2, composes=True)),
    (_LIKE_LLAMA3, _pre(_LLAMA3, ignores_merges=True, adds_bos=True)),
    ("dbrx smaug-bpe chatglm-bpe", _pre(_LLAMA3)),
    ("glm4 glm5", _pre(_LLAMA3, ignores_merges=True)),
    ("jais-2", _pre(_JAIS2)),
    ("minicpm5", _pre(r"\p{N}{1,3}", _MINICPM5, ignores_merges=True)),
    ("qwen2 deepseek-r1-qwen kormo megrez", _pre(_QWEN2, composes=True)),
    ("stablelm2 hunyuan solar-open grok-2", _pre(_QWEN2)),
    ("qwen35", _pre(_QWEN35, composes=True)),
    ("laguna", _pre(r"[^\n]+|[\n]+", _QWEN2)),
    ("ufakzeka", _pre(rf"{_ANY}\p{{L}}+|\p{{N}}|{_SIGNS}|{_SPACES}")),
    (
        "bailingmoe bailingmoe2 llada-moe",
        _pre(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
            r"|\s*[\r\n]|\s+(?!\S)|\s+"
        ),
    ),
    (
        "seed-coder",
        _pre(rf"{_SHORT}|{_ANY}\p{{L}}+|\p{{N}}{{1}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_SPACES}"),
    ),
    (
        "exaone-moe",
        _pre(
            rf"{_SHORT}|{_ANY}(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
        ),
    ),
    ("tekken", _pre(_TEKKEN, ignores_merges=True, adds_bos=True)),
    ("gpt-4o llama4 kanana2 talkie minimax-m2", _pre(_GPT4O)),
    ("tiny_aya cohere2moe", _pre(r"\d{1,3}(?=(?:\d{3})*\b)", _GPT4O)),
    ("youtu", _pre(_YOUTU_SCRIPTS, _YOUTU, ignores_merges=True)),
    (_LIKE_DEEPSEEK3, _pre(r"\p{N}{1,3}", _HAN, _DEEPSEEK3)),
    ("spark2_5", _pre(r"\p{N}{1,3}", _HAN, _SPARK, r"\p{N}")),
    ("afmoe", _pre(*_AFMOE)),
    ("kimi-k2", _pre(_KIMI)),
    (
        "deepseek-llm",
        _pre(
            r"[\r\n]",
            _DEEPSEEK_LETTERS,
            "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+",
            r"\s+$",
            "[一-龥ࠀ-一가-\ud7ff]+",
            r"\p{N}+",
        ),
    ),
    (
        "deepseek-coder",
        _pre(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"),
    ),
    ("falcon", _pre(r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]")),
    ("superbpe", _pre(r"\p{N}+", r"(?=(\d{3})+(?!\d))")),
    ("poro-chat bloom gpt3-finnish", _pre(_BLOOM)),
    ("viking", _pre(_BLOOM, r"\p{N}")),
    (
        "chameleon",
        _pre(
            "<sentinel:[0-9]+>",
            "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
            r"([\t\n]|    |  )",
            r"\p{N}",
            r"[\p{P}!-/:-@\[-`{-~]",
            _GPT2,
            adds_bos=True,
        ),
    ),
)
"""Names, and how those split."""

PRE_TOKENIZERS: Mapping[str, PreTokenizer] = MappingProxyType(
    {name: pre for names, pre in _FAMILIES for name in names.split()}
)
"""By the name in ``tokenizer.ggml.pre``."""


def split_steps(pre: PreTokenizer) -> dict[str, Any]:
    """The ``pre_tokenizer`` of a ``tokenizer.json``."""
    splits = [
        {
            "type": "Split",
            "pattern": {"Regex": pattern},
            "behavior": "Isolated",
            "invert": False,
        }
        for pattern in pre.patterns
    ]
    bytes_only = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    return {"type": "Sequence", "pretokenizers": [*splits, bytes_only]}
