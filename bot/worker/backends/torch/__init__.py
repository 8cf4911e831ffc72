"""The backend "torch": models of transformers on Intel GPUs (xpu), NVIDIA GPUs (cuda) and CPUs.

backend     the backend itself: continuous batching, chunked prefill
device      the device, the precision, and how many context windows fit its memory
layer_kinds attention masks and positions: windows, RoPE; which models cannot be run
low_bit     quantization to 8 and 4 bits with torchao
slot_cache  the batched KV cache
sampling    chooses tokens from logits
"""
