"""The data that the churn model is measured on, as purchases.

CDNOW: 23,570 customers who bought their first CD in the first quarter of 1997, and what they bought
until June 1998; a tenth of them is the sample of the literature. The file comes with the package
`lifetimes`. Online Retail comes with this project.
"""

from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from models.calendar import day_number
from models.churn_history import Purchases
from streams.jobs.churn.table import Columns, read

RETAIL_FILE = Path(__file__).parents[2] / "deploy" / "data" / "online_retail_invoices.csv.gz"
RETAIL_COLUMNS = Columns("customer", "invoice_time", "amount_minor_gbp")
RETAIL_CUT = day_number(date(2011, 9, 9))
CDNOW_CUT = day_number(date(1997, 9, 30))


def cdnow_file(name: str) -> Path:
    """Return the path of `sample` or `master`; the package need not be imported for it."""
    found = find_spec("lifetimes")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "datasets" / f"CDNOW_{name}.txt"


@cache
def cdnow() -> Purchases:
    """The sample: 2,357 customers."""
    return read(cdnow_file("sample"), Columns("2", "3", "5")).purchases


@cache
def cdnow_master() -> Purchases:
    """All 23,570 customers."""
    columns = Columns("customer_id", "date", "dollar_value")
    return read(cdnow_file("master"), columns).purchases


@cache
def online_retail() -> Purchases:
    """4,338 customers of a wholesaler; the first purchases seen need not be their first ones."""
    return read(RETAIL_FILE, RETAIL_COLUMNS).purchases
