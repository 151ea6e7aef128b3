"""Training many small networks at once: optimizers, the lab's network, chunks of seeds, telemetry."""
