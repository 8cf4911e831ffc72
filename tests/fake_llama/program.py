"""The fake's program. It is run with a dict ``BEHAVIOUR``, which `write_fake_server` describes.

Its answer is the script's ids; where a prompt ends with the beginning of the script, the answer
goes on from there. Ids from `BYTE` on stand for one byte each, so that characters can span several
tokens: as the real server does, it sends no event while a character is incomplete, and the next
event names the last token alone.
"""

import http.server
import json
import os
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path
from typing import Any

BYTE = 3000
END = 2
"""The one end token that the fake itself has."""


class State:
    """What the program was told, and the answers that it is generating."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.folder = Path(told["folder"])
        self.script: list[int] = told.get("script", [*range(10, 30), END])
        self.active = 0
        self.lock = threading.Lock()


STATE: State


def piece(token: int) -> bytes:
    if token >= BYTE:
        return bytes([token - BYTE])
    return b"" if token == END else f"<{token}>".encode()


def complete(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as exc:
        return exc.reason != "unexpected end of data"
    return True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "local"

    def answer(self, body: object, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def allowed(self) -> bool:
        if self.headers["Authorization"] == "Bearer " + os.environ["LLAMA_API_KEY"]:
            return True
        self.answer({"error": {"message": "Invalid API Key"}}, 401)
        return False

    def do_GET(self) -> None:
        if self.path == "/health":
            if STATE.told.get("never_ready"):
                self.answer({"error": {"message": "Loading model"}}, 503)
            else:
                self.answer({"status": "ok"})
        elif self.allowed():
            self.answer({"model_ftype": "Q4_K - Medium", "active": STATE.active})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed():
            return
        if self.path == "/tokenize":
            shift, before = STATE.told.get("shift", 0), " " if STATE.told.get("space") else ""
            text = (before + body["content"]).encode()
            self.answer({"tokens": [BYTE + shift + byte for byte in text]})
            return
        warm_up = body["prompt"] == [1, 1]
        if not warm_up:
            with STATE.lock, (STATE.folder / "received.jsonl").open("a") as log:
                log.write(json.dumps(body) + "\n")
            if STATE.told.get("refuse"):
                self.answer({"error": {"message": STATE.told["refuse"], "code": 400}}, 400)
                return
        self.begin_stream()
        self.generate(body, warm_up=warm_up)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def say(self, fields: object) -> None:
        self.wfile.write(f"data: {json.dumps(fields)}\n\n".encode())

    def generate(self, body: dict[str, Any], *, warm_up: bool) -> None:
        with STATE.lock:
            STATE.active += 1
        try:
            if STATE.told.get("send") and not warm_up:
                self.wfile.write("".join(STATE.told["send"]).encode())
            else:
                self.write_answer(body, warm_up=warm_up)
        except OSError:
            self.close_connection = True  # the client closed it: an answer that was cancelled
        finally:
            with STATE.lock:
                STATE.active -= 1

    def write_answer(self, body: dict[str, Any], *, warm_up: bool) -> None:
        script, prompt = STATE.script, body["prompt"]
        start = max(k for k in range(len(script) + 1) if k == 0 or prompt[-k:] == script[:k])
        self.say_progress(len(prompt))
        made, text, sent, stop = 0, b"", 0, "limit"
        for token in script[start : start + body["n_predict"]]:
            time.sleep(0 if warm_up else STATE.told.get("seconds", 0))
            made += 1
            text += piece(token)
            if complete(text):
                content = text[sent:].decode("utf-8", "replace")
                self.say(
                    {"content": content, "tokens": [token], "stop": False, "tokens_predicted": made}
                )
                sent = len(text)
            if made == STATE.told.get("crash_after") and not warm_up:
                sys.stdout.write(STATE.told.get("crash", "GGML_ASSERT failed") + "\n")
                sys.stdout.flush()
                os._exit(134)
            if token == END:
                stop = "eos"
                break
        self.say(
            {
                "stop": True,
                "stop_type": stop,
                "tokens": [],
                "tokens_predicted": made,
                "timings": {"cache_n": 3},
            }
        )

    def say_progress(self, total: int) -> None:
        for _ in range(STATE.told.get("prefill", 1)):
            progress = {"total": total, "cache": 3, "processed": total, "time_ms": 1}
            self.say(
                {
                    "content": "",
                    "tokens": [0],
                    "stop": False,
                    "tokens_predicted": 0,
                    "prompt_progress": progress,
                }
            )
        self.wfile.write(b": ping\n\n")


class OnSocket(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    address_family = socket.AF_UNIX
    request_queue_size = 64

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)


def main(told: dict[str, Any]) -> None:
    global STATE
    STATE = State(told)
    if "signal" in told:
        os.kill(os.getpid(), told["signal"])
    said = {
        "--version": told.get("version", "version: 0.6.0-dev (build 11434, commit 1a2b3c4)"),
        "--help": told["help"],
        "--list-devices": "\n".join(["Available devices:", *told.get("devices", ["  (none)"])]),
    }
    if len(sys.argv) == 2 and sys.argv[1] in said:
        sys.stdout.write(said[sys.argv[1]] + "\n")
    else:
        serve()


def serve() -> None:
    (STATE.folder / "arguments.json").write_text(json.dumps(sys.argv[1:]))
    (STATE.folder / "pid").write_text(str(os.getpid()))
    for line in STATE.told.get("load", ()):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if (code := STATE.told.get("load_code")) is not None:
        if code < 0:
            os.kill(os.getpid(), -code)
        sys.exit(code)
    host = sys.argv[sys.argv.index("--host") + 1]
    server: socketserver.BaseServer
    if host.endswith(".sock"):
        server = OnSocket(host, Handler)  # type: ignore[arg-type]
    else:
        port = int(sys.argv[sys.argv.index("--port") + 1])
        server = http.server.ThreadingHTTPServer((host, port), Handler)
    server.serve_forever()


if __name__ == "__main__":
    main(globals()["BEHAVIOUR"])
