"""The openvino back end: OpenVINO GenAI's continuous batching, on GPUs and CPUs of Intel."""
