"""GGUF files as every part of Parley reads them: the bot, the doctor, and the backends.

header     reads the header of a file within bounds: metadata and tensors, never weights
metadata   what the metadata say of a model: architecture, quantization, dimensions, KV cache
files      which files belong to one model, by their names
"""
