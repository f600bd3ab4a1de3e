"""What count, sum and totals have in common: the terms of an answer, its range, and what of it may be told."""
