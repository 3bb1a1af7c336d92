"""Data folders of single runs: made under the local folder, removed when the run ends."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.local.paths import LOCAL


@contextlib.contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A new, empty folder for the block, e.g. `.tierstream/runs/bench-4711-x1y2z3`.

    Folders of runs that were killed before they could tidy up are removed first: the number in a
    folder's name is its owner's process id.
    """
    runs = LOCAL / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for left_behind in runs.iterdir():
        if not _owner_lives(left_behind.name):
            shutil.rmtree(left_behind, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-{os.getpid()}-", dir=runs))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner_lives(folder_name: str) -> bool:
    pid = folder_name.rsplit("-", 2)[-2]
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
