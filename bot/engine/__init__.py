"""The engine: questions in, answers out, in order and fairly.

engine    where a question enters: checks, the store, the queue
job       one answer's life in memory
runner    the steps of one answer: queue, prompt, model, record, show
queue     fair queueing over conversations and people
window    the context window: which prompt fits, and whether a question does
packing   chooses the exchanges that fit a number of tokens
models    the default model and those on further servers; which one answers where
variables what a system prompt's {date}, {channel} … are
settings  a thread's settings over its channel's
resume    a stream that goes on when the worker process is lost
"""

from bot.engine.engine import Engine, EngineOptions, FurtherStatus, Status

__all__ = ["Engine", "EngineOptions", "FurtherStatus", "Status"]
