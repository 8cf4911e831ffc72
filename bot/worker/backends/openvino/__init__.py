"""The backend "openvino": OpenVINO GenAI with continuous batching, on Intel GPUs and CPUs.

backend        the backend itself
device         which of OpenVINO's devices is used
source         finds or makes what is loaded: the routes to a model that OpenVINO runs
model_facts    the type of a model's weights, and the shape of its caches
joined         makes one model of the parts of a vision-language export
gguf_file      which GGUF files OpenVINO GenAI reads
exporter       exports models with optimum-intel, in an environment of its own
export_script  what runs in that environment
memory         the size of the KV cache
library        recognizes its format; imports OpenVINO without telemetry
"""
