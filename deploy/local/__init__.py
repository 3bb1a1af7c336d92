"""Local services for demos, tests and measurements: a real Kafka and a real Valkey, no containers.

Only the standard library is imported here, because `dev.py` uses this package before the virtual
environment exists. Whoever starts a service owns it: its processes, ports and data folder end with
the `with` block, and on Linux also when the owner is killed.
"""
