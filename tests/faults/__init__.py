"""Killing, freezing and wiping things under load, and counting what was lost."""
