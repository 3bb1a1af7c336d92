"""Where local things are kept: one ignored folder beside the code, and the virtual environment."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's top folder."""

LOCAL = ROOT / ".tierstream"
"""Everything that local runs leave behind: jars, data of services, logs. Safe to delete."""

VENV = ROOT / ".venv"
"""The virtual environment that `dev.py` makes from the lock file."""

LOCK_FILE = ROOT / "deploy" / "requirements.lock"
"""Every package by version and hash, for all supported Pythons and platforms."""
