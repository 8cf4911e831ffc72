"""Texts with which two tokenizers of one GGUF file are compared.

llama.cpp has its own tokenizer, and reads the same metadata. Where the two differ, one of them does
not know this kind of tokenizer, and the model would be given other tokens than it was trained with.
"""

import unicodedata

from bot.prompting.tokenizer import TextTokenizer

TEXTS = (
    "Hello, how are you today? I'm fine; we've seen THEY'LL, he'd and it's.",
    "Die Straße führt über 3 Brücken, naïve cafés — señor, ¿qué? Ærøskøbing",
    "нещо на Български, Ελληνικά, Việt Nam, ไทย, កាន់តែពិសេស",
    "你好，世界。東京タワーは333メートルです。안녕하세요 세계",
    "مرحبا بالعالم ١٢٣ שלום עולם हिन्दी में नमस्ते",
    "🚀 😶‍🌫️ 👩‍👩‍👧‍👦 ✅🦙🦙 🇩🇪",
    "1 12 123 1234 12345 1234567890 3.14159 1,000,000 2026-11-27 ½ Ⅻ",
    "a  b   c    d\te\t\tf \t g",
    "one\ntwo\n\nthree\n\n\n\nfour \n five\r\nsix",
    "def add(left, right):\n    return left + right  # {'sum': [1, 2]}\n\n\nprint(add(1,2)!=3)",
    "e\u0301 a\u0300 n\u0303 o\u0308 U\u0308",
    "<s> </s> [INST] <|im_start|>user <|eot_id|> <start_of_turn> <|end|> <0x0A> <unk>",
    "https://example.org/path?query=1&x=%20#top user@example.org C:\\temp\\x.txt $HOME ~/.rc",
    "Donaudampfschifffahrtsgesellschaftskapitän" * 4 + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "...!!!??? ---=== ''''`\"\"\" ((([[[{{{<<<>>>}}}]]]))) ^^ || && ** __ ~~",
    " leading and trailing  ",
)


def tokenizer_samples(tokenizer: TextTokenizer) -> tuple[tuple[str, list[int]], ...]:
    """Texts with the ids that `tokenizer` gives them, none of which is a special token.

    Left out is where llama.cpp differs from the original tokenizers by intention: it finds
    user-defined tokens in any text, and those of Unigram all, here only a template can name them;
    and it does not bring text into Unicode's form NFC, so the texts are in that form already.
    """
    found = tokenizer.control.values()
    named = [each.text for each in found if not each.special or tokenizer.kind == "Unigram"]
    texts = (unicodedata.normalize("NFC", text) if tokenizer.composes else text for text in TEXTS)
    return tuple(
        (text, tokenizer.encode_text(text, start=True))
        for text in texts
        if not any(token in text for token in named)
    )
