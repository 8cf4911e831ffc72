"""The backend "torch": models of transformers on Intel GPUs (xpu), NVIDIA GPUs (cuda) and CPUs.

backend     the backend itself: continuous batching, chunked prefill
device      the device, the precision, and how many context windows fit its memory
low_bit     quantization to 8 and 4 bits with torchao
slot_cache  the batched KV cache
sampling    chooses tokens from logits
"""
