"""The report: a JSON object to share, and a table to read."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from rich.console import Group
from rich.table import Table

from parley.bench.comparison import CASES, ENGINE, NO_OTHERS, PARLEY, Plan, Results
from parley.bench.machine import Machine
from parley.bench.samples import Sample, Spread
from parley.doctor.packages import DISTRIBUTION

NAMES = {
    "generate": "transformers, generate in a thread",
    "continuous": "transformers, continuous batching",
}
HOW_RATIOS = "Ratios are taken round by round, so they may differ from the quotient of the medians."


def as_json(results: Results, machine: Machine, plan: Plan) -> dict[str, Any]:
    """All figures, by names that stay. Speeds are tokens a second, times are seconds; each has its
    median, least, most and the number of rounds. Holds nothing that tells whose machine it is."""
    return {
        "parley": version(DISTRIBUTION),
        "machine": asdict(machine),
        "model": {
            "name": results.model.name,
            "backend": results.model.backend,
            "device": results.model.device,
            "low_bit": results.model.low_bit,
            "context": results.model.context,
            "note": results.model.note,
        },
        "tokens": plan.tokens,
        "delivered_over_engine": _median(results.ratios(1)),
        "delivered_over_engine_8": _median(results.ratios(8)),
        "tenth_turn_over_engine": _median(results.tenth_ratios()),
        "turns_over_engine": {case: _median(results.case_ratios(case)) for case in results.cases},
        "streams": [
            {
                "who": who,
                "answers": streams,
                "tokens_per_second": _spread([one.throughput for one in samples]),
                "first_token": _spread(_firsts(samples)),
            }
            for (who, streams), samples in results.streams.items()
        ],
        "first_turn": {who: _spread(times) for who, times in results.first_turn.items()},
        "tenth_turn": {who: _spread(times) for who, times in results.tenth_turn.items()},
        "turns": {
            case: {who: _spread(found) for who, found in times.items()}
            for case, times in results.cases.items()
        },
        "loaded": results.titles,
        "missing": results.missing,
    }


def _firsts(samples: list[Sample]) -> list[float]:
    """The mean time to the first token of each round."""
    return [sum(one.first) / len(one.first) for one in samples if one.first]


def _spread(values: list[float]) -> dict[str, float | int] | None:
    found = Spread.of(values)
    if found is None:
        return None
    return {name: round(value, 4) for name, value in asdict(found).items()}


def _median(values: list[float]) -> float | None:
    found = Spread.of(values)
    return None if found is None else round(found.median, 3)


def as_tables(results: Results, machine: Machine, plan: Plan) -> Group:
    """The same, for people."""
    model = results.model
    memory = f"{machine.memory / 1e9:.0f} GB" if machine.memory else "unknown memory"
    runs = f"{model.backend} on {model.device}, {model.low_bit}"
    explained = (
        "Tokens a second of all answers together: median (least to most). Answers of "
        f"{plan.tokens} tokens at most."
    )
    lines: list[Table | str] = [
        f"Parley {version(DISTRIBUTION)}, {model.name}: {runs}",
        f"{machine.processor}, {machine.cores} cores, {memory}, {' '.join(machine.features)}",
        "",
        _throughput(results),
        "",
        explained,
        *_sentences(results),
    ]
    if machine.busy:
        lines.append(
            f"The machine was not idle (load {machine.load:.1f} at the start): other programs ran, "
            "or had just run, so speeds may be too low and times too long."
        )
    lines += _not_measured(results)
    return Group(*lines)


def _not_measured(results: Results) -> list[str]:
    """Who is missing, and why; all that `--quick` leaves out in one line."""
    reasons = results.missing.items()
    said = [f"Not measured: {_name(who)}: {why}" for who, why in reasons if why != NO_OTHERS]
    others = [_name(who).partition(",")[0] for who, why in reasons if why == NO_OTHERS]
    if others:
        said.append(f"{NO_OTHERS} ({', '.join(dict.fromkeys(others))}).")
    return said


def _throughput(results: Results) -> Table:
    table = Table("Answers at once", box=None, pad_edge=False)
    who = list(dict.fromkeys(who for who, _ in results.streams))
    for one in who:
        table.add_column(_name(one), justify="right")
    for streams in dict.fromkeys(streams for _, streams in results.streams):
        cells = [_cell(results.streams.get((one, streams), [])) for one in who]
        table.add_row(str(streams), *cells)
    return table


def _cell(samples: list[Sample]) -> str:
    found = Spread.of([one.throughput for one in samples])
    return "–" if found is None else f"{found.median:.1f} ({found.least:.1f} to {found.most:.1f})"


def _sentences(results: Results) -> list[str]:
    said = []
    for streams, what in ((1, "one answer"), (8, "eight at once")):
        if (ratio := Spread.of(results.ratios(streams))) is not None:
            said.append(
                f"Parley delivers {ratio.median:.2f} of the engine's speed with {what} "
                f"({ratio.least:.2f} to {ratio.most:.2f})."
            )
    if said:
        said.append(HOW_RATIOS)
    kinds: list[tuple[dict[str, list[float]], str, list[float]]] = [
        (results.first_turn, "at the first turn", []),
        (results.tenth_turn, "at the tenth turn", results.tenth_ratios()),
    ]
    kinds += [
        (times, CASES[case], results.case_ratios(case)) for case, times in results.cases.items()
    ]
    for times, turn, ratios in kinds:
        found = {who: Spread.of(times.get(who, [])) for who in (PARLEY, ENGINE)}
        parts = [
            f"{1e3 * spread.median:.0f} ms ({who})"
            for who, spread in found.items()
            if spread is not None
        ]
        if parts:
            compared = (
                f"; Parley takes {_median(ratios):.2f} of the engine's time" if ratios else ""
            )
            said.append(f"First token {turn}: {', '.join(parts)}{compared}.")
    return said


def _name(who: str) -> str:
    return NAMES.get(who, who)
