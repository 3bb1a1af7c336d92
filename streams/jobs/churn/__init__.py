"""Fitting, evaluating and watching the churn model: what reads files and states, off the hot path.

These modules use numpy and scipy. Commands import them when they are run, so that workers do not
load either.
"""
