"""The backend "ipex": models quantized by ipex-llm, on Intel GPUs, and on CPUs for tests.

backend  the backend itself
model    loads, quantizes and saves models with ipex-llm
low_bit  which quantization runs on which device; ipex-llm's environment variables
"""
