"""The command line of llama-server, for the options of ``[model]``."""

from collections.abc import Sequence

from bot.worker.backends.llamacpp.binary import Server
from bot.worker.backends.llamacpp.device import Target
from bot.worker.backends.llamacpp.sizing import Sizes
from bot.worker.protocol import LoadError, LoadOptions

PREFILL_CHUNK = {"CPU": 256, "GPU": 1024}
"""Tokens of prompts in one step. Between steps other answers advance and cancels take effect, so
this is the smallest number that keeps the device busy."""

OWN = frozenset(
    {
        *("-m", "--model", "-mu", "--model-url", "-dr", "--docker-repo", "-hf", "-hfr"),
        *("--hf-repo", "-hff", "--hf-file", "-hft", "--hf-token", "--models-dir"),
        *("--models-preset", "-a", "--alias", "--host", "--port", "--reuse-port", "--api-key"),
        *("--api-key-file", "--api-prefix", "--ssl-key-file", "--ssl-cert-file", "-c"),
        *("--ctx-size", "-np", "--parallel", "-n", "--predict", "--n-predict", "-kvu"),
        *("--kv-unified", "-no-kvu", "--no-kv-unified", "--kv-unified-per-slot", "-ngl"),
        *("--gpu-layers", "--n-gpu-layers", "-dev", "--device", "--context-shift"),
        *("--no-context-shift", "--embedding", "--embeddings", "--rerank", "--reranking"),
        *("--pooling", "--ignore-eos", "-r", "--reverse-prompt", "--special", "-sp", "--version"),
        *("-h", "--help", "--usage", "--list-devices", "--completion-bash", "-cl"),
        *("--cache-list", "--log-disable", "--log-file", "--sleep-idle-seconds"),
        *("--log-prompts-dir", "--slot-save-path", "--path", "--tools", "--mmproj"),
        # At higher levels message texts are in the log, and in the reason why a server ended.
        *("--mmproj-url", "-v", "--verbose", "--log-verbose", "-lv", "--verbosity"),
        *("--log-verbosity",),
    }
)
"""Options that Parley sets itself or that would change what its requests mean. The others are the
owner's."""


def server_arguments(
    options: LoadOptions, server: Server, target: Target, sizes: Sizes, address: Sequence[str]
) -> "list[str]":
    """The arguments after the program's name. `address` are those that say where it listens.
    Raises LoadError for an argument of the settings that Parley sets itself."""
    _check(options.arguments)
    wanted = [
        *("--model", options.model),
        *address,
        *("--ctx-size", str(sizes.slots * sizes.slot_context)),
        *("--parallel", str(sizes.slots)),
        *("--batch-size", str(PREFILL_CHUNK["GPU" if target.gpu else "CPU"])),
        "--no-context-shift",
        *_device(options, target),
    ]
    # What an older build lacks is left out: it only makes the server quieter or faster.
    optional = (
        ("--no-kv-unified",),
        ("--cache-ram", str(sizes.prompt_cache >> 20)),
        ("--threads-http", str(options.max_parallel + 4)),
        ("--offline",),
        ("--no-mmproj",),
        ("--no-ui" if "--no-ui" in server.options else "--no-webui",),
        ("--no-log-timestamps",),
        ("--no-slots",),
        # The model's own is applied by the bot's process; the server is not to fail over it.
        ("--chat-template", "chatml"),
    )
    for argument in optional:
        if argument[0] in server.options:
            wanted += argument
    if "--no-log-timestamps" in server.options:  # since levels are those of 4 = trace, 5 = debug
        wanted += ("--log-verbosity", "4")
    return [*wanted, *options.arguments]


def _device(options: LoadOptions, target: Target) -> "tuple[str, ...]":
    if target.gpu is None:
        return ("--device", "none", "--gpu-layers", "0")
    layers = "auto" if options.gpu_layers < 0 else str(options.gpu_layers)
    return ("--device", target.gpu.name, "--gpu-layers", layers)


def _check(arguments: Sequence[str]) -> None:
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in OWN:
            raise LoadError(
                f"[model.llamacpp] arguments: {name} is set by Parley itself; remove it (context, "
                "max_parallel, device and gpu_layers are settings of their own)"
            )
