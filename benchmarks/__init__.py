"""Reproducible measurements: the core, whole queries, and peers in the same run. Nothing else imports this package.

docs/benchmarks.md says how to run them and what each figure means.
"""
