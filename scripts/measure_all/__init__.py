"""The parts of `scripts/measure --all`."""
