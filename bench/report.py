"""The tables: everyone's figures, and the goals beside what was reached."""

# ruff: noqa: RUF001  (a dash in a table says that there is no figure)

from collections.abc import Iterator

from bench.compare import Line, Outcome

HELLO, HOT, STRICT = (
    "bare ASGI hello on uvicorn",
    "gate, leased, 10 keys",
    "gate, strict, 1,000 keys",
)
BARE, BARE_WITH_API = "nginx proxy_pass", "nginx proxy_pass and API"
# What is measured, of whom, over whom, the goal that is set, the moonshot; by requests a second.
RATIOS = (
    ("hot keys ÷ bare ASGI hello on the same server", HOT, HELLO, 1.2, 1.6),
    ("strict, 1,000 keys ÷ bare ASGI hello", STRICT, HELLO, 0.7, 1.0),
    ("hot keys ÷ nginx `return 200`", HOT, "nginx return 200", 0.4, 0.55),
    ("hot keys × djangorestframework-api-key", HOT, "djangorestframework-api-key on gunicorn", 50, 90),
    ("hot keys × better-auth, memory", HOT, "better-auth, memory", None, None),
    ("hot keys × better-auth, redis", HOT, "better-auth, redis", 60, 110),
    ("hot keys × better-auth, postgres", HOT, "better-auth, postgres", 60, 110),
    ("gateway, hot keys (nginx + 204) ÷ bare `proxy_pass`", "nginx + gate, leased, 10 keys", BARE, 0.4, 0.5),
    ("gateway, strict (nginx + 204) ÷ bare `proxy_pass`", "nginx + gate, strict, 1,000 keys", BARE, None, None),
    ("gateway on a socket file, hot keys ÷ bare `proxy_pass`", "nginx + gate on a file, leased, 10 keys", BARE, 0.4, 0.5),
    ("gateway on a socket file, strict ÷ bare `proxy_pass`", "nginx + gate on a file, strict, 1,000 keys", BARE, None, None),
    ("gateway and API, hot keys ÷ bare `proxy_pass` and API", "nginx + gate and API, leased, 10 keys", BARE_WITH_API, 0.4, 0.5),
    ("gateway on a socket file and API, hot keys ÷ bare `proxy_pass` and API", "nginx + gate on a file and API, leased, 10 keys", BARE_WITH_API, 0.4, 0.5),
)  # fmt: skip
FREE_VIEW, METERED_VIEW = "DRF view without a key", "DRF view, metered, 100 keys"


def report(outcome: Outcome) -> str:
    """Return everything as Markdown."""
    return "\n".join(
        ["### Everyone", "", *_everyone(outcome), "", "### Goals", "", *_goals(outcome), ""]
    )


def _everyone(outcome: Outcome) -> Iterator[str]:
    hello = outcome.lines[HELLO]
    yield "| variant | req/s | CPU µs per request | ÷ hello, req/s | ÷ hello, CPU | p99 ms (saturated) | errors |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, line in sorted(outcome.lines.items(), key=lambda item: -item[1].speed):
        yield (
            f"| {name} | {line.speed:,.0f} | {line.cost:,.1f} | {line.speed / hello.speed:.2f} "
            f"| {line.cost / hello.cost:.2f} | {sorted(line.p99_ms)[len(line.p99_ms) // 2]:.1f} | {line.errors} |"
        )
    for name, reason in outcome.absent.items():
        yield f"| {name} | – | – | – | – | – | {reason} |"


def _goals(outcome: Outcome) -> Iterator[str]:
    yield "| goal | set | moonshot | reached (req/s) | reached (CPU) |"
    yield "|---|---:|---:|---:|---:|"
    for what, one, other, goal, moonshot in RATIOS:
        mine, theirs = outcome.lines.get(one), outcome.lines.get(other)
        yield f"| {what} | {goal or '–'} | {moonshot or '–'} | {_ratios(mine, theirs)} |"
    free, metered = outcome.lines.get(FREE_VIEW), outcome.lines.get(METERED_VIEW)
    if free and metered:
        yield (
            f"| metered DRF view ÷ the same without a key (less is better) | 1.4 | 1.1 "
            f"| {free.speed / metered.speed:.2f} | {metered.cost / free.cost:.2f} |"
        )
    for name, result in outcome.paced.items():
        bounds = "– | –" if name == HELLO else "3 ms | 1 ms"
        yield (
            f"| p99 at 5,000 req/s, {name} (less is better) | {bounds} "
            f"| {result.p99_ms:.2f} ms (p50 {result.p50_ms:.2f}, {result.errors} errors) | – |"
        )
    for mode, share in outcome.admitted.items():
        yield f"| admitted ÷ allowed over two processes, {mode} (never > 1) | 0.95 | 0.99 | {share:.3f} | – |"


def _ratios(mine: Line | None, theirs: Line | None) -> str:
    if mine is None or theirs is None:
        return "– | –"
    return f"{mine.speed / theirs.speed:.2f} | {theirs.cost / mine.cost:.2f}"
