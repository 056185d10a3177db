"""The embedded W&B server: what unmodified W&B clients speak to."""
