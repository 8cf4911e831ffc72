"""The types of settings that need more than a number or a text: what they accept, in which form.

`bot.config` uses them, and `bot.config_errors` makes the error messages from them.
"""

from ipaddress import ip_network
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bot.config_errors import NAMES, Form
from bot.files import parse_json

BackendName = Literal["auto", "openvino", "torch", "ipex", "llamacpp", "openai", "scripted"]
LowBit = Literal[
    "auto", "sym_int4", "asym_int4", "sym_int5", "asym_int5", "sym_int8", "nf4", "fp4", "fp8",
    "mixed_fp4", "mixed_fp8", "fp16", "bf16", "fp32",
]  # fmt: skip


def _list(value: object) -> object:
    """A text as a list: a JSON array, else its parts between commas. Anything else stays as it is.

    Environment variables are texts; a file may have its lists written so too."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return parse_json(value.encode("utf-8", "replace"))
    return [part.strip() for part in value.split(",") if part.strip()]


def _numbers_as_text(value: object) -> object:
    """Ids may be written as numbers."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return [str(part) if isinstance(part, int) else part for part in value]
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_list)]

DiscordId = Annotated[
    str,
    Form(
        "[0-9]{1,20}",
        "an id of Discord",
        "a number, which Copy ID in Discord's menus gives when Developer Mode is on",
    ),
]
DiscordIds = Annotated[
    frozenset[DiscordId],
    BeforeValidator(_numbers_as_text),
    BeforeValidator(_list),
    Field(examples=[["80351110224678912", "197038439483310086"]]),
]

SlackId = Annotated[
    str,
    Form(
        "[A-Z][A-Z0-9]{1,20}",
        "an id of Slack",
        "an id, which the details of a profile or a channel in Slack give at their end",
    ),
]
SlackIds = Annotated[
    frozenset[SlackId],
    BeforeValidator(_numbers_as_text),
    BeforeValidator(_list),
    Field(examples=[["C024BE91L", "U024BE7LH"]]),
]


def _beginning(*schemes: str) -> Form:
    return Form(
        rf"(({'|'.join(schemes)})://[^\s/]+(/\S*)?)?",
        "an address",
        f"one that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}",
    )


_without_slash = AfterValidator(lambda address: address.rstrip("/"))
WebAddress = Annotated[str, _beginning("https", "http"), _without_slash]
WebSocketAddress = Annotated[str, _beginning("wss", "ws"), _without_slash]

_PORT = r"(6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]?\d{1,4})"
ListenAddress = Annotated[
    str,
    Form(
        rf"((\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):{_PORT})?",
        "an address with a port",
        "one of this computer's addresses, a colon and a port, an IPv6 address in brackets",
    ),
    Field(examples=["127.0.0.1:8600"]),
]


def _is_network(text: str) -> str:
    ip_network(text, strict=False)
    return text


Networks = Annotated[
    tuple[
        Annotated[
            str,
            Form(
                r"[0-9A-Fa-f:.]+(/\d{1,3})?",
                "an IP address or a network",
                "an IP address, or a network such as 10.0.0.0/8",
            ),
            AfterValidator(_is_network),
        ],
        ...,
    ],
    BeforeValidator(_list),
    Field(examples=[["127.0.0.1"]]),
]
HostNames = Annotated[
    tuple[
        Annotated[
            str,
            Form(
                r"[A-Za-z0-9._:-]+",
                "a host name",
                "a name without https:// and without a port, such as parley.example.org",
            ),
        ],
        ...,
    ],
    BeforeValidator(_list),
    Field(examples=[["parley.example.org"]]),
]
PasswordHash = Annotated[
    SecretStr,
    Form(
        r"(\$argon2(id|i|d)\$\S+)?",
        "the hash of a password",
        "the text that `parley web password` prints, which begins with $argon2id$",
    ),
]

Device = Annotated[
    str,
    Form(
        r"auto|cpu|gpu(\.\d+)?|xpu(:\d+)?|cuda(:\d+)?",
        "a device",
        '"auto", "cpu", "gpu" or "gpu.1" (openvino, llamacpp), "xpu" (torch, ipex) or "cuda" '
        "(torch)",
    ),
    Field(examples=["gpu"]),
]


VariableNames = Annotated[
    tuple[
        Annotated[
            str,
            Form(
                r"[^=\s\x00-\x1f]+",
                "a variable's name",
                "the name of an environment variable, without its value",
            ),
        ],
        ...,
    ],
    BeforeValidator(_list),
    Field(examples=[["NEOReadDebugKeys"]]),
]


def _is_time_zone(name: str) -> str:
    if name:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError) as exc:  # OSError: a folder of zones
            raise ValueError("not a time zone") from exc
    return name


TimeZone = Annotated[
    str,
    Form(
        r"([A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2})?",
        "a time zone",
        "a name of the IANA's list, or nothing for this computer's own",
    ),
    AfterValidator(_is_time_zone),
    Field(examples=["Europe/Berlin"]),
]

ModelName = Annotated[
    str,
    Form(
        r"(?!default$)[a-z0-9]+([._-][a-z0-9]+){0,7}",
        "a model's name",
        NAMES,
    ),
    Field(max_length=32),
]
"""The name of a table ``[models.NAME]``. Variables are read in small letters, and two underscores
divide their parts."""

FilePath = Annotated[
    str,
    Form(
        r"[^\x00-\x1f]*",
        "a path",
        r"a text without control characters: in single quotes, 'C:\temp', a backslash stays one",
    ),
]
