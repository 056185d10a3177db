"""What the service does: no HTTP, no SQL of its own."""
