"""The rules that two agencies must agree on. Sans-I/O: no network, no database, no clock, no randomness of its own."""
