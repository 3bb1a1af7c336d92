"""What this machine makes of the pipeline: throughput, latency, CPU and memory, each verified."""
