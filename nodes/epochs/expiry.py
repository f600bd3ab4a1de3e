"""Epochs end at the time that their statement names: then seed, releases and index are deleted, on both sides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from nodes.errors import NodeError
from nodes.ledger import Entry, Event
from nodes.logs import line
from nodes.node import Node

PAUSE_SECONDS: Final = 600.0  # between two looks; nobody may use an expired epoch meanwhile

log = logging.getLogger("accord.epochs")


async def end_expired_epochs(node: Node) -> None:
    """Look again and again, from now on until cancelled."""
    while True:
        await node.executor.storage(end_expired, node)
        await asyncio.sleep(PAUSE_SECONDS)


def end_expired(node: Node) -> None:
    """End every epoch whose time is over. One that cannot be read or is busy does not keep the others."""
    now_ms = node.now_ms()
    for epoch_id in node.given.ids():
        _each(epoch_id, partial(_end_given, node, epoch_id, now_ms))
    for _, epoch_id in node.held.ids():
        _each(epoch_id, partial(_end_held, node, epoch_id, now_ms))


def _end_given(node: Node, epoch_id: str, now_ms: int) -> None:
    epoch = node.given.by_id(epoch_id).epoch
    if now_ms >= epoch.not_after_ms:
        node.given.end(epoch_id, partial(_record, node, epoch.requester, epoch.data_set, epoch_id, now_ms))
        node.state.forget_epoch(epoch_id, now_ms)


def _end_held(node: Node, epoch_id: str, now_ms: int) -> None:
    one = node.held.by_id(epoch_id)
    if now_ms >= one.epoch.not_after_ms:
        node.held.end(epoch_id, partial(_record, node, one.partner, one.epoch.data_set, epoch_id, now_ms))


def _record(node: Node, partner: str, data_set: str, epoch_id: str, now_ms: int) -> None:
    row = Entry(event=Event.EPOCH_ENDED, partner=partner, data_set=data_set, epoch=epoch_id, note="expired")
    node.ledger.append(row, now_ms)


def _each(epoch_id: str, end: Callable[[], None]) -> None:
    try:
        end()
    except NodeError as error:
        log.error(line("epoch-not-ended", epoch=epoch_id, code=error.code, message=error))
