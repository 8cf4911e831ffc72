"""A Hugging Face Hub on this machine, as far as downloading a model needs one; for tests.

The API: https://huggingface.co/docs/hub/api. Large files are redirected to a storage server of
another origin, as the Hub does.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

NAME = "meta-llama/Tiny-chat-hf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A hub with one model. What it is told to do wrong, it does."""

    files: dict[str, bytes]
    large: frozenset[str] = frozenset({"model.safetensors"})
    commit: str = COMMIT
    token: str = ""
    """The token that opens the model; "" opens it to all."""
    gated: bool = False
    status: int = 0
    """Answer everything so."""
    break_after: list[int] = field(default_factory=list)
    """Break off the next downloads of large files after so many bytes."""
    ignore_ranges: bool = False
    damage: bool = False
    ranges: list[str] = field(default_factory=list)
    """What downloads of large files asked for; "" is all."""
    tokens_at_storage: list[str] = field(default_factory=list)
    sent: int = 0
    """Bytes of large files."""
    url: str = ""
    storage_url: str = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, files: dict[str, bytes], **facts: object) -> AsyncIterator[Self]:
        hub = cls(files, **facts)  # type: ignore[arg-type]
        api, storage = web.Application(), web.Application()
        api.router.add_get("/api/models/{org}/{name}/revision/{revision}", hub._model)
        api.router.add_get("/api/models/{org}/{name}/tree/{revision}", hub._tree)
        api.router.add_get("/{org}/{name}/resolve/{revision}/{path:.+}", hub._resolve)
        storage.router.add_get("/{path:.+}", hub._storage)
        runners = [web.AppRunner(app, shutdown_timeout=0.1) for app in (api, storage)]
        urls = []
        for runner in runners:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            urls.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        hub.url, hub.storage_url = urls
        try:
            yield hub
        finally:
            for runner in runners:
                await runner.cleanup()

    def oid(self, path: str) -> str:
        """What the Hub calls the file: a SHA-256 for large ones, git's id for others."""
        data = self.files[path]
        if path in self.large:
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

    def _refusal(self, request: web.Request, *, file: bool) -> web.Response | None:
        said = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.status:
            return web.Response(status=self.status)
        if said == "expired":
            headers = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return web.json_response({"error": "Invalid"}, status=401, headers=headers)
        if f"{request.match_info['org']}/{request.match_info['name']}" != NAME:
            return web.json_response(
                {"error": "Repository not found"},
                status=401,
                headers={"X-Error-Code": "RepoNotFound"},
            )
        if self.gated and file and said != self.token:
            status = 403 if said else 401
            return web.Response(status=status, headers={"X-Error-Code": "GatedRepo"})
        return None

    async def _model(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request, file=False):
            return refusal
        siblings = [
            {
                "rfilename": path,
                "size": len(data),
                "blobId": "0" * 40 if path in self.large else self.oid(path),
                **({"lfs": self._lfs(path)} if path in self.large else {}),
            }
            for path, data in self.files.items()
        ]
        facts = {"id": NAME, "modelId": NAME, "sha": self.commit, "siblings": siblings}
        return web.json_response(facts)

    async def _tree(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request, file=False):
            return refusal
        entries = [
            {
                "type": "file",
                "path": path,
                "size": len(data),
                "oid": "0" * 40 if path in self.large else self.oid(path),
                **({"lfs": self._lfs(path)} if path in self.large else {}),
            }
            for path, data in self.files.items()
        ]
        return web.json_response(entries)

    def _lfs(self, path: str) -> dict[str, object]:
        oid = self.oid(path)
        return {"oid": oid, "sha256": oid, "size": len(self.files[path]), "pointerSize": 134}

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request, file=True):
            return refusal
        path = request.match_info["path"]
        if path not in self.files:
            return web.Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": self.commit, "ETag": f'"{self.oid(path)}"'}
        if path not in self.large:
            return web.Response(body=self.files[path], headers=headers)
        headers |= {
            "X-Linked-ETag": f'"{self.oid(path)}"',
            "X-Linked-Size": str(len(self.files[path])),
            "Location": f"{self.storage_url}/{path}",
        }
        return web.Response(status=302, headers=headers)

    async def _storage(self, request: web.Request) -> web.StreamResponse:
        self.tokens_at_storage.append(request.headers.get("Authorization", ""))
        asked = request.headers.get("Range", "")
        self.ranges.append(asked)
        data = self.files[request.match_info["path"]]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if self.ignore_ranges:
            start = 0
        body = data[start:]
        if self.damage:
            body = bytes(len(body))
        response = web.StreamResponse(status=206 if start else 200)
        response.content_length = len(body)
        await response.prepare(request)
        end = self.break_after.pop(0) if self.break_after else len(body)
        self.sent += len(body[:end])
        await response.write(body[:end])
        if end < len(body) and request.transport is not None:
            request.transport.close()
        return response


def tiny_files(weights: bytes = b"w" * 300_000) -> dict[str, bytes]:
    """A repository like those of Llama 2: the model, and the same once more in other forms."""
    return {
        "config.json": json.dumps({"model_type": "llama"}).encode(),
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "LICENSE.txt": b"terms",
        "model.safetensors": weights,
        "pytorch_model.bin": b"p" * 1000,
        "original/consolidated.00.pth": b"o" * 1000,
        "modeling_strange.py": b"print()",
    }
