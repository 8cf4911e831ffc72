"""The generator of Parley's small demonstration model: corpus, tokenizer, training, evaluation.

Nothing here is needed to run Parley; `docs/demo-model.md` says how to rebuild the shipped weights.
"""
