"""The logarithms of the probabilities that llama-server computes after each token of a text: for
the self-test."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.worker.backends.llamacpp.arguments import server_arguments
from bot.worker.backends.llamacpp.binary import find_server, inspect_server
from bot.worker.backends.llamacpp.device import choose_device
from bot.worker.backends.llamacpp.server import LlamaServer
from bot.worker.backends.llamacpp.sizing import Sizes, padded
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.gguf_file import write_gguf
from bot.worker.protocol import LoadOptions

Logarithms = npt.NDArray[np.float32]
"""[tokens, vocabulary]"""


def token_logarithms(asked: "dict[str, Any]") -> "tuple[str, list[Logarithms]]":
    """The device's title, and an array for each sequence of ids. `asked` is the request of
    `bot.worker.logits`. Raises LoadError and ServerError."""
    longest = max(map(len, asked["sequences"])) + 1
    folder, file = Path(asked["model"]), Path(asked["scratch"]) / "demo.gguf"
    write_gguf(folder, file, padded(longest))
    options = LoadOptions("llamacpp", str(file), asked["device"], server=asked["server"])
    binary = inspect_server(find_server(options.server))
    target = choose_device(binary, options.device)
    server = LlamaServer(binary.path)
    options = replace(options, context=longest, max_parallel=1)
    try:
        sizes = Sizes(1, padded(longest), 0)
        server.start(server_arguments(options, binary, target, sizes, server.address))
        server.wait_until_ready(options.model, lambda *_: None)
        vocab = read_config(folder).vocab
        return target.title, [_of(server, ids, vocab) for ids in asked["sequences"]]
    finally:
        server.close()


def _of(server: LlamaServer, ids: "list[int]", vocab: int) -> Logarithms:
    """Each prefix is a request of its own: the server has all but one token in its cache."""
    found = np.empty((len(ids), vocab), np.float32)
    for length in range(1, len(ids) + 1):
        answer = server.post(
            "/completion",
            {
                "prompt": ids[:length],
                "n_predict": 1,
                "n_probs": vocab,
                "temperature": 0.0,
                "samplers": ["temperature"],
                "cache_prompt": True,
                "response_fields": ["completion_probabilities"],
            },
        )
        (position,) = answer["completion_probabilities"]
        for token in position["top_logprobs"]:
            found[length - 1, token["id"]] = token["logprob"]
    return found
