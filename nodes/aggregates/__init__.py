"""Counts and sums at this node: what records say, how closely it may be told, and the file with the figures."""
