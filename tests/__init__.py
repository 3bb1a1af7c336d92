"""The tests, in the shape of the product: models, rules, streams, and what needs services."""
