"""Engines: what runs the nodes of a plan."""
