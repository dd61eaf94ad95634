"""Isolation of the nodes that the benchmarks start."""

from domains import isolate

isolate()
