"""`tierstream churn` without services: on files, on a store in memory, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from typer.testing import CliRunner

from models import events
from models.calendar import DAY_S, Calendar, calendar
from models.churn import Coins, MbgNbd
from models.churn_calibration import Platt
from models.churn_fit import Fitted
from models.churn_model import RiskModel
from models.churn_training import Trained
from models.customer import CustomerState, Facts, pack
from models.errors import TierstreamError
from models.fold import fold
from models.wire import TOPICS, accept
from rules.eras import Era, EraRecord
from streams.cli import app
from streams.commands.churn import _check_horizon, activation
from streams.jobs.churn.states import Population, complainers_of, population, purchases_of
from streams.jobs.churn.watching import (
    InForce,
    as_json,
    horizon_of,
    in_force,
    verdict,
    weeks_of,
)
from streams.ledger import START
from streams.log.memory import MemoryLog
from streams.log.port import Append, Entry
from streams.store import keys
from streams.store.memory import MemoryStore
from streams.store.port import Step
from streams.topics import CONTROL
from tests.churn.data import RETAIL_FILE
from tests.rules.driving import book

RETAIL = [
    "--csv", str(RETAIL_FILE), "--customer", "customer", "--time", "invoice_time",
    "--amount", "amount_minor_gbp",
]  # fmt: skip
UTC = calendar("UTC")
TODAY = 20_000
FITTED = MbgNbd(r=0.7, alpha_days=60.0, a=0.2, b=3.0)


def invoke(*arguments: str) -> str:
    shown = CliRunner().invoke(app, ["churn", *arguments])
    if shown.exception is not None:
        raise shown.exception
    return shown.stdout


@pytest.mark.parametrize("command", ["evaluate", "fit", "status"])
def test_every_command_explains_itself(command: str) -> None:
    assert f"churn {command} [OPTIONS]" in re.sub(r"\x1b\[[0-9;]*m", "", invoke(command, "--help"))


def test_an_evaluation_in_one_line_of_json() -> None:
    lines = invoke("evaluate", *RETAIL, "--cut", "2011-09-09", "--horizon", "13w", "--json")
    (line,) = lines.splitlines()
    found = json.loads(line)
    wanted = {
        "auc", "auc_recency", "brier", "log_loss", "ece", "churn_rate", "customers", "parameters",
        "pr_auc", "lift_10", "reliability", "with_labels", "segments", "last_month", "value",
    }  # fmt: skip
    assert wanted <= set(found)
    assert set(found["parameters"]) == {"r", "alpha_days", "a", "b"}
    assert (found["cut"], found["horizon_days"], found["model"]) == ("2011-09-09", 91, "mbg-nbd")
    assert found["customers"] == 3_370
    assert len(found["reliability"]) == 10
    assert found["with_labels"]["platt"]["quality"]["ece"] < found["ece"]


def test_an_evaluation_as_a_table_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    picture = tmp_path / "reliability.svg"
    text = invoke(
        "evaluate", *RETAIL, "--cut", "2011-06-09", "--segment", "country", "--model", "bg-nbd",
        "--picture", str(picture),
    )  # fmt: skip
    for shown in ("risk (bg-nbd)", "recency alone", "+ labels, platt", "United Kingdom"):
        assert shown in text
    assert "predicted" in text
    assert "<svg" in picture.read_text("utf-8")


def test_a_fit_is_written_as_json(tmp_path: Path) -> None:
    output = tmp_path / "model.json"
    text = invoke("fit", *RETAIL, "--calibrate", "--output", str(output))
    assert "mbg-nbd of 4,339 customers" in text
    assert "no drop-out identified" in text
    assert "Calibration promoted" in text
    written = json.loads(output.read_text("utf-8"))
    assert set(written["fitted"]["model"]) == {"r", "alpha_days", "a", "b"}
    assert written["horizon_days"] > 0
    assert written["calibration"]["slope"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", *RETAIL, "--cut", "tomorrow"], "'tomorrow' is no date"),
        (["evaluate", *RETAIL, "--cut", "2011-09-09", "--horizon", "soon"], "is no horizon.*13w"),
        (["evaluate", *RETAIL, "--cut", "2011-12-20"], "last purchase is of 2011-12-09.*--cut"),
        (["evaluate", *RETAIL, "--cut", "2010-11-01"], "nobody has bought on two days"),
        (["evaluate", *RETAIL, "--cut", "2010-11-01", "--horizon", "9"], "0 customers are too few"),
        (["evaluate", *RETAIL, "--cut", "2011-09-09", "--picture", "x.txt"], "cannot be drawn"),
        (["evaluate", "--csv", str(RETAIL_FILE), "--cut", "2011-09-09"], "no column 'time'"),
        (["fit", *RETAIL, "--model", "bg-nbd", "--activate"], "only that can be activated"),
        (
            ["fit", *RETAIL, "--output", "/nowhere/m.json"],
            r"--output /nowhere/m.json cannot.*No su",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(TierstreamError, match=message):
        invoke(*arguments)


@pytest.mark.parametrize(
    ("horizon", "why"),
    [("40d", "purchases of more than 80 days"), ("26w", "a horizon of at most 175 days")],
)
def test_what_cannot_be_calibrated_is_said_and_not_activated(
    horizon: str, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "sales.csv"
    days = [(who, day) for who in range(200) for day in range(who % 30, 60, 3 + who % 40)]
    rows = [f"{who},{Calendar.date(TODAY + day).isoformat()},10\n" for who, day in days]
    file.write_text("".join(["customer,time,amount\n", *rows]), encoding="utf-8")
    arguments = ["--csv", str(file), "--calibrate", "--horizon", horizon, "--activate"]
    shown = CliRunner().invoke(app, ["churn", "fit", *arguments])
    assert "Not calibrated: " in shown.stdout
    assert why in shown.stdout
    assert isinstance(shown.exception, TierstreamError)
    assert "nothing was activated" in str(shown.exception)
    assert "leave --calibrate out" in str(shown.exception)


def trained(calibration: Platt | None, coins: Coins | None) -> Trained:
    fitted = Fitted(
        family="mbg-nbd", model=FITTED, customers=9, log_likelihood=-1.0,
        dropout_identified=True, at_bounds=(),
    )  # fmt: skip
    return Trained(
        fitted=fitted, horizon_days=91, horizon_given=True, spend=None,
        calibration=calibration, coins=coins, trial=None,
    )  # fmt: skip


@pytest.mark.parametrize("calibration", [None, Platt(intercept=0.3, slope=0.8)])
@pytest.mark.parametrize("coins", [None, Coins(high=0.3)])
def test_an_activation_is_a_control_event_that_is_accepted(
    calibration: Platt | None, coins: Coins | None
) -> None:
    value = activation(trained(calibration, coins), 3, by="ann", reason="spring")
    _, event, unknown = accept(TOPICS["segment.control.v1"], None, value, (), offset=12)
    assert unknown == ()
    assert event == events.ChurnModelActivated(
        number=12, by="ann", reason="spring", version=3, r=0.7, alpha_days=60.0, a=0.2, b=3.0,
        calibration=calibration, coins=coins,
    )  # fmt: skip


def test_a_calibration_for_another_horizon_is_not_activated() -> None:
    record = EraRecord(number=1, since=None, cause_type="", cause_by="", book=book())
    with pytest.raises(TierstreamError, match=r"over 91 days.*looks 10 days.*--horizon 10"):
        _check_horizon(trained(Platt(intercept=0.0, slope=1.0), None), Era(record))
    _check_horizon(trained(None, None), Era(record))


def facts_of(*days: int) -> Facts:
    facts = Facts()
    for day in days:
        event = events.Purchase(
            event_id=f"p{day}", source="shop", occurred_at=day * DAY_S + 3_600, order_id="o",
            net_amount_minor=500, currency="EUR",
        )  # fmt: skip
        fold(facts, event, UTC, today=TODAY, lateness_days=30)
    return facts


def test_days_beyond_retention_stand_on_the_first_of_them() -> None:
    found = purchases_of([Facts(), facts_of(18_000, 18_100, TODAY - 10, TODAY)], UTC)
    assert found.customer.tolist() == [0, 0, 0]
    assert found.day.tolist() == [18_000, TODAY - 10, TODAY]
    assert found.purchase_days.tolist() == [2, 1, 1]
    assert found.amount.tolist() == [1_000.0, 500.0, 500.0]


def complained(
    number: int,
    day: int,
    severity: events.Severity | None,
    action: Literal["opened", "retracted"] = "opened",
) -> events.Complaint:
    return events.Complaint(
        event_id=f"{action}{number}", source="desk", occurred_at=day * DAY_S,
        complaint_id=f"c{number}", action=action, type="delivery", severity=severity,
    )  # fmt: skip


def test_complaints_are_histories_too() -> None:
    facts = facts_of(TODAY - 100, TODAY - 60)
    for event in (
        complained(0, TODAY - 90, "high"),
        complained(1, TODAY - 40, None),
        complained(2, TODAY - 200, "low"),
        complained(3, TODAY - 30, "critical"),
        complained(3, TODAY, None, "retracted"),
    ):
        fold(facts, event, UTC, today=TODAY, lateness_days=30)
    (found,) = complainers_of([facts, facts_of(TODAY - 5), Facts()], TODAY * DAY_S)
    assert found.repeats == 1
    assert (found.last_age_days, found.age_days) == (40.0, 100.0 - 3_600 / DAY_S)
    assert [each.severity for each in found.grievances] == ["high", "low"]
    assert found.grievances[0].age_days == 10.0 - 3_600 / DAY_S


async def stored(store: MemoryStore, partition: int, now: int, model: EraRecord | None) -> None:
    """Put 200 customers of different rhythms into a partition."""
    fields = {
        keys.customer_field(b"%d-%d" % (partition, number)): pack(
            CustomerState(facts=facts_of(*range(TODAY - 300 + number, TODAY, 5 + number // 2)))
        )
        for number in range(200)
    }
    position = msgspec.structs.replace(START, now=now, partitions=2)
    fields[keys.POSITION] = msgspec.json.encode(position)
    if model is not None:
        fields[keys.BOOK] = msgspec.json.encode((0,))
        fields[keys.era_field(0)] = msgspec.json.encode(model)
    await store.claim(partition, "me")
    assert await store.apply(partition, "me", 0, Step(1, now, "origin", fields, {}))


def era_record(number: int) -> EraRecord:
    activated = events.ChurnModelActivated(
        number=number, by="ann", version=4, r=0.7, alpha_days=60.0, a=0.2, b=3.0
    )
    return EraRecord(number=number, since=None, cause_type="", cause_by="", model=activated)


async def test_all_partitions_are_read_and_the_newest_era_counts() -> None:
    store = MemoryStore()
    await stored(store, 0, (TODAY + 2) * DAY_S, era_record(1))
    assert (await population(store, 2)).now is None, "the other clock has not started"
    await stored(store, 1, (TODAY + 1) * DAY_S, era_record(7))
    counts: list[int] = []
    found = await population(store, 2, counts.append)
    assert found.customers == counts[-1] == 400
    assert found.now == (TODAY + 1) * DAY_S
    assert found.era is not None
    assert found.era.number == 7
    assert len(set(found.purchases.customer.tolist())) == 400


async def test_the_model_in_force_knows_its_age() -> None:
    log = MemoryLog(lambda: 1_700_000_000)
    assert await in_force(log, CONTROL, None) == (0, RiskModel(), None)
    log.append(Append(CONTROL, 0, [Entry(None, b"{}"), Entry(None, b"{}")]))
    used = await in_force(log, CONTROL, Era(era_record(1)))
    assert (used.version, used.model.parameters) == (4, FITTED)
    assert used.since == 1_700_000_000


async def test_matured_weeks_say_whether_the_model_drifts() -> None:
    store = MemoryStore()
    await stored(store, 0, TODAY * DAY_S, era_record(1))
    found = await population(store, 1)
    horizon_days = horizon_of(found)
    assert horizon_days is not None
    gloomy = RiskModel(MbgNbd(r=0.01, alpha_days=400.0, a=5.0, b=1.0))
    weeks = weeks_of(found, gloomy, horizon_days, TODAY)
    assert weeks[-1].day == TODAY - horizon_days
    assert weeks[-1].drift > 0.05
    lenient = RiskModel(gloomy.parameters, calibration=Platt(intercept=-30.0, slope=1.0))
    assert weeks_of(found, lenient, horizon_days, TODAY)[-1].drift < 0.0
    assert "more of the customers were predicted to churn" in verdict(weeks)
    told = json.loads(as_json(InForce(4, gloomy, 100), horizon_days, weeks, now=160))
    assert (told["version"], told["age_s"], told["drift"]) == (4, 60, weeks[-1].drift)
    assert len(told["weeks"]) == len(weeks)
    assert "No prediction has matured" in verdict([])
    assert Calendar.date(weeks[-1].day).isoformat() in verdict(weeks)


def test_the_rulebook_says_the_horizon_where_it_has_one() -> None:
    record = EraRecord(number=1, since=None, cause_type="", cause_by="", book=book())
    era = Era(record)
    none = purchases_of([], UTC)
    assert era.book is not None
    assert era.book.churn is not None
    expected = round(era.book.churn.horizon_days)
    assert horizon_of(Population(none, (), 0, None, era, UTC)) == expected
    assert horizon_of(Population(none, (), 0, None, None, UTC)) is None
