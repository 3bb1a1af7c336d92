"""The transactional log: a port, Kafka behind it, and a second implementation in memory."""
