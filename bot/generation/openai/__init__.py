"""A model behind an OpenAI-compatible server: vLLM, OpenVINO Model Server, llama.cpp, SGLang …

For when one machine is not enough: several replicas may be named. The server formats and tokenises
by itself; what is sent to it is the conversation as messages.
"""

from bot.generation.openai.generator import OpenAIGenerator
from bot.generation.openai.options import ServerOptions

__all__ = ["OpenAIGenerator", "ServerOptions"]
