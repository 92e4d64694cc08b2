"""The parts of scripts/measure-users."""
