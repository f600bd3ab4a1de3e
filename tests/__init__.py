import nodes  # noqa: F401, before anything imports gRPC
