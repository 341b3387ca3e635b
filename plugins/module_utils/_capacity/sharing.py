# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much goes from groups that ask for the same thing to the providers that share it: a maximum flow."""

from __future__ import annotations

import collections
import typing as t
from dataclasses import dataclass

from .packing import Amounts

Node = t.TypeVar("Node", bound=t.Hashable)
Lot = tuple[str, Amounts]  # what one item takes from a shared provider: the root of its tree, and the cells there


@dataclass(frozen=True, slots=True)
class Borrower:
    """A tree, as far as it has to do with providers that several trees share.

    :param most: how often the request fits when it is alone
    :param own: so often without anything that is shared
    :param lots: where it can have the rest from
    :param exact: whether these numbers are all there is to know about it
    """

    most: int
    own: int
    lots: frozenset[Lot]
    exact: bool


def joint_bound(borrowers: t.Iterable[Borrower], slots: t.Mapping[Lot, int]) -> tuple[int, bool]:
    """How often a request fits in all these trees together at most, and whether it does fit that often.

    Each tree uses first what nobody else can; the rest is a flow from the trees to what is shared.

    :param slots: how often what is shared is there
    """
    supplies: dict[frozenset[Lot], int] = collections.defaultdict(int)
    total = 0
    exact = True
    for borrower in borrowers:
        total += borrower.own
        supplies[borrower.lots] += borrower.most - borrower.own
        exact = exact and borrower.exact
    cells = [(root, cell) for root, takes in slots for cell, _amount in takes]
    exact = exact and len(cells) == len(set(cells))  # else two lots are of the same stuff
    return total + flow(supplies, slots), exact


def flow(supplies: t.Mapping[frozenset[Node], int], room: t.Mapping[Node, int]) -> int:
    """The most that can be sent from sets of nodes, of which each may be used by the whole supply, within their room.

    Augmenting paths, shortest first (Edmonds and Karp).
    """
    left = {group: supply for group, supply in supplies.items() if supply > 0}
    spare = {node: space for node, space in room.items() if space > 0}
    sent: dict[tuple[frozenset[Node], Node], int] = collections.defaultdict(int)
    total = 0
    while path := _path(left, spare, sent):
        steps = list(zip(path[::2], path[1::2], strict=True))  # (group, node): the group sends more to the node
        undone = list(zip(path[2::2], path[1::2], strict=False))  # and the next group sends less to it
        amount = min([left[path[0]], spare[path[-1]], *(sent[step] for step in undone)])
        for step in steps:
            sent[step] += amount
        for step in undone:
            sent[step] -= amount
        left[path[0]] -= amount
        spare[path[-1]] -= amount
        total += amount
    return total


def _path(
    left: dict[frozenset[Node], int], spare: dict[Node, int], sent: dict[tuple[frozenset[Node], Node], int]
) -> list[t.Any]:
    """group, node, group, ... node: from a group that has something left to a node that has room; [] when none is."""
    reached: dict[t.Any, t.Any] = {group: None for group, supply in left.items() if supply > 0}
    queue = collections.deque(reached)
    while queue:
        group = queue.popleft()
        for node in group:
            if node in reached:
                continue
            reached[node] = group
            if spare.get(node, 0) > 0:
                path = [node]
                while reached[path[-1]] is not None:
                    path.append(reached[path[-1]])
                return path[::-1]
            for other in left:
                if other not in reached and sent[other, node] > 0:
                    reached[other] = node
                    queue.append(other)
    return []
