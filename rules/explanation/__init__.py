"""A second interpreter over the same rules: why, and what is missing."""
