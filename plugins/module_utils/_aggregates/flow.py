# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flow of least cost through a network whose arcs have lower and upper bounds.

Primal-dual method: shortest paths with potentials (Dijkstra), then a blocking flow (Dinic) over the arcs of reduced
cost 0. Lower bounds become supplies and demands of the ends of an arc. See Ahuja, Magnanti, Orlin: Network Flows,
chapters 5.7 (lower bounds) and 9.8 (primal-dual). The result depends on the order in which arcs are added, and on
nothing else.
"""

from __future__ import annotations

import collections
import heapq

_INFINITE = 1 << 200


class Network:
    """A network; nodes are numbers.

    :ivar cost: of the flow that was found
    :ivar work: how many arcs were looked at
    """

    def __init__(self) -> None:
        self.cost = 0
        self.work = 0
        self._arcs: list[list[int]] = []  # by node, numbers of the arcs that leave it
        self._head: list[int] = []  # by arc; arc 2n+1 is arc 2n backwards
        self._left: list[int] = []
        self._costs: list[int] = []
        self._lower: dict[int, int] = {}  # by arc, what is sent in any case
        self._excess: list[int] = []
        self.source = self.node()
        self.sink = self.node()

    def node(self) -> int:
        """A new node."""
        self._arcs.append([])
        self._excess.append(0)
        return len(self._arcs) - 1

    def supply(self, node: int, amount: int) -> None:
        """What starts in a node, or if negative ends there."""
        self._excess[node] += amount

    def arc(self, tail: int, head: int, lower: int, upper: int, cost: int = 0) -> int:
        """A new arc. ``cost`` is 0 or more, and ``lower`` at most ``upper``."""
        number = self._add(tail, head, upper - lower, cost)
        if lower:
            self._lower[number] = lower
            self._excess[head] += lower
            self._excess[tail] -= lower
            self.cost += lower * cost
        return number

    def _add(self, tail: int, head: int, capacity: int, cost: int) -> int:
        number = len(self._head)
        self._arcs[tail].append(number)
        self._arcs[head].append(number + 1)
        self._head += (head, tail)
        self._left += (capacity, 0)
        self._costs += (cost, -cost)
        return number

    def flow(self, arc: int) -> int:
        """What goes through an arc."""
        return self._left[arc + 1] + self._lower.get(arc, 0)

    def solve(self) -> bool:
        """Find the flow of least cost; False if there is none within the bounds."""
        wanted = 0
        for node, amount in enumerate(self._excess):
            if amount > 0:
                self._add(self.source, node, amount, 0)
                wanted += amount
            elif amount < 0:
                self._add(node, self.sink, -amount, 0)
        potentials = [0] * len(self._arcs)
        distance = 0
        while wanted:
            distances = self._distances(potentials)
            if distances[self.sink] >= _INFINITE:
                return False
            distance += distances[self.sink]
            far = distances[self.sink]
            for node, length in enumerate(distances):
                potentials[node] += min(length, far)
            sent = self._blocking_flow(potentials)
            wanted -= sent
            self.cost += sent * distance
        return True

    def _distances(self, potentials: list[int]) -> list[int]:
        """Distances from the source with reduced costs; those beyond the sink may be too long."""
        head, left, costs = self._head, self._left, self._costs
        distances = [_INFINITE] * len(potentials)
        distances[self.source] = 0
        heap = [(0, self.source)]
        while heap:
            length, node = heapq.heappop(heap)
            if length > distances[node]:
                continue
            if node == self.sink:
                break
            self.work += len(self._arcs[node])
            base = length + potentials[node]
            for arc in self._arcs[node]:
                if left[arc]:
                    to = head[arc]
                    new = base + costs[arc] - potentials[to]
                    if new < distances[to]:
                        distances[to] = new
                        heapq.heappush(heap, (new, to))
        return distances

    def _levels(self, potentials: list[int]) -> list[int] | None:
        """How many arcs of reduced cost 0 each node is from the source; None if the sink cannot be reached."""
        head, left, costs = self._head, self._left, self._costs
        levels = [-1] * len(potentials)
        levels[self.source] = 0
        queue = collections.deque([self.source])
        while queue:
            node = queue.popleft()
            base = potentials[node]
            self.work += len(self._arcs[node])
            for arc in self._arcs[node]:
                to = head[arc]
                if left[arc] and levels[to] < 0 and base + costs[arc] == potentials[to]:
                    levels[to] = levels[node] + 1
                    queue.append(to)
        return levels if levels[self.sink] >= 0 else None

    def _blocking_flow(self, potentials: list[int]) -> int:
        """Send all that the arcs of reduced cost 0 take; how much."""
        total = 0
        while (levels := self._levels(potentials)) is not None:
            following = [0] * len(levels)  # by node, the next of its arcs to try
            while sent := self._augment(potentials, levels, following):
                total += sent
        return total

    def _augment(self, potentials: list[int], levels: list[int], following: list[int]) -> int:
        """Send as much as one path takes that goes from level to level; 0 if there is no path any more."""
        head, left, costs, arcs = self._head, self._left, self._costs, self._arcs
        path: list[int] = []
        node = self.source
        while node != self.sink:
            outgoing = arcs[node]
            number = following[node]
            while number < len(outgoing):
                arc = outgoing[number]
                to = head[arc]
                if left[arc] and levels[to] == levels[node] + 1 and potentials[node] + costs[arc] == potentials[to]:
                    break
                number += 1
            self.work += number - following[node] + 1
            following[node] = number
            if number < len(outgoing):
                path.append(outgoing[number])
                node = head[outgoing[number]]
            elif path:
                node = head[path.pop() ^ 1]
                following[node] += 1
            else:
                return 0
        sent = min(left[arc] for arc in path)
        for arc in path:
            left[arc] -= sent
            left[arc ^ 1] += sent
        return sent
