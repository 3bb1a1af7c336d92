"""The state store: a port, Redis behind it, and a second implementation in memory."""
