"""A package that extends Layover: one of each thing."""
