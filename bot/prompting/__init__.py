"""From a conversation to token ids: chat formats and tokenizers.

formats               the chat format of a model: Llama 2's, its chat template, or none
llama2                Llama 2's chat format, token for token as Meta's reference code writes it
template              chat formats given by a Jinja chat template
thinking              how a template writes what a model thinks before it answers
jinja_template        renders a chat template, keeping its own text apart from contents
rendering             a rendering, and for which other contents it holds
template_worker       the process in which a template runs: the parent's side
template_process      … and the process itself
template_environment  … Jinja's environment in it
traced_text           … strings that know which of their characters the template wrote itself
text_parts            … that can be cut without losing this
watched_text          … and that note what the template asks about contents
text_trace            … what it asks about contents and derives from them
spans                 tokenizes prompt text so that user input can never produce special tokens
tokenizer             a model's tokenizer: text to ids, ids to text, ids to a stream of text
tokenizer_json        reads and edits `tokenizer.json`
gguf_tokenizer        converts the tokenizer in a GGUF file to a `tokenizer.json`
gguf_samples          texts with which that tokenizer is compared to llama.cpp's
pre_tokenizers        how byte-level tokenizers split a text into words, by GGUF's names
sentencepiece         converts SentencePiece's `tokenizer.model` to a `tokenizer.json`
"""
