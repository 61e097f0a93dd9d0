"""The realtime server against Node's, in turns in one run: ``python -m benchmarks.realtime``."""
