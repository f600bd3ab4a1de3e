"""Totals of several agencies: this node's part in them, as the one that asks or as one that contributes."""
