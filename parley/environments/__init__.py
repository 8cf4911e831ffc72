"""Builds Python environments for backends whose packages exclude those of Parley's own
environment: `parley backend install`."""
