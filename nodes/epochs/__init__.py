"""Epochs at this node: those that it gives its partners, those that it holds of theirs, and their indexes on disk.

    <registry>/.epochs/given/<id>/             an own epoch: sealed statement and seed, releases, index
    <registry>/.epochs/held/<partner>/<id>/    a partner's: sealed statement, index

Both have the newest release in `current`, moved by rename once what it names is durable.
"""
