"""Tables as the bytes of files: lines of CSV, and Parquet.

pyarrow comes with the first Parquet, and not before.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from paribus_service.errors import InvalidRequest

ROWS_AT_ONCE = 5_000


def csv_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV; None is an empty place."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def arrow() -> Any:
    """The package pyarrow, loaded.

    Raises:
        InvalidRequest: It is not installed.
    """
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise InvalidRequest.one(
            "?format",
            "Parquet needs pyarrow, which is not installed where this service runs",
            code="not_installed",
            hint='pip install "paribus[parquet]" there, or ask for csv or jsonl',
        ) from error


def parquet_file(
    columns: Sequence[Any], names: Sequence[str], about: Mapping[str, str] | None = None
) -> bytes:
    """Arrow's columns as a Parquet file.

    Args:
        columns: Made with `arrow().array`.
        names: Of each.
        about: What stands in the file beside its columns.
    """
    pyarrow = arrow()
    table = pyarrow.table(list(columns), names=list(names)).replace_schema_metadata(about)
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink)
    return sink.getvalue()
