"""What Tierstream concludes: the rule language, tiers, churn bands, and the reducer."""
