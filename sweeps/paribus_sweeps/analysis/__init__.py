"""What runs say: best runs per factor now; contrasts, effects and curves have their place here."""
