"""A fake Hugging Face Hub on the loopback interface: the endpoints that downloading a model uses.

Source of the API: https://huggingface.co/docs/hub/api. Large files are redirected to a storage
server of another origin, as the Hub does.
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
    """A hub with one model. Its fields make it fail in the ways that tests need."""

    files: dict[str, bytes]
    large: frozenset[str] = frozenset({"model.safetensors"})
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes that the listing states of files, where that is not their size."""
    commit: str = COMMIT
    digest: str = ""
    """The SHA-256 that the listing states of large files, where that is not theirs."""
    token: str = ""
    """The access token that a gated model demands."""
    gated: bool = False
    status: int = 0
    """The HTTP status of every response; 0 for a working hub."""
    break_after: list[int] = field(default_factory=list)
    """Close the connections of the next downloads of large files after this many bytes."""
    ignore_ranges: bool = False
    """Answer range requests with the whole file."""
    damage: bool = False
    """Send zeros instead of the content."""
    ranges: list[str] = field(default_factory=list)
    """The Range headers of downloads of large files; "" for the whole file."""
    tokens_at_storage: list[str] = field(default_factory=list)
    """The Authorization headers that the storage server received."""
    sent: int = 0
    """Bytes of large files that were sent."""
    url: str = ""
    storage_url: str = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, files: dict[str, bytes], **facts: object) -> AsyncIterator[Self]:
        """Serve `files`, by their path in the repository, until the context ends."""
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
        """The file's ETag at the Hub: its SHA-256 for large files, its git blob id for others."""
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
                "size": self.sizes.get(path, len(data)),
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
        return {
            "oid": oid,
            "sha256": self.digest or oid,
            "size": len(self.files[path]),
            "pointerSize": 134,
        }

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
    """The files of a repository like Llama 2's: a model, and its weights again in other formats."""
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
