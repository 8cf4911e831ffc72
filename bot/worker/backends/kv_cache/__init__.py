"""Bookkeeping of KV caches, so that a prompt's cached prefix needs no prefill. No tensors here.

batch_slots   which request's tokens are in which slot of a batched KV cache (torch)
prefix_cache  KV caches of ended answers, for prompts with the same prefix (ipex)
block_index   which blocks a paged KV cache should still hold (openvino)
"""
