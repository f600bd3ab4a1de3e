"""One agency's side: configuration, keys, partners, policy, ledger, network, commands. All I/O is here."""
