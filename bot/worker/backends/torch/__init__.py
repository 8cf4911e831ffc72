"""The backend "torch": models of transformers on Intel GPUs (xpu), NVIDIA GPUs (cuda) and CPUs.

backend         the backend itself: continuous batching, chunked prefill
answer          an answer that is being generated, and its row in a batch
loading         loads a model
device          the device, the precision, and how many context windows fit its memory
layer_kinds     attention masks and positions: windows, RoPE; which models cannot be run
low_bit         quantization to 8 and 4 bits with torchao
slot_cache      the batched KV cache
forward         forward passes of the model over the cache
sampling        samples tokens on the CPU

On GPUs:
graphs          captures work on the device as graphs
fixed_steps     decodes in steps of few shapes, which can be captured
fixed_reads     reads short prompts in passes of few shapes
device_sampling samples tokens on the device
compiling       compiles decoding steps in the background
"""
