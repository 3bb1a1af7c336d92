"""The churn model on real and on simulated customers."""
