"""Tiers in time: the laws of the ladder."""
