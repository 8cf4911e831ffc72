"""The worker: the process that holds the model and runs inference.

`bot.generation` starts it as ``python …/bot/worker/__main__.py``, perhaps under an interpreter in
which nothing of Parley is installed ([model] python). Everything in this package therefore runs
on Python 3.10, imports nothing of the project but `bot.worker`, and imports the libraries of one
backend only when a model is loaded.

    frames      messages on a pipe: a length, then JSON
    protocol    the messages and their fields: load options, requests, steps, how an answer ended
    channel     the worker's ends of the two pipes, heartbeats, exit when the bot is gone
    process     the worker from start to exit code: load the model, then serve requests
    loop        runs decoding steps and applies the commands that arrive between two steps
    memory      how much memory this machine has available
    backends    the ways to run a model: OpenVINO, torch, ipex-llm, llama.cpp, and a stand-in
    gguf        reads the headers of GGUF files, for the backends and for `bot.models`
    conversion  Hugging Face models converted (and quantized) for a backend, and their cache

What else is asked of the worker's interpreter (`__main__.COMMANDS`):

    probe       which libraries and devices a backend finds
    logits      compares a device's logits with the CPU's
    compare     compares a model's quantizations with its weights in 16 bits
    alone       generates without Parley around it
"""
