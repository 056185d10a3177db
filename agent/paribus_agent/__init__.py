"""The training program of Paribus; importing this package costs nothing."""
