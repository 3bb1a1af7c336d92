"""Files become source records, or are refused with the line and the reason."""

import codecs
import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from streams.jobs.publish import BadFile, BadLine, Mapped, SourceEvent, read, send
from streams.log.memory import MemoryLog
from streams.log.partitioner import partition_for
from streams.log.producer import MemoryProducer

PURCHASES = "customer.purchase.v1"


def purchase(number: int, at: str, customer: str = "C-1") -> dict[str, object]:
    return {
        "event": "purchase",
        "event_id": f"e{number}",
        "customer_id": customer,
        "occurred_at": at,
        "source": "shop",
        "schema_version": 1,
        "order_id": f"o{number}",
        "net_amount_minor": 100,
        "currency": "GBP",
    }


def written(path: Path, lines: Sequence[object]) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def good(path: Path, mapped: Mapped | None = None) -> list[SourceEvent]:
    lines = list(read(path, mapped))
    assert not [line for line in lines if isinstance(line, BadLine)]
    return [line for line in lines if isinstance(line, SourceEvent)]


def test_lines_of_json_become_records_of_the_topic_that_takes_them(tmp_path: Path) -> None:
    file = written(tmp_path / "e.jsonl", [purchase(1, "2011-06-01T12:00:00+01:00")])
    (event,) = good(file)
    assert (event.topic, event.key) == (PURCHASES, b"C-1")
    assert event.occurred_at == 1306926000


def test_bad_lines_are_named_by_their_number(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    fine = json.dumps(purchase(1, "2011-06-01T12:00:00Z"))
    late = json.dumps(purchase(2, "2011-06-01 12:00"))
    file.write_text(f'{fine}\n\nnonsense\n{late}\n{{"event": "purchas"}}\n', encoding="utf-8")
    bad = [line for line in read(file) if isinstance(line, BadLine)]
    assert [line.number for line in bad] == [3, 4, 5]
    assert "occurred_at" in bad[1].message
    assert "purchas" in bad[2].message


def test_columns_of_csv_become_fields_of_their_types(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv.gz"
    rows = "when,who,order,pence\n2011-06-01 12:00:00,17850,A1,1250\n"
    file.write_bytes(gzip.compress(rows.encode()))
    mapped = Mapped(
        columns={
            "occurred_at": "when",
            "customer_id": "who",
            "order_id": "order",
            "event_id": "order",
            "net_amount_minor": "pence",
        },
        fixed={"event": "purchase", "source": "till", "schema_version": "1", "currency": "GBP"},
        zone=ZoneInfo("Europe/London"),
    )
    (event,) = good(file, mapped)
    said = json.loads(event.value)
    assert (said["net_amount_minor"], said["customer_id"]) == (1250, "17850")
    assert said["occurred_at"] == "2011-06-01T12:00:00+01:00"


@pytest.mark.parametrize("cell", ["12.50", "1_000", "\u0661\u0662"])
def test_a_cell_that_is_no_number_is_a_bad_line(tmp_path: Path, cell: str) -> None:
    file = tmp_path / "sales.csv"
    names = list(purchase(1, "2011-06-01T12:00:00Z"))
    values = [str(value) for value in purchase(1, "2011-06-01T12:00:00Z").values()]
    values[names.index("net_amount_minor")] = cell
    file.write_text(f"{','.join(names)}\n{','.join(values)}\n", encoding="utf-8")
    (line,) = read(file)
    assert isinstance(line, BadLine)
    assert line.number == 2
    assert "net_amount_minor" in line.message
    assert f"{cell!r} is no integer; amounts are whole minor units" in line.message


def test_a_missing_column_and_a_missing_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(BadFile, match="has no column c; it has a, b"):
        list(read(file, Mapped(columns={"order_id": "c"})))
    with pytest.raises(BadFile, match="does not exist"):
        list(read(tmp_path / "nothing.jsonl"))


def csv_of(path: Path, *rows: str) -> Path:
    header = ",".join(purchase(1, ""))
    path.write_text("".join(f"{row}\n" for row in (header, *rows)), encoding="utf-8")
    return path


def row(amount: str = "100", *more: str) -> str:
    said = purchase(1, "2011-06-01T12:00:00Z") | {"net_amount_minor": amount}
    return ",".join([*map(str, said.values()), *more])


def test_a_pipe_is_refused_for_it_can_be_read_only_once(tmp_path: Path) -> None:
    pipe = tmp_path / "e.jsonl"
    os.mkfifo(pipe)
    with pytest.raises(BadFile, match=r"e\.jsonl is a pipe; .* twice: save it first"):
        list(read(pipe))
    with pytest.raises(BadFile, match="/dev/null is a device"):
        list(read(Path("/dev/null")))
    with pytest.raises(BadFile, match="cannot be read: Is a directory"):
        list(read(tmp_path))


def test_a_row_with_more_cells_than_the_header_is_a_bad_line(tmp_path: Path) -> None:
    last = {"currency": "GBP", "net_amount_minor": "1"}
    said = purchase(1, "2011-06-01T12:00:00Z") | last
    names = [name for name in said if name not in last] + list(last)
    cells = ",".join(str(said[name]) for name in names)
    file = tmp_path / "sales.csv"
    file.write_text(f"{','.join(names)}\n{cells}\n{cells},200\n{cells}\n", encoding="utf-8")
    first, line, third = read(file)
    assert isinstance(first, SourceEvent)
    assert isinstance(line, BadLine)
    assert line.number == 3
    assert "has more cells than the header: 10, not 9" in line.message
    assert isinstance(third, SourceEvent)


def test_of_columns_of_one_name_none_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text("event,id,id,note,note\npurchase,1,2,a,b\n", encoding="utf-8")
    with pytest.raises(BadFile, match="has more than one column 'id', 'note', and one is read"):
        list(read(file))
    with pytest.raises(BadFile, match="has more than one column 'id', and"):
        list(read(file, Mapped(columns={"event": "event", "order_id": "id"})))
    (line,) = read(file, Mapped(columns={"event": "event"}))
    assert isinstance(line, BadLine), "what is not read may be called as it likes"


def test_fields_that_the_event_type_does_not_know_are_told(tmp_path: Path) -> None:
    known = purchase(1, "2011-06-01T12:00:00Z")
    file = written(tmp_path / "e.jsonl", [known, known | {"chanel": "web"}])
    assert [event.unknown_fields for event in good(file)] == [(), ("chanel",)]


def test_a_damaged_file_is_named_with_its_line(tmp_path: Path) -> None:
    lines = [purchase(number, "2011-06-01T12:00:00Z") for number in range(2_000)]
    packed = gzip.compress(written(tmp_path / "e.jsonl", lines).read_bytes())
    file = tmp_path / "e.jsonl.gz"
    file.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(
        BadFile, match=r"e\.jsonl\.gz:\d+: cannot be unpacked: Compressed file ended"
    ):
        list(read(file))
    file.write_bytes(packed[:40] + b"\xff" * 40 + packed[80:])
    with pytest.raises(BadFile, match=r"e\.jsonl\.gz:1: cannot be unpacked: Error -3"):
        list(read(file))
    file.write_bytes(b"no gzip")
    with pytest.raises(BadFile, match=r"e\.jsonl\.gz:1: cannot be unpacked: Not a gzipped file"):
        list(read(file))


def test_what_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path / "e.jsonl", [purchase(1, "2011-06-01T12:00:00Z")] * 300)
    file.write_bytes(file.read_bytes() + b'{"source": "caf\xe9"}\n')
    with pytest.raises(BadFile, match=r"e\.jsonl:301: is not UTF-8"):
        list(read(file))


def test_a_cell_without_end_is_named_with_its_line(tmp_path: Path) -> None:
    file = csv_of(tmp_path / "sales.csv", row(), row("1" * 140_000))
    with pytest.raises(BadFile, match=r"sales\.csv:3: cannot be read as CSV: field larger"):
        list(read(file))


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ('"12.50', "unexpected end of data"),
        ('"12.50" GBP', "',' expected after '\"'"),
    ],
)
def test_an_open_quote_does_not_swallow_the_rows_after_it(
    tmp_path: Path, cell: str, error: str
) -> None:
    file = csv_of(tmp_path / "sales.csv", row(cell), row(), row())
    with pytest.raises(BadFile, match=f"cannot be read as CSV: {error}. Is a quote left open"):
        list(read(file))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "the line is not JSON: Expecting value at character 1"),
        ('{"event": "purchase"', "the line is not JSON: Expecting ',' delimiter at character 21"),
        ('{"event": "pur', "the line is not JSON: Unterminated string starting at character 11"),
        ("[" * 200_000, "the line is not JSON: it nests too deeply"),
        ('{"event": %s}' % ("1" * 5_000), "or has a number of too many digits"),
        ("[1,2]", "the line is no JSON object"),
        ("{}", "the line names no `event`; it is one of purchase, refund"),
        ('{"event": 5}', "the line names no `event`; it is one of purchase, refund"),
    ],
    ids=["text", "unclosed", "open", "deep", "digits", "array", "nothing", "number"],
)
def test_a_line_is_told_what_it_lacks(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text(f"{line}\n", encoding="utf-8")
    (bad,) = read(file)
    assert isinstance(bad, BadLine)
    assert message in bad.message


def test_what_maps_columns_is_refused_where_there_are_none(tmp_path: Path) -> None:
    file = written(tmp_path / "e.jsonl", [purchase(1, "2011-06-01T12:00:00Z")])
    zone = ZoneInfo("Europe/London")
    with pytest.raises(BadFile, match="which take no --column, --zone"):
        list(read(file, Mapped(columns={"order_id": "order"}, zone=zone)))
    with pytest.raises(BadFile, match="which take no --set"):
        list(read(file, Mapped(fixed={"source": "till"})))


def test_a_suffix_is_known_in_either_case(tmp_path: Path) -> None:
    file = csv_of(tmp_path / "A.CSV", row())
    packed = tmp_path / "B.Csv.GZ"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert len(good(file)) == len(good(packed)) == 1


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    plain = written(tmp_path / "e.jsonl", [purchase(1, "2011-06-01T12:00:00Z")])
    for file in (plain, csv_of(tmp_path / "sales.csv", row())):
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
        assert len(good(file)) == 1


def test_without_a_column_for_the_event_the_columns_are_named(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    for text, message in {
        "id,pence\n1,2\n": "no column is read as `event`; it has id, pence. Name one with",
        "event;id\npurchase;2\n": "it has event;id: one column, with semicolons in its name",
        "": "it has no header",
    }.items():
        file.write_text(text, encoding="utf-8")
        with pytest.raises(BadFile, match=message):
            list(read(file))
    file.write_text("event;id\npurchase;2\n", encoding="utf-8")
    with pytest.raises(BadFile, match=r"no column event; .* separated by commas"):
        list(read(file, Mapped(columns={"event": "event"})))


async def test_records_go_to_the_partition_of_their_key() -> None:
    log = MemoryLog(lambda: 0)
    events = [SourceEvent(PURCHASES, b"k%d" % i, b"{}", 0) for i in range(20)]
    await send(events, MemoryProducer(log), {f"p.{PURCHASES}": 3}, "p.")
    for number in range(3):
        _, end = await log.bounds(f"p.{PURCHASES}", number)
        held = [r async for rs, _ in log.read(f"p.{PURCHASES}", number, 0, end) for r in rs]
        assert [r.key for r in held] == [e.key for e in events if partition_for(e.key, 3) == number]
