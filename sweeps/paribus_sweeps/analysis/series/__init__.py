"""Curves for charts: x axes, smoothing, thinning, bands, and points that keep spikes."""
