"""The models on this machine: downloading, finding, listing and removing them.

folder          what a model's folder says of it: context window, special tokens, chat template
special_tokens  the special and added tokens that a folder declares beside its tokenizer
json_values     values in a model's JSON files, any of which may be of the wrong type
gguf            what a GGUF file says of its model: the same (`bot.worker.gguf` reads the file)
gguf_ends       the texts of tokens that always end an answer
gguf_files      which of a repository's GGUF files make up a model
find            which folder `[model] name` means; Hugging Face's cache
repository      the small files and the listing that tell what a model is, of a folder or at the Hub
kind            what kind of model that is, and what would run it
unsuited        what nothing runs, and the way that works instead
catalogue       some models that people run, with sizes and sources (catalogue.toml)
machine         a machine's memory and GPUs
recommend       the models of the catalogue that fit a machine
choose          which backend, device and interpreter the settings mean
hub             a model's entry at the Hugging Face Hub, and which of its files are needed
pull            downloads a model into Hugging Face's cache
download        downloads one large file, resuming after interruptions
errors          one line for each way in which a download fails
installed       lists the models on this machine, and removes them
converted       lists the converted models in the cache, and which of them are stale

Downloads are kept in Hugging Face's own cache, so that its tools see them and Parley sees theirs.
No module here loads a model.
"""
