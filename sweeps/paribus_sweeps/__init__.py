"""Sweeps as values: configs checked, designs expanded, runs compared. Pure, and no service."""
