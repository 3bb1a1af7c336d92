"""What touches the world: Kafka, Redis, agents, settings, metrics and the command line."""
