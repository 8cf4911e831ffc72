"""The engine: questions in, answers out, in order and fairly.

engine    where a question enters: checks, the store, the queue
options   what the configuration says to the engine, and the engine's status
admission which questions may pass
changes   questions that are edited or deleted
meant     which answer a button or a command means
running   the answers that wait or are being written
job       one answer's life in memory
runner    the steps of one answer: queue, prompt, model, record, show
queue     fair queueing over conversations and people
window    the context window: which prompt fits, and whether a question does
ahead     packing a prompt while its question is being recorded
packing   chooses the exchanges that fit a number of tokens
models    the default model and those on further servers; which one answers where
variables what a system prompt's {date}, {channel} … are
surroundings  what a thread was opened on, and what people said around a question
settings  a thread's settings over its channel's
summaries summaries of what was said: the queue, the quota, crashes
summarizing  how a text that is too long for one prompt is summed up in parts
transcript   what was said in a place
resume    a stream that goes on when the worker process is lost
"""

from bot.engine.engine import Engine
from bot.engine.options import EngineOptions, FurtherStatus, Status

__all__ = ["Engine", "EngineOptions", "FurtherStatus", "Status"]
