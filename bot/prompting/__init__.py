"""From a conversation to token ids: chat formats and tokenizers.

formats         the chat format of a model: Llama 2's, its chat template, or none
llama2          Llama 2's chat format, token for token as Meta's reference code writes it
template        chat formats given by a Jinja chat template
jinja_template  renders a chat template in a sandbox, with placeholders for what people wrote
spans           tokenizes prompt text so that user input can never produce special tokens
tokenizer       a model's tokenizer: text to ids, ids to text, ids to a stream of text
tokenizer_json  reads and edits `tokenizer.json`
thinking        how a template writes what a model thinks before it answers
sentencepiece   converts SentencePiece's `tokenizer.model` to the content of a `tokenizer.json`
"""
