"""One agency's side: configuration, keys, partners, policy, ledger, network, commands. All I/O is here."""

from __future__ import annotations

import os

# TLS 1.3 alone. gRPC has no option for it, only this list of suites for TLS 1.2, which it reads when it is imported.
# The one suite on it needs a key that both sides had before, and neither has; TLS 1.3 has suites of its own (ADR 31).
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-PSK-AES128-CBC-SHA"
