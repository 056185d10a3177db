"""What a spec becomes: trials, draws, their price, and what they cannot tell apart."""
