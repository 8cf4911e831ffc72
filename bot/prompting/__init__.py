"""From a conversation to token ids: chat formats and tokenizers.

formats         which chat format a model folder asks for
llama2          Llama 2's format, token for token as Meta's reference code makes it
template        formats given by a Jinja chat template
jinja_template  renders such a template in a sandbox
spans           tokenizes text so that user input can never produce special tokens
tokenizer       a model's tokenizer: text to ids, ids to text
tokenizer_json  reads `tokenizer.json`
sentencepiece   reads SentencePiece's `tokenizer.model`
"""
