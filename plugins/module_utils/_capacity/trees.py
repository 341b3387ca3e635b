# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider trees against a request: does it fit, how many more fit, and what is the limit.

The answers are Placement's (placement objects/allocation_candidate.py, research_context.py, release 16.0.0): a request
fits a tree when ``GET /allocation_candidates`` would have a candidate whose root is that of the tree. How many fit is
the greatest number of allocations that can be made one after the other, with the best choice among the candidates.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .groups import Request
from .model import Snapshot


@dataclass(frozen=True, slots=True)
class Count:
    """How many times a request fits.

    :param fits: this many do
    :param bound: and no more than this many; the same number where it is proven
    """

    fits: int
    bound: int

    @property
    def proven(self) -> bool:
        """Whether ``fits`` is exact."""
        return self.fits == self.bound


@dataclass(frozen=True, slots=True)
class Limit:
    """What keeps one more from fitting.

    :param limit: "MEMORY_MB", "max_unit of VCPU", "min_unit of VCPU", "step_size of VCPU", "trait HW_CPU_X86_AVX",
        "trait !COMPUTE_STATUS_DISABLED", "aggregates", "tree" (topology: same_subtree, isolate, in_tree)
    :param kind: "resource", "unit", "trait", "aggregate" or "tree"
    :param more: how many more would fit without it; None where that is not finite
    """

    limit: str
    kind: str
    more: int | None


class Forest:
    """The provider trees of a snapshot, with usages of their own that :meth:`claim` adds to.

    Trees are named by the uuid of their root. Providers that share by aggregates, and are no part of a host's tree, are
    trees as well: Placement has candidates for them where they alone can give what is asked.

    :ivar roots: the roots of all trees, in the order of the snapshot
    """

    roots: list[str]

    def __init__(self, snapshot: Snapshot) -> None:
        raise NotImplementedError

    def copy(self) -> Forest:
        """The same trees, with usages that can change by themselves."""
        raise NotImplementedError

    def admits(self, root: str, request: Request) -> bool:
        """Whether one more fits."""
        raise NotImplementedError

    def most(self, root: str, request: Request) -> Count:
        """How many more fit in one tree when nobody else takes from providers that it shares."""
        raise NotImplementedError

    def most_each(self, request: Request, roots: t.Iterable[str] | None = None) -> dict[str, Count]:
        """:meth:`most` for all trees, or for these, each by itself; trees with none are left out."""
        raise NotImplementedError

    def together(self, request: Request, roots: t.Iterable[str] | None = None) -> Count:
        """How many more fit in all these trees together: those that share a provider share what it has."""
        raise NotImplementedError

    def limits(self, root: str, request: Request) -> list[Limit]:
        """What limits the number in one tree, that whose removal gives most first."""
        raise NotImplementedError

    def claim(self, root: str, request: Request, count: int = 1) -> int:
        """Allocate up to ``count`` in one tree, as the best choice has it; how many there were."""
        raise NotImplementedError

    def proven(self, root: str, request: Request) -> bool:
        """Whether the snapshot knows the units for this, rather than assumes Placement's defaults."""
        raise NotImplementedError
