"""One line for each way in which a download fails.

The only module that knows the exceptions of huggingface_hub, and of the HTTP clients that it and
Parley use. Every line says what to do next.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import ModelError

RESUMES = "What has been downloaded is kept: the same command resumes from there."


class Interrupted(ModelError):
    """The download can be continued by the same command, if any of it has arrived."""


@contextmanager
def hub_faults(name: str) -> Iterator[None]:
    """Convert exceptions of huggingface_hub in the body to ModelErrors about the model `name`."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled as exc:
        raise ModelError(
            f"{name} cannot be downloaded: HF_HUB_OFFLINE is set. Unset it, or copy the model's "
            'folder here and name it in [model] name = "/path/to/it".'
        ) from exc
    except HfHubHTTPError as exc:
        code = exc.response.headers.get("X-Error-Code") or ""
        raise refused(name, exc.response.status_code, code, exc.server_message or "") from exc
    except (HTTPError, LocalEntryNotFoundError) as exc:
        raise unreachable(name, exc) from exc
    except OSError as exc:
        raise unwritable(name, exc) from exc


def refused(name: str, status: int, code: str, said: str = "") -> ModelError:
    """The Hub answered with an HTTP error. `code` is its header X-Error-Code (``GatedRepo``, …) and
    `said` its header X-Error-Message. Source:
    https://huggingface.co/docs/huggingface_hub/package_reference/utilities#http-errors"""
    if code == "GatedRepo":
        return _gated(name)
    if status == 401 and "credentials" in said.lower():
        return ModelError(
            f"The Hub does not accept the token: make a new one at {endpoint()}/settings/tokens "
            "and set HF_TOKEN to it."
        )
    if status == 403:
        return ModelError(
            f"The Hub does not let this token read {name}: give the token the right to read gated "
            f"repositories at {endpoint()}/settings/tokens, or use another one."
        )
    if status in (401, 404):
        return ModelError(
            f"The Hub has no model {name}, or it is private: correct the name, or set HF_TOKEN to "
            "a token that may read it."
        )
    if status == 429:
        return Interrupted("The Hub's rate limit is reached (HTTP 429): try again in some minutes.")
    return Interrupted(f"The Hub answers HTTP {status}: try again later.")


def _gated(name: str) -> ModelError:
    page = f"{endpoint()}/{name}"
    if has_token():
        return ModelError(
            f"{name} is gated and your account has no access to it yet: accept its terms at "
            f"{page}, and try again when access is granted."
        )
    return ModelError(
        f"{name} is gated: accept its terms at {page}, make a token at "
        f"{endpoint()}/settings/tokens, set HF_TOKEN to it and try again."
    )


def unreachable(name: str, exc: BaseException) -> ModelError:
    """There is no connection to the Hub, or it broke."""
    why = " ".join(str(exc).split())[:200] or type(exc).__name__
    return Interrupted(
        f"{endpoint()} cannot be reached for {name} ({why}): check the network, the proxy "
        "(HTTPS_PROXY) or HF_ENDPOINT."
    )


def unwritable(name: str, exc: OSError) -> ModelError:
    """A file of the cache cannot be written."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return Interrupted(
            f"The disk is full: make room for the rest of {name}, or set HF_HUB_CACHE to a folder "
            "on another disk."
        )
    where = exc.filename or "Hugging Face's cache"
    return ModelError(
        f"{where} cannot be written ({exc.strerror or exc}): get the permission to write there, or "
        "set HF_HUB_CACHE to another folder."
    )


def no_room(name: str, needed: int, free: int, where: Path) -> ModelError:
    """The disk is known to be too small before anything is downloaded. Sizes in bytes."""
    return ModelError(
        f"{name} needs {needed / 1e9:.1f} GB more in {where}, and only {free / 1e9:.1f} GB are "
        "free: make room, or set HF_HUB_CACHE to a folder on another disk."
    )


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, else huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def has_token() -> bool:
    """Whether there is an access token for the Hub: HF_TOKEN, or that of ``hf auth login``."""
    from huggingface_hub import get_token

    return get_token() is not None
