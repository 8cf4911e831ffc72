"""The ipex back end: ipex-llm's low-bit models, on Intel GPUs."""
