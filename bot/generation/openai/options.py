"""Which servers to ask, and how."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The names are those of ``[model.openai]`` in the settings."""

    base_urls: tuple[str, ...]
    """Each ends where ``/chat/completions`` begins: ``http://10.0.0.2:8000/v1``."""
    model: str = ""
    """The server's name of the model; "" is the first that it lists."""
    api_key: str = field(default="", repr=False)
    context: int = 0
    """Tokens that prompt and answer may hold together; 0 is what the server says, else 4,096."""
    connect_seconds: float = 5.0
    silence_seconds: float = 120.0
    """The longest that a server may say nothing in the middle of an answer."""
    health_seconds: float = 10.0
    """Between two questions to each server whether it is there. One that failed gets no answers to
    write until it has answered such a question, unless no other is left."""
