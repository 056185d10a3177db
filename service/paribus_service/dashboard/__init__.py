"""Server-rendered pages, on W&B's own paths."""
