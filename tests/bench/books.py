"""The rulebooks whose cost is measured: shipped ones, two of them joined, and generated ones."""

from __future__ import annotations

import re
from typing import Any

import yaml

from rules import catalog
from rules.language.document import load
from tests.bench.workload import ZONE

RETAIL = "retail"
CLUSTERS = "clusters"
JOINED = "retail and clusters joined: 46 dimensions, 4 steps, 30 actions"
MANY_DIMENSIONS = "generated: 45 dimensions, 4 steps, 30 actions"
MANY_RULES = "generated: 200 rules"

_DIMENSIONS, _STEPS, _ACTIONS = 45, 4, 30
_RULES = 200


def books() -> dict[str, str]:
    """Return the texts by name, `retail` first."""
    return {
        RETAIL: catalog.text(RETAIL),
        CLUSTERS: _written(_at_home(_read(CLUSTERS))),
        JOINED: _joined(),
        MANY_DIMENSIONS: generated(_DIMENSIONS, steps=_STEPS, actions=_ACTIONS),
        MANY_RULES: generated(_RULES - _STEPS - _ACTIONS, steps=_STEPS, actions=_ACTIONS),
    }


def _joined() -> str:
    """Return what a shop would have that wants all of both: a large rulebook by analysts' hands.

    Where both have something of one name, retail's has another one here.
    """
    clusters = _at_home(_read(CLUSTERS))
    text = catalog.text(RETAIL)
    for part in ("parameters", "dimensions"):
        for name in clusters[part].keys() & _read(RETAIL)[part].keys():
            text = re.sub(rf"\b{name}\b", f"retail_{name}", text)
    retail = load(text, RETAIL).data
    return _written(
        {
            **clusters,
            "rulebook": "joined",
            "parameters": {**clusters["parameters"], **retail["parameters"]},
            "dimensions": {**clusters["dimensions"], **retail["dimensions"]},
            "tiers": retail["tiers"],
            "churn": retail["churn"],
            "actions": {**clusters["actions"], **_ACTIONS_OF_A_SHOP},
        }
    )


_ACTIONS_OF_A_SHOP = {
    "gold_thanks": {"when": "entered(tier, 'gold')", "cooldown": "90d"},
    "platinum_thanks": {"when": "entered(tier, 'platinum')", "cooldown": "90d"},
    "lapsed_letter": {"when": "entered(segment.retail_buyer_habit, 'lapsed')", "cooldown": "60d"},
    "returns_advice": {"every": "90d", "while": "segment.returns == 'heavy'", "valid_for": "14d"},
}


def _at_home(book: dict[str, Any]) -> dict[str, Any]:
    """Return a rulebook moved to where the workload's customers live and pay."""
    parameters = {
        name: {**parameter, "unit": parameter["unit"].replace("CNY", "GBP")}
        for name, parameter in book["parameters"].items()
    }
    moved = {**book, "zone": ZONE.name, "currency": "GBP", "parameters": parameters}
    del moved["examples"]  # they tell of the other place
    return moved


def generated(dimensions: int, *, steps: int, actions: int) -> str:
    """Return a rulebook of so many dimensions, steps of the ladder and actions.

    What the dimensions ask goes round the facts that customers of the workload have, in the windows
    that rulebooks use, each with a bound of its own. Every dimension follows a moving window, so
    that nearly every event moves several: no analyst's rulebook is so restless.
    """
    return _written(
        {
            "rulebook": "generated",
            "version": 1,
            "zone": ZONE.name,
            "currency": "GBP",
            "parameters": {
                **{f"bound_{index}": _bound(index) for index in range(dimensions)},
                **{f"step_{index}": _money(250 * index) for index in range(1, steps)},
                **{f"stay_{index}": _money(200 * index) for index in range(1, steps)},
            },
            "dimensions": {f"dimension_{index}": _dimension(index) for index in range(dimensions)},
            "tiers": {"ladder": [_step(index) for index in range(steps)]},
            "churn": {
                "horizon": "90d",
                "bands": {"medium": {"enter": 50, "keep": 45}, "high": {"enter": 75, "keep": 68}},
            },
            "actions": {f"action_{index}": _action(index) for index in range(actions)},
        }
    )


_WINDOWS_DAYS = (365, 90, 180, 365)
"""The windows of the shipped rulebooks, most of which look back a year."""
_ASKED = (
    ("spend", 150, "GBP"),
    ("orders", 2, "orders"),
    ("average_order", 80, "GBP"),
    ("complaints", 1, "complaints"),
    ("feedback_count", 1, "feedback"),
    ("margin", 50, "GBP"),
    ("largest_order", 120, "GBP"),
)
"""Facts with a window, a bound that divides customers, and its unit."""


def _asked(index: int) -> tuple[str, int, str, int]:
    """Return the fact, bound, unit and window of a dimension; then everything begins again."""
    turn, place = divmod(index, len(_ASKED))
    fact, bound, unit = _ASKED[place]
    rounds, window = divmod(turn, len(_WINDOWS_DAYS))
    return fact, bound * (1 + rounds), unit, _WINDOWS_DAYS[window]


def _bound(index: int) -> dict[str, object]:
    _, bound, unit, _ = _asked(index)
    return {"value": bound, "unit": unit, "why": "divides the workload's customers"}


def _money(value: int) -> dict[str, object]:
    return {"value": value, "unit": "GBP", "why": "divides the workload's customers"}


def _dimension(index: int) -> dict[str, object]:
    fact, _, _, window_days = _asked(index)
    when = f"{fact}(days={window_days}) >= bound_{index}"
    return {"first_match": [{"name": "yes", "when": when}, {"name": "no", "otherwise": True}]}


def _step(index: int) -> dict[str, object]:
    if index == 0:
        return {"name": "step_0"}
    return {
        "name": f"step_{index}",
        "qualify": f"spend(days=365) >= step_{index}",
        "keep": f"spend(days=365) >= stay_{index}",
        "grace": "30d",
    }


def _action(index: int) -> dict[str, object]:
    forms: tuple[dict[str, object], ...] = (
        {"when": f"entered(segment.dimension_{index}, 'yes')", "cooldown": "60d"},
        {"every": "90d", "valid_for": "30d", "while": f"segment.dimension_{index} == 'yes'"},
        {"when": "happened('complaint')", "cooldown": f"{7 + index}d"},
    )
    return forms[index % len(forms)]


def _read(name: str) -> dict[str, Any]:
    book: dict[str, Any] = load(catalog.text(name), name).data
    return book


def _written(book: dict[str, Any]) -> str:
    return yaml.safe_dump(book, sort_keys=False, allow_unicode=True)
