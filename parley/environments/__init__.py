"""Environments for back ends that cannot live in Parley's own: `parley backend install`."""
