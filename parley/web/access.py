"""Who asks, by which name they reached the server, and what they may see.

On the loopback address numbers are open, so that Prometheus and `curl` need nothing. Texts, names,
and whatever changes something need a session, everywhere. From anywhere else everything needs a
session or, for numbers, a token.

A reverse proxy on the same computer connects from the loopback address on behalf of others. So a
request with any forwarding header never counts as local, and the address in ``X-Forwarded-For`` is
believed only from the proxies in ``[web] trusted_proxies``.
"""

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDING = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Via",
)
"""Headers that a proxy adds."""
_MARK = "parley_access"


class Access(IntEnum):
    """What a handler shows, or a visitor may see; the greater includes the smaller."""

    NOTHING = 0
    """Nothing of Parley: the page to log in."""
    NUMBERS = 1
    """Counts, times and states: no text, no name."""
    TEXTS = 2
    """Everything, and every action."""


def open_to_all(handler: Handler) -> Handler:
    """Mark a handler that shows nothing of Parley, such as the page to log in."""
    setattr(handler, _MARK, Access.NOTHING)
    return handler


def numbers(handler: Handler) -> Handler:
    """Mark a handler that shows numbers alone."""
    setattr(handler, _MARK, Access.NUMBERS)
    return handler


def needed(request: web.Request) -> Access:
    """What the request's handler shows. One that is not marked, and an address without a handler,
    need the most."""
    return getattr(request.match_info.handler, _MARK, Access.TEXTS)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks."""

    address: str
    """The IP address, for the limit of attempts; "" where it is not known."""
    local: bool
    """Whether the request comes from this computer, and not through a proxy."""
    secure: bool
    """Whether the browser speaks HTTPS with a trusted proxy."""


CLIENT: web.RequestKey[Client] = web.RequestKey("client", Client)
SESSION: web.RequestKey[bool] = web.RequestKey("session", bool)
"""Whether the request bears a valid session."""


def client_of(request: web.Request, proxies: Collection[Network]) -> Client:
    """Who sent the request, behind the trusted `proxies`."""
    peer = _address(request.remote or "")
    if peer is None:
        return Client("", local=False, secure=False)
    if not _among(peer, proxies):
        forwarded = any(name in request.headers for name in FORWARDING)
        return Client(str(peer), local=peer.is_loopback and not forwarded, secure=False)
    secure = request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"
    chain = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(
        chain
    ):  # the nearest is last; what comes before the first stranger is theirs
        address = _address(hop.strip())
        if address is None or not _among(address, proxies):
            return Client(str(address or peer), local=False, secure=secure)
    return Client(str(peer), local=False, secure=secure)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _among(address: Address, networks: Collection[Network]) -> bool:
    return any(address.version == each.version and address in each for each in networks)


def networks(texts: Collection[str]) -> tuple[Network, ...]:
    """``[web] trusted_proxies``, which `bot.config` has checked."""
    return tuple(ip_network(text, strict=False) for text in texts)


def embedded(request: web.Request) -> bool:
    """Whether a page of another website asks for a part of itself: an image, a script, a stream. It
    could not read what comes, but make the browser ask without end. A link from there is none."""
    own = request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    return not own and request.headers.get("Sec-Fetch-Mode") != "navigate"


def known_host(request: web.Request, allowed: Collection[str]) -> bool:
    """Whether the ``Host`` of the request is one of `allowed`, or the address that it came in at.

    A website can make its own name point to this computer (DNS rebinding), and a browser would then
    take Parley for a part of that website; but it sends the website's name as ``Host``.
    """
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1:
        return False
    name = host_name(hosts[0])
    socket = request.transport.get_extra_info("sockname") if request.transport else None
    own = _address(str(socket[0])) if socket else None
    return name in allowed or (own is not None and _address(name) == own)


def host_name(host: str) -> str:
    """A ``Host`` without its port and without brackets, in lower case."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def bearer(request: web.Request, *tokens: str) -> bool:
    """Whether the request bears one of `tokens` in its header ``Authorization``. The time that this
    takes tells nothing about them; "" is no token."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    found = False
    for token in tokens:
        same = hmac.compare_digest(token.encode(), given.strip().encode("utf-8", "replace"))
        found = found or (same and bool(token))
    return found
