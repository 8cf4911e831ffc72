"""The process of llama-server: started, waited for, asked, ended.

It listens on a Unix socket in a folder that only this user can enter, or, on Windows, on a free
port of 127.0.0.1. A key that is drawn for this process and passed in its environment keeps other
users of the machine out in both cases.
"""

import atexit
import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.worker.backends.llamacpp import launch
from bot.worker.backends.llamacpp.binary import INSTALL
from bot.worker.exit_text import exit_text
from bot.worker.processor import processor_features
from bot.worker.protocol import DoesNotFit, LoadError, Progress

SILENCE_SECONDS = 900.0
"""While the model loads: without a line in the log for so long, the server is considered hung."""
QUERY_SECONDS = 60.0
"""Time limit of a request other than a completion."""
_POLL_SECONDS = 0.1
_LINES = 60
"""Lines of the log that are kept."""
_LONGEST_SOCKET_PATH = 100
"""Bytes: sun_path of unix(7) has 108, on macOS 104."""
_PREFIX, _SOCKET = "parley-llama-", "server.sock"

OUT_OF_MEMORY = (
    "out of memory",
    "failed to allocate",
    "unable to allocate",
    "bad_alloc",
    "not enough memory",
    "outofdevicememory",
    "outofhostmemory",
    "out_of_device_memory",
    "out_of_host_memory",
    "out_of_resources",
    "allocatememory",
)
"""Parts of the lines with which llama.cpp and the GPU runtimes report that memory ran out, in lower
case."""
_PHASES = (
    ("loading model tensors", "Loading the model"),
    ("constructing llama_context", "Allocating the KV cache"),
    ("warming up", "Warming up"),
)


class ServerError(RuntimeError):
    """A request failed, with the reason in one line."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: "float | None") -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class LlamaServer:
    """One llama-server. Its methods may be called from any thread, except `start` and `close`."""

    def __init__(self, path: str) -> None:
        self.lines: deque[str] = deque(maxlen=_LINES)
        """The last lines of its log."""
        self.memory_ran_out = ""
        """The first line of the log that says so; "" for none."""
        self.offloaded = ""
        """How many layers are on the GPU: "25/33"; "" where the log does not say."""
        self._path = path
        self._key = secrets.token_urlsafe(32)
        self._folder = _make_folder()
        self._socket = _socket_path(self._folder)
        self._port = 0 if self._socket else _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: threading.Thread | None = None
        self._logged_at = 0.0
        self._phase = ""

    # ------------------------------------------------------------ the process

    @property
    def address(self) -> "tuple[str, ...]":
        """The arguments that say where it listens."""
        if self._socket:
            return ("--host", self._socket)
        return ("--host", "127.0.0.1", "--port", str(self._port))

    @property
    def pid(self) -> int:
        """The process id; 0 before the start. On Linux that of llama-server itself, elsewhere of
        the program that watches it."""
        return self._process.pid if self._process else 0

    def start(self, arguments: Sequence[str]) -> None:
        """Start the process; it ends with this one. To be called from the main thread: Linux ties
        it to the thread that starts it. Raises LoadError."""
        command = [sys.executable, "-I", "-S", str(launch.__file__), str(os.getpid())]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - Parley's own script
                [*command, self._path, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {"LLAMA_API_KEY": self._key},
                # Ctrl+C reaches every process of a group; the worker alone decides when to end.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as exc:
            raise LoadError(f"{self._path} cannot be started: {exc.strerror}") from exc
        atexit.register(self.close)
        self._logged_at = time.monotonic()
        self._log = threading.Thread(target=self._read_log, name="llama-server log", daemon=True)
        self._log.start()

    def wait_until_ready(self, model: str, report: Progress) -> None:
        """Wait until the model is loaded. `report` is called at each phase. Raises LoadError, and
        DoesNotFit where memory ran out."""
        reported = ""
        while not self._is_ready():
            if self.exit_code() is not None:
                raise self._failed(model)
            if time.monotonic() - self._logged_at > SILENCE_SECONDS:
                raise LoadError(
                    f"{self._path} hung while it loaded {model}: it logged nothing for "
                    f"{SILENCE_SECONDS:g} seconds.{self.last_output()}"
                )
            if self._phase != reported:
                reported = self._phase
                report(reported, 0, 0)
            time.sleep(_POLL_SECONDS)

    def exit_code(self, wait: float = 0.0) -> "int | None":
        """The exit code of a server that has ended, or ends within `wait` seconds; negative for a
        signal. None while it runs."""
        if self._process is None:
            return None
        try:
            code = self._process.wait(wait) if wait else self._process.poll()
        except subprocess.TimeoutExpired:
            return None
        if code is not None and code > 128 and sys.platform not in ("linux", "win32"):
            return 128 - code  # `launch.watch` says so of a signal
        return code

    def close(self) -> None:
        """End the process and delete its socket. Does nothing the second time."""
        atexit.unregister(self.close)
        if self._process is not None:
            if self._process.stdin:
                self._process.stdin.close()  # tells the watching program, where there is one
            if sys.platform == "linux":
                self._process.kill()
            self._process.wait()
        if self._log is not None:
            self._log.join()  # the pipe has ended with the process
        shutil.rmtree(self._folder, ignore_errors=True)

    def last_output(self, count: int = 3) -> str:
        """A sentence with the last lines of the log, or "" without any."""
        if self._log is not None and self.exit_code() is not None:
            self._log.join(timeout=1.0)  # it has more to read
        lines = " | ".join(list(self.lines)[-count:])
        return f" Its last output: {lines[-400:]}" if lines else ""

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for data in output:
                line = data.decode("utf-8", "replace").rstrip()
                self._logged_at = time.monotonic()
                if line and "api_key" not in line:  # it shows a part of the key
                    self._note(line)
                    sys.stderr.write(f"llama-server: {line}\n")

    def _note(self, line: str) -> None:
        """Keep the line, and what it says about loading and memory."""
        self.lines.append(line)
        lower = line.lower()
        if not self.memory_ran_out and any(said in lower for said in OUT_OF_MEMORY):
            self.memory_ran_out = line
        if "offloaded" in line and "layers to GPU" in line:
            self.offloaded = line.partition("offloaded ")[2].partition(" ")[0]
        self._phase = next((text for said, text in _PHASES if said in line), self._phase)

    def _failed(self, model: str) -> LoadError:
        """Why it ended while it loaded."""
        output = self.last_output()  # waits for the rest of the log
        if self.memory_ran_out:
            return DoesNotFit(
                f"{model} does not fit into memory ({self.memory_ran_out[:200]}): choose a smaller "
                "[model] context or max_parallel, fewer gpu_layers, or a smaller model"
            )
        for line in reversed(self.lines):
            if "unknown model architecture" in line:
                what = line.partition("unknown model architecture")[2].strip(" :")
                return LoadError(
                    f"{model} is of a kind that {self._path} does not know ({what}): update it, or "
                    "choose another model"
                )
        reasons = [line for line in self.lines if "error" in line.lower() or "failed" in line]
        said = f": {reasons[0].strip()[:300]}" if reasons else f".{output}"
        code = self.exit_code() or 0
        how = f"{model} cannot be loaded by {self._path} ({exit_text(code)}){said}"
        # So end builds of some compilers (`parley.environments.llamacpp_build`).
        if code == -signal.SIGSEGV and "amx_int8" in (processor_features() or ()):
            how = (
                f"{how.rstrip('.')}. This processor has AMX, with which some builds crash: build "
                f"one with {INSTALL} (and the same --gpu as before), or set [model.llamacpp] "
                'arguments = ["--no-repack"]'
            )
        return LoadError(how)

    # ------------------------------------------------------------ requests

    def connect(self, timeout: "float | None" = None) -> http.client.HTTPConnection:
        """A new connection, not open yet. `timeout` is in seconds; None waits for ever."""
        if self._socket:
            return _UnixConnection(self._socket, timeout)
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)

    def headers(self) -> "dict[str, str]":
        """What each request carries."""
        return {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Connection": "close",
        }

    def get(self, path: str) -> "dict[str, Any]":
        """The JSON object at `path`. Raises ServerError."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: "dict[str, Any]") -> "dict[str, Any]":
        """The JSON object that answers `body`. Raises ServerError."""
        return self._ask("POST", path, json.dumps(body).encode())

    def tokenize(self, text: str) -> "list[int]":
        """The ids of a text, in which nothing is a special token. Raises ServerError."""
        answer = self.post(
            "/tokenize", {"content": text, "add_special": False, "parse_special": False}
        )
        return [int(token) for token in answer.get("tokens", ())]

    def _ask(self, method: str, path: str, body: "bytes | None") -> "dict[str, Any]":
        with contextlib.closing(self.connect(QUERY_SECONDS)) as connection:
            try:
                connection.request(method, path, body, self.headers())
                with connection.getresponse() as response:
                    answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as exc:
                raise ServerError(f"llama-server did not answer {path}: {exc!r:.200}") from exc
        if response.status != http.client.OK or not isinstance(answer, dict):
            raise ServerError(f"llama-server refused {path}: {error_text(answer)}")
        return answer

    def _is_ready(self) -> bool:
        """Whether ``/health`` says that the model is loaded; it answers 503 before."""
        try:
            return self.get("/health").get("status") == "ok"
        except ServerError:
            return False


def error_text(answer: object) -> str:
    """The message of an error as the server writes it (``{"error": {"message": …}}``), one line."""
    error = answer.get("error", answer) if isinstance(answer, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(text or answer).split())[:300]


def _make_folder() -> Path:
    """A new folder that only this user can enter. Those that killed processes left are deleted."""
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if sys.platform != "win32" and _is_abandoned(old):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _is_abandoned(folder: Path) -> bool:
    """Whether no server listens in the folder, and the worker that made it is gone."""
    owner = folder.name[len(_PREFIX) :].partition("-")[0]
    if not owner.isdigit():
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        pass
    except OSError:
        return False
    else:
        return False
    # In a container the process ids of others are not seen, but /tmp may be shared.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.connect(str(folder / _SOCKET))
        except (ConnectionRefusedError, FileNotFoundError):
            return True
        except OSError:
            return False
    return False


def _socket_path(folder: Path) -> str:
    """The path of the Unix socket; "" where this system has none, or the path is too long."""
    path = str(folder / _SOCKET)
    fits = len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH
    return path if fits and hasattr(socket, "AF_UNIX") and sys.platform != "win32" else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
