"""How this node's own people speak to it: HTTP over a Unix socket that the operating system guards."""
