"""Converts Hugging Face models for the backends, and caches the converted models.

architectures     which architectures are known (`MODEL_TYPES`), and how to read their config.json
config_reader     what the config.json of every architecture has, and which entries are not known
decoder_config    the one description of a decoder that all of them map to
rope              rotary position encoding: the frequencies, and how they are scaled
unsupported       folders that hold no chat model, or none that can be converted
decoder_tensors   which tensors a decoder has, and where a checkpoint holds them
safetensors_file  reads weights, a few rows at a time
weight_formats    how a weight matrix is stored: 32 or 16 bits, or quantized to 8 or 4
decoder_graph     the model as a graph of OpenVINO operations
attention_mask    the part of the graph that says which tokens attend to which
convert           weights and graph to a folder in OpenVINO's format
gguf_file         a small model as a GGUF file, for the self-test of llama.cpp
model_cache       the folder of converted models; each model is converted once
file_lock         a lock between processes
"""
