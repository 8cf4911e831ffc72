"""Converts Hugging Face models for the backends, and caches the converted models.

safetensors_file  reads weights, a few rows at a time
llama_config      reads config.json: the model's shape and its rotary frequencies
weight_formats    how a weight matrix is stored: 32 or 16 bits, or quantized to 8 or 4
llama_graph       the model as a graph of OpenVINO operations
convert           weights and graph to a folder in OpenVINO's format
gguf_file         a small model as a GGUF file, for the self-test of llama.cpp
model_cache       the folder of converted models; each model is converted once
file_lock         a lock between processes
"""
