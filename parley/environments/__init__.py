"""Builds Python environments for back ends whose packages exclude those of Parley's own
environment: `parley backend install`."""
