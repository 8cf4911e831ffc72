"""Hugging Face model folders for the OpenVINO back end.

safetensors_file  reads weights, a few rows at a time
llama_config      reads config.json: the model's shape and its rotary frequencies
weight_formats    how a weight matrix is stored: 32, 16, 8 or 4 bits
llama_graph       the model as OpenVINO operations
conversion        weights and graph into an OpenVINO folder
model_cache       which converted folder belongs to which model; one conversion at a time
"""
