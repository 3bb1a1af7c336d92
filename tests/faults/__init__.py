"""Killing, freezing, cutting off and wiping things under load, and counting what was lost."""
