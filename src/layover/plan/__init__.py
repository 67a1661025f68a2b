"""Plans: a recipe as a graph of cached steps."""

from layover.plan.build import build
from layover.plan.nodes import Cell, Node, Plan, partial

__all__ = ["Cell", "Node", "Plan", "build", "partial"]
