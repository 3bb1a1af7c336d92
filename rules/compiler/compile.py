"""From a rulebook's text to a `Book`: all its rules together become one generated function.

It concludes, and says when to look again; `writing` has how its text is written. The function is
made once per activation and runs for every event. A second one does the same after events that do
not touch the profile, a third, of the tiers alone, looks ahead, and a fourth follows the tier,
where something may depend on it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from hashlib import sha256
from typing import Any

from models.buckets import total
from models.calendar import DAY_S, calendar
from models.errors import BadRulebook
from rules.book import Action, Band, Book, ChurnRules, Policy, Span, Tier, Timing
from rules.compiler import due, explaining, writing
from rules.facts.cases import EMPTY, folded
from rules.language.check import check
from rules.language.checked import Rules
from rules.language.conclusions import Churn, TierEntry, Tiers
from rules.language.derived import dimensions_of, labelled
from rules.language.entries import Rulebook
from rules.language.rulebook import read
from rules.language.tree import is_momentary

_HOUR_S = 3_600


def compile_book(text: str, file: str = "rulebook.yaml") -> Book:
    """Return the rulebook of `text`, checked and compiled.

    Raises:
        BadRulebook: it is refused; the message has every finding with file, line and hint.
    """
    try:
        return _compiled(text, file)
    except BadRulebook:
        raise
    except RecursionError as error:
        message = f"{file}: something in it is nested too deeply to be read; write it flatter"
        raise BadRulebook(message) from error
    except (SyntaxError, ValueError, ArithmeticError) as error:
        # What no finding foresaw is refused too: who distributes rulebooks must not fail by one.
        message = (
            f"{file}: it cannot be compiled ({type(error).__name__}: {error}); please report it"
        )
        raise BadRulebook(message) from error


def _compiled(text: str, file: str) -> Book:
    rulebook, document = read(text, file)
    rules, warnings = check(rulebook, document)
    canonical = json.dumps(document.data, ensure_ascii=False, separators=(",", ":"))
    zone = calendar(rulebook.zone)
    names: dict[str, Any] = {
        "__builtins__": {"len": len, "max": max, "min": min, "sum": sum, "type": type},
        "EMPTY": EMPTY,
        "bisect_right": bisect_right,
        "folded": folded,
        "total": total,
        "zone": zone,
        "day": zone.day,
        "start": zone.start,
        **due.NAMES,
    }
    explained = list(explaining.write(rules, names, rulebook.currency))
    program = "\n\n".join((writing.write(rules, names), *(each.text for each in explained)))
    exec(compile(program, f"<rulebook {rulebook.rulebook}>", "exec"), names)  # noqa: S102
    actions = _actions(rulebook, rules)
    return Book(
        name=rulebook.rulebook,
        version=rulebook.version,
        fingerprint=f"sha256:{sha256(canonical.encode()).hexdigest()}",
        label=labelled(rulebook.label, rulebook.rulebook),
        zone=zone,
        currency=rulebook.currency,
        tiers=tuple(_tier(entry) for entry in rulebook.tiers.ladder),
        timing=_timing(rulebook.tiers),
        dimensions=tuple(dimensions_of(rulebook)),
        policies=tuple(
            Policy(name, labelled(entry.label, name), entry.was)
            for name, entry in rulebook.policies.items()
        ),
        actions=actions,
        repeating=sum(1 << i for i, a in enumerate(actions) if a.every_days is not None),
        momentary=sum(1 << i for i, a in enumerate(actions) if a.momentary),
        churn=None if rulebook.churn is None else _churn(rulebook.churn),
        warnings=warnings,
        conclude=names["conclude"],
        again=names.get("again", names["conclude"]),
        ladder=names["ladder"],
        follow=names.get("follow"),
        missing={each.rule: names[each.name] for each in explained if each.of == "missing"},
        evidence={each.rule: names[each.name] for each in explained if each.of == "evidence"},
        rules=rules,
        source=rulebook,
        program=program,
    )


def _tier(entry: TierEntry) -> Tier:
    return Tier(
        entry.name,
        labelled(entry.label, entry.name),
        grace_days=_days(entry.grace),
        minimum_stay_days=_days(entry.minimum_stay),
        warn_days=_days(entry.warn),
        was=entry.was,
    )


def _timing(tiers: Tiers) -> Timing:
    match tiers.review:
        case "anniversary of joining":
            return Timing(tiers.upgrade, tiers.downgrade, "joining", tiers.refund)
        case "anniversary of the tier":
            return Timing(tiers.upgrade, tiers.downgrade, "tier", tiers.refund)
        case review:
            return Timing(tiers.upgrade, tiers.downgrade, review, tiers.refund)


def _actions(rulebook: Rulebook, rules: Rules) -> tuple[Action, ...]:
    entries = rulebook.actions.items()
    return tuple(
        Action(
            name=name,
            label=labelled(entry.label, name),
            has_when=entry.when is not None,
            momentary=is_momentary(action.when),
            every_days=None if entry.every is None else _days(entry.every),
            cooldown=_span(entry.cooldown),
            valid_for=_span(entry.valid_for),
            consent=entry.consent,
            on_activation=entry.on_activation,
            parameters=action.parameters,
            was=entry.was,
        )
        for (name, entry), action in zip(entries, rules.actions, strict=True)
    )


def _churn(churn: Churn) -> ChurnRules:
    bands = churn.bands
    return ChurnRules(
        horizon_days=float(_days(churn.horizon)),
        bands=(
            Band("medium", bands.medium.enter, bands.medium.keep),
            Band("high", bands.high.enter, bands.high.keep),
        ),
        minimum_stay_s=_seconds(churn.minimum_stay),
        minimum_history_s=_seconds(churn.minimum_history),
        score_step=churn.score_step,
    )


def _days(written: str) -> int:
    return int(written.removesuffix("d"))


def _span(written: str | None) -> Span | None:
    if written is None:
        return None
    return Span(_days(written)) if written.endswith("d") else Span(None, _seconds(written))


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * (DAY_S if duration.endswith("d") else _HOUR_S)
