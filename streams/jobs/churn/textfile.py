"""Opening a text file whose compression and encoding nobody has told us."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from models.errors import TierstreamError

_CHUNK_BYTES = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


class Unreadable(TierstreamError):
    """A file that is no text; the message says what it seems to be, and what to do."""


@contextmanager
def opened(path: Path, encoding: str | None = None) -> Iterator[IO[str]]:
    """Open a text file, gzipped or not; without `encoding`, UTF-8, UTF-16 or Windows-1252.

    Raises:
        Unreadable: there is no such file, or it is something else.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_ZIP))
        if magic == _ZIP:
            raise Unreadable(
                f"{path} is a zip archive or an Excel workbook; unpack it, or save it as CSV"
            )
        opener: Any = gzip.open if magic.startswith(_GZIP) else open
        used = encoding or _encoding(opener, path)
        with opener(path, "rt", encoding=used, errors="strict", newline="") as lines:
            yield lines
    except (FileNotFoundError, IsADirectoryError) as error:
        raise Unreadable(f"{path} is no file; check the path") from error
    except LookupError as error:
        raise Unreadable(f"{encoding!r} is no encoding; write one like utf-8 or cp1252") from error
    except (OSError, EOFError, UnicodeError) as error:
        raise Unreadable(
            f"{path} cannot be read to its end ({error}); is it whole, and in the encoding that "
            "--encoding says?"
        ) from error


def _encoding(opener: Any, path: Path) -> str:  # noqa: ANN401 - `open` and `gzip.open`
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opener(path, "rb") as file:
        chunk = file.read(_CHUNK_BYTES)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK_BYTES)
        except UnicodeDecodeError:
            return "latin-1"  # of which Windows-1252 differs only in signs that name nobody
    return "utf-8-sig"
