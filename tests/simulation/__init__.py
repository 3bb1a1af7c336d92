"""A deterministic simulation of the partition protocol: the production code in a hostile world."""
