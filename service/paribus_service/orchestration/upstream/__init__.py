"""Work with a W&B server: the official client, in a process of its own."""
