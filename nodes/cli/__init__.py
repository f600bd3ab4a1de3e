"""The command `accord`: a thin client of its own node. It never imports the server."""
