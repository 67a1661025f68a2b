"""Engines run the nodes of a plan."""
