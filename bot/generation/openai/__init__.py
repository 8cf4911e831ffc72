"""A model behind OpenAI-compatible servers: Ollama, LM Studio, llama.cpp, vLLM and others.

Several replicas may be named, for when one machine is not enough. The servers apply the chat
template and tokenize; what is sent to them is the conversation as messages.

generator   the `Generator`: retries, streams, and reports usage
replicas    which server a conversation goes to, and health checks
payload     request bodies, and how the text of a response joins a continued answer
parameters  leaves out what a server refuses
client      HTTP requests, with bounds of time and size
events      reads the stream of a response (server-sent events)
answer      where an answer ends, its length limit and usage
thinking    whether a server's model thinks
counting    counts the tokens of a conversation, by the server or as an estimate
listing     which models a server has, and which one is taken
windows     the context window that a server gives the model
trial       asks each server a tiny question, for ``parley doctor``
"""

from bot.generation.openai.generator import OpenAIGenerator, ServerOptions
from bot.generation.openai.trial import Trial, try_servers

__all__ = ["OpenAIGenerator", "ServerOptions", "Trial", "try_servers"]
