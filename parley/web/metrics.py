"""/metrics: the numbers for Prometheus, by prometheus-client (of the extra ``web``).

Labels are platforms, the model, and fixed words. Places and persons are never labels. Each server
has a registry of its own. https://prometheus.io/docs/practices/naming/ has the conventions.
"""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from aiohttp import web

from bot.observer import (
    AnswerEnded,
    CallMade,
    CallRefused,
    Event,
    QuestionAccepted,
    QuestionRefused,
    RateLimitPaused,
    WorkerStarted,
)
from parley.web.access import numbers
from parley.web.live import Live
from parley.web.measurements import ModelState
from parley.web.password import EXTRA
from parley.web.state import STATE, WebState

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

FIRST_TOKEN = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
SPEED = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
WAIT = (0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
SHARE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
LAG = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Bounds of the histograms' buckets, in seconds, tokens a second, or shares."""

_REGISTRY: web.AppKey["CollectorRegistry | None"] = web.AppKey("registry")


def register(app: web.Application) -> None:
    """Add the handler, and count from now on where prometheus-client is installed."""
    app[_REGISTRY] = new_registry(app[STATE])
    app.router.add_get("/metrics", metrics)


@numbers
async def metrics(request: web.Request) -> web.Response:
    """All metrics, in the text format of Prometheus."""
    registry, state = request.app[_REGISTRY], request.app[STATE]
    if registry is None:
        return web.Response(status=501, text=f"Metrics need prometheus-client: {EXTRA}\n")
    from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    if state.live.parley is not None:  # its size and whether it is writable, for the gauges
        await state.database.glance(state.live.parley.store)
    content_type = CONTENT_TYPE_PLAIN_0_0_4
    return web.Response(body=generate_latest(registry), headers={"Content-Type": content_type})


def new_registry(state: WebState) -> "CollectorRegistry | None":
    """A registry that counts what happens to ``state.live`` from now on; None without
    prometheus-client."""
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector
    except ImportError:
        return None
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    state.live.observers.add(PrometheusObserver(registry, state.live))
    registry.register(_Gauges(state))
    return registry


class PrometheusObserver:
    """A `bot.observer.Observer` that counts in a registry."""

    def __init__(self, registry: "CollectorRegistry", live: Live) -> None:
        from prometheus_client import Counter, Histogram

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"parley_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"parley_{name}", text, labels, buckets=buckets, registry=registry)

        answer = ("platform", "model")
        self._questions = counter("questions", "Questions accepted.", "platform")
        self._refused = counter(
            "questions_refused", "Questions refused, by the kind of refusal.", "platform", "reason"
        )
        self._answers = counter("answers", "Answers that ended, by how.", *answer, "state")
        self._first_token = histogram(
            "time_to_first_token_seconds", "From the request to the model on.", FIRST_TOKEN, *answer
        )
        self._speed = histogram(
            "tokens_per_second", "Decoding speed of each answer.", SPEED, *answer
        )
        self._wait = histogram("queue_wait_seconds", "Time in the queue.", WAIT, "platform")
        self._context = histogram(
            "context_used_ratio", "Share of the context window, at the end.", SHARE, "model"
        )
        self._prompt = counter("prompt_tokens", "Tokens of prompts.", "model")
        self._cached = counter(
            "prompt_tokens_cached", "Tokens of prompts that the prefix cache had.", "model"
        )
        self._hits = counter(
            "prefix_cache_hits", "Answers whose prompt the prefix cache had in part.", "model"
        )
        self._generated = counter(
            "generated_tokens", "Tokens generated, those of thoughts included.", "model"
        )
        self._thinking = counter("thinking_tokens", "Tokens of thoughts.", "model")
        self._calls = counter(
            "platform_calls", "Messages posted and edited for answers.", "platform", "kind"
        )
        self._calls_refused = counter(
            "platform_calls_refused",
            "Such calls that the platform refused, for good or for now.",
            "platform",
            "kind",
            "reason",
        )
        self._pauses = counter("rate_limit_pauses", "Pauses for a rate limit.", "platform")
        self._paused = counter(
            "rate_limit_pause_seconds", "How long these pauses were.", "platform"
        )
        self._restarts = counter("worker_restarts", "Restarts of the model's process.")
        lag = histogram("event_loop_lag_seconds", "Lag of the event loop.", LAG)
        live.lag.on_sample.append(lag.observe)

    def observe(self, event: Event) -> None:
        match event:
            case QuestionAccepted(platform):
                self._questions.labels(platform).inc()
            case QuestionRefused(platform, reason):
                self._refused.labels(platform, reason).inc()
            case AnswerEnded():
                self._answer(event)
            case CallMade(platform, kind):
                self._calls.labels(platform, kind.value).inc()
            case CallRefused(platform, kind, busy):
                reason = "busy" if busy else "refused"
                self._calls_refused.labels(platform, kind.value, reason).inc()
            case RateLimitPaused(platform, seconds):
                self._pauses.labels(platform).inc()
                self._paused.labels(platform).inc(seconds)
            case WorkerStarted(again=True):
                self._restarts.inc()

    def _answer(self, ended: AnswerEnded) -> None:
        platform, model, usage = ended.platform, ended.model, ended.usage
        self._answers.labels(platform, model, ended.state.value).inc()
        if ended.waited is not None:
            self._wait.labels(platform).observe(ended.waited)
        if usage.first_token_seconds > 0:
            self._first_token.labels(platform, model).observe(usage.first_token_seconds)
        if usage.tokens_per_second > 0:
            self._speed.labels(platform, model).observe(usage.tokens_per_second)
        if ended.window and usage.tokens:
            self._context.labels(model).observe(usage.tokens / ended.window)
        self._prompt.labels(model).inc(usage.prompt_tokens)
        self._cached.labels(model).inc(usage.cached_tokens)
        self._hits.labels(model).inc(usage.cached_tokens > 0)
        self._generated.labels(model).inc(usage.completion_tokens)
        self._thinking.labels(model).inc(usage.thinking_tokens)


class _Gauges:
    """What is read at each scrape."""

    def __init__(self, state: WebState) -> None:
        self._state = state

    def collect(self) -> Iterable["Metric"]:
        """The gauges now. prometheus-client calls it."""
        yield from self._always()
        if self._state.live.parley is not None:
            yield from self._running()

    def _always(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily

        now = self._state.live.recorder.now()
        yield GaugeMetricFamily("parley_uptime_seconds", "Since the start.", now.seconds)
        connected = GaugeMetricFamily(
            "parley_platform_connected", "Whether it is connected (1) or not.", labels=["platform"]
        )
        for platform, up in now.connected.items():
            connected.add_metric([platform], up)
        yield connected
        loaded = self._state.live.parley is not None
        broken = now.model_state not in (ModelState.NONE, ModelState.UP)
        yield GaugeMetricFamily(
            "parley_model_up",
            "Whether the model is loaded and its process, or a server, runs.",
            loaded and not broken,
        )

    def _running(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        assert self._state.live.parley is not None
        now = self._state.live.parley.engine.status
        yield GaugeMetricFamily("parley_queue_length", "Questions that wait.", now.waiting)
        yield GaugeMetricFamily("parley_answers_writing", "Answers being generated.", now.writing)
        further = GaugeMetricFamily(
            "parley_further_model_up",
            "Whether a server of this further model answers.",
            labels=["model"],
        )
        for one in now.further:
            further.add_metric([one.name], one.up)
        yield further
        yield GaugeMetricFamily(
            "parley_context_window_tokens", "The context window.", now.model.context
        )
        facts = {"version": version("parley-chat"), "model": now.model.name}
        facts |= {"backend": now.model.backend, "device": now.model.device}
        yield InfoMetricFamily(
            "parley", "Parley and its model.", facts | {"low_bit": now.model.low_bit}
        )
        database = self._state.database.latest
        if database is not None:
            writable, text = database.writable, "Whether the database can be written."
            yield GaugeMetricFamily("parley_database_writable", text, writable)
        if database is not None and database.size is not None:
            yield GaugeMetricFamily("parley_database_bytes", "Size of the database.", database.size)
