"""Rules that read curves: what each run shows, and what runs show beside one another."""
