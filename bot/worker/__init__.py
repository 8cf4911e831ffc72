"""The process that holds the model.

It is started by `bot.generation` as ``python …/bot/worker/__main__.py`` and may run under an
interpreter that has nothing of Parley installed: everything below this package imports the
standard library and, once a model is loaded, the libraries of one back end. It must work on
Python 3.10, which some of those libraries need.

    frames    messages on a pipe: a length, then JSON
    protocol  what the messages say
    channel   the worker's ends of the pipes, heartbeats, the parent's death
    loop      one thread that steps the model and heeds commands between two steps
    backends  one module for each way to run a model
    models    model folders: safetensors, GGUF, the cache of converted models
"""
