"""The backend "openvino": OpenVINO GenAI with continuous batching, on Intel GPUs and CPUs.

backend  the backend itself
device   which of OpenVINO's devices is used
memory   the size of the KV cache
library  recognizes its format; imports OpenVINO without telemetry
"""
