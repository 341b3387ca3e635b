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

from . import inventory, packing
from .errors import SnapshotError
from .groups import Request
from .limits import suspects
from .model import SHARING, Inventory, Provider, Snapshot
from .plans import Located, Node, Plan, Shape, Waived, plan
from .sharing import Borrower, Lot, joint_bound

PLENTY = 1 << 40  # a count of more than this has no limit


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
    """What keeps more from fitting in a tree: without it more would fit, or by itself it lets no more fit.

    Without a resource class means that every provider of the tree has it without end, and those of other trees that
    share what they have of it; without a unit, that no inventory of the class has it; without anything else, that
    nobody asks for it. By itself means that everything else is taken away in this manner. A class is a limit by itself
    where it is enough for no more than fit now, anything else where nothing fits at all.

    :param limit: "MEMORY_MB", "max_unit of VCPU", "trait HW_CPU_X86_AVX", "trait A or B",
        "trait !COMPUTE_STATUS_DISABLED", "aggregates", or "group rules" (isolate, same_subtree, in_tree)
    :param kind: "resource", "unit", "trait", "aggregate" or "tree"
    :param more: how many more would fit without it; 0 where something else limits just as much, None where nothing
        else would be a limit
    """

    limit: str
    kind: str
    more: int | None


class LimitSum(t.NamedTuple):
    """A limit, added up over trees.

    :param trees: in so many it is the limit
    :param more: so many more would fit into all of them; None where that is not finite
    """

    limit: str
    kind: str
    trees: int
    more: int | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something that may be the limit in trees of one shape.

    :param without: the plan without it
    :param alone: the plan with nothing else
    :param blocks: whether nothing can fit because of it, whatever is free
    """

    limit: str
    kind: str
    without: Plan | None
    alone: Plan | None
    blocks: bool


class _Judge:
    """Finds the limits in trees of one shape."""

    def __init__(
        self, now: Plan | None, entries: list[_Entry], fits: t.Callable[[Plan | None, list[int]], int]
    ) -> None:
        self._now = now
        self._entries = entries
        self._fits = fits
        self._known: dict[tuple[str, str, int | None], Limit] = {}
        self._singles: dict[tuple[int, int | None], tuple[Limit, ...]] = {}
        self._classes: list[tuple[str, int, int]] = []  # name, cell, amount where there is no choice and no more to see
        resources = [entry for entry in entries if entry.kind == "resource"]
        if now is not None and now.simple is not None and len(now.simple) == len(resources):
            for entry in resources:
                if entry.alone is not None and entry.alone.simple is not None:
                    self._classes += [(entry.limit, cell, amount) for cell, amount in entry.alone.simple]
            if sorted((cell, amount) for _name, cell, amount in self._classes) != sorted(now.simple):
                self._classes = []

    def limits(self, free: list[int]) -> tuple[Limit, ...]:
        """The limits of a tree, that whose removal gives most first."""
        return self._of_classes(free) if self._classes else self._of_all(free)

    def added(self, frees: t.Sequence[list[int]]) -> t.Iterator[LimitSum]:
        """The limits of many trees, added up: what :meth:`limits` says of each, found for all trees at a time."""
        vectors = _Vectors(frees, self._fits)
        now = vectors.of(self._now)
        for entry in self._entries:
            without = vectors.of(entry.without)
            more = sum([larger - least for larger, least in zip(without, now, strict=True) if larger > least])
            if entry.kind == "resource":
                alone = vectors.of(entry.alone)
                triples = zip(without, now, alone, strict=True)
                trees = sum([larger > least or own <= least for larger, least, own in triples])
            elif entry.blocks:
                trees = len(frees)
            else:
                trees = sum([larger > least for larger, least in zip(without, now, strict=True)])
            if trees:
                yield LimitSum(entry.limit, entry.kind, trees, None if more > PLENTY else more)

    def _of_classes(self, free: list[int]) -> tuple[Limit, ...]:
        """Where each class comes from one provider, and all rules are met: the class with the lowest count."""
        counts = [free[cell] // amount for _name, cell, amount in self._classes]
        lowest = min(counts)
        if lowest <= 0 or counts.count(lowest) > 1:
            lowest = max(0, lowest)
            binding = [self._classes[number][0] for number, count in enumerate(counts) if count <= lowest]
            if len(binding) > 1:
                return tuple([self._limit(name, "resource", 0) for name in binding])
        position = counts.index(min(counts))
        del counts[position]
        return self._only(position, min(counts) - lowest if counts else None)

    def _only(self, position: int, more: int | None) -> tuple[Limit, ...]:
        """One class is the only limit."""
        key = (position, more)
        found = self._singles.get(key)
        if found is None:
            found = self._singles[key] = (Limit(self._classes[position][0], "resource", more),)
        return found

    def _of_all(self, free: list[int]) -> tuple[Limit, ...]:
        """What gives more when it is left out, and what by itself allows no more."""
        now = self._fits(self._now, free)
        found = []
        for entry in self._entries:
            more = max(0, self._fits(entry.without, free) - now)
            if entry.kind == "resource":
                binds = more > 0 or self._fits(entry.alone, free) <= now
            else:
                binds = more > 0 or entry.blocks
            if binds:
                found.append(self._limit(entry.limit, entry.kind, None if more > PLENTY else more))
        return tuple(sorted(found, key=lambda limit: (-(PLENTY if limit.more is None else limit.more), limit.limit)))

    def _limit(self, limit: str, kind: str, more: int | None) -> Limit:
        key = (limit, kind, more)
        return self._known.get(key) or self._known.setdefault(key, Limit(limit, kind, more))


class _Vectors:
    """How often plans fit, for many trees of one shape at a time."""

    def __init__(self, frees: t.Sequence[list[int]], fits: t.Callable[[Plan | None, list[int]], int]) -> None:
        self._frees = frees
        self._fits = fits
        self._columns: dict[tuple[int, int], list[int]] = {}

    def of(self, found: Plan | None) -> list[int]:
        """How often a plan fits into each tree."""
        if found is None:
            return [0] * len(self._frees)
        if found.simple is None:
            return [self._fits(found, free) for free in self._frees]
        columns = [self._column(cell, amount) for cell, amount in found.simple]
        if not columns:
            return [packing.UNLIMITED] * len(self._frees)
        return columns[0] if len(columns) == 1 else list(map(min, *columns))

    def _column(self, cell: int, amount: int) -> list[int]:
        """How often the amount is left in one cell of each tree."""
        key = (cell, amount)
        if key not in self._columns:
            self._columns[key] = [free[cell] // amount if free[cell] > 0 else 0 for free in self._frees]
        return self._columns[key]


class _Loan(t.NamedTuple):
    """Cells of a provider of another tree: there they begin at ``first``, here they are ``start`` to ``end``."""

    root: str
    first: int
    start: int
    end: int


@dataclass(slots=True)
class _Tree:
    """A tree, with what is free in it.

    :param shape: number of its shape
    :param free: by cell of its own providers
    :param loans: sharing providers of other trees, whose cells come after its own
    """

    root: str
    shape: int
    free: list[int]
    loans: tuple[_Loan, ...]


class Forest:
    """The provider trees of a snapshot, with usages of their own that :meth:`claim` adds to.

    Trees are named by the uuid of their root. Providers that share by aggregates, and are no part of a host's tree, are
    trees as well.

    :ivar roots: the roots of all trees, in the order of the snapshot
    """

    def __init__(self, snapshot: Snapshot) -> None:
        planter = _Planter(snapshot)
        self._trees: dict[str, _Tree] = planter.trees
        self._root_of: dict[str, str] = planter.root_of
        self._places: dict[str, int] = planter.places
        self._shapes: list[Shape] = planter.shapes
        self.roots: list[str] = list(self._trees)
        self._plans: dict[tuple[int, Request, Located, Waived], Plan | None] = {}
        self._components: dict[t.Hashable, packing.Component] = {}
        self._packings: dict[tuple[int, tuple[int, ...]], packing.Packing] = {}
        self._judges: dict[tuple[int, Request, Located], _Judge] = {}

    def copy(self) -> Forest:
        """The same trees, with usages that can change by themselves."""
        other = object.__new__(Forest)
        other.__dict__.update(self.__dict__)  # shapes never change, and what is remembered holds for both
        other._trees = {
            root: _Tree(root, tree.shape, tree.free.copy(), tree.loans) for root, tree in self._trees.items()
        }
        return other

    # ---- how many

    def admits(self, root: str, request: Request) -> bool:
        """Whether one more fits."""
        tree = self._trees[root]
        found = self._plan(tree, request)
        return self._fits_once(found, self._available(tree))

    def most(self, root: str, request: Request) -> Count:
        """How many more fit in one tree when nobody else takes from providers that it shares."""
        tree = self._trees[root]
        return self._pack(self._plan(tree, request), self._available(tree))

    def most_each(
        self, request: Request, roots: t.Iterable[str] | None = None, waived: Waived = frozenset()
    ) -> dict[str, Count]:
        """:meth:`most` for all trees, or for these, each by itself; trees with none (proven) are left out."""
        counts: dict[str, Count] = {}
        known: dict[int, Count] = {}  # one Count for all trees that have as many
        plans: dict[int, Plan | None] = {}  # by shape
        for root in self.roots if roots is None else roots:
            tree = self._trees[root]
            if tree.shape in plans:
                found = plans[tree.shape]
            else:
                found = self._plan(tree, request, waived)
                if request.anywhere:
                    plans[tree.shape] = found
            if found is None:
                continue
            if found.simple and not tree.loans:
                free = tree.free
                fits = min([free[cell] // amount for cell, amount in found.simple])
                if fits > 0:
                    counts[root] = known.get(fits) or known.setdefault(fits, Count(fits, fits))
                continue
            count = self._pack(found, self._available(tree))
            if count.bound > 0:
                counts[root] = count
        return counts

    def together(self, request: Request, roots: t.Iterable[str] | None = None, waived: Waived = frozenset()) -> Count:
        """How many more fit in all these trees together: those that share a provider share what it has."""
        fits = bound = 0
        sharing: list[tuple[_Tree, Count]] = []
        for root, count in self.most_each(request, roots, waived).items():
            tree = self._trees[root]
            if tree.loans or any(node.lends for node in self._shapes[tree.shape]):
                sharing.append((tree, count))
            else:
                fits += count.fits
                bound += count.bound
        if sharing:
            joint = self._joint(request, sharing, waived)
            fits += joint.fits
            bound += joint.bound
        return Count(fits, bound)

    def _joint(self, request: Request, trees: list[tuple[_Tree, Count]], waived: Waived) -> Count:
        """:meth:`together` for trees that have to do with providers that several trees share."""
        borrowers: list[Borrower] = []
        slots: dict[Lot, int] = {}
        for tree, count in trees:
            found = t.cast(Plan, self._plan(tree, request, waived))  # as something fits
            free = self._available(tree)
            own = 0
            lots = set()
            items = 0  # that may come from providers that are shared
            for component in found.components:
                parts = [[(self._lot(tree, option), option) for option in options] for options in component.items]
                if any(lot for options in parts for lot, _option in options):
                    items += len(parts) + len(component.covers)
                    for lot, option in parts[0]:
                        if lot is None:
                            own += packing.times(option.takes, free)
                        else:
                            lots.add(lot)
                            slots[lot] = packing.times(option.takes, free)
            if items > 1:  # too complicated for a flow: as if it had all by itself
                borrowers.append(Borrower(count.bound, count.bound, frozenset(), False))
            elif items == 1:
                borrowers.append(Borrower(count.bound, min(own, count.bound), frozenset(lots), count.proven))
            else:
                borrowers.append(Borrower(count.bound, count.bound, frozenset(), count.proven))
        bound, exact = joint_bound(borrowers, slots)
        if exact:
            return Count(bound, bound)
        trial = self.copy()
        fits = sum(trial.claim(tree.root, request, bound, waived) for tree, _count in trees)
        return Count(fits, max(fits, bound))

    def _lot(self, tree: _Tree, option: packing.Option) -> Lot | None:
        """What an option takes from a provider that is shared: (root, cells there); None for other providers."""
        if not option.takes:
            return None
        first = option.takes[0][0]
        for loan in tree.loans:
            if loan.start <= first < loan.end:
                return loan.root, tuple((cell - loan.start + loan.first, amount) for cell, amount in option.takes)
        return (tree.root, option.takes) if self._shapes[tree.shape][option.place].lends else None

    # ---- limits

    def limits(self, root: str, request: Request) -> tuple[Limit, ...]:
        """What limits the number in one tree by itself, that whose removal gives most first."""
        return self.limits_each(request, (root,))[root]

    def limits_each(self, request: Request, roots: t.Iterable[str] | None = None) -> dict[str, tuple[Limit, ...]]:
        """:meth:`limits` of all trees, or of these."""
        found: dict[str, tuple[Limit, ...]] = {}
        judges: dict[int, _Judge] = {}  # by shape
        for root in self.roots if roots is None else roots:
            tree = self._trees[root]
            judge = judges.get(tree.shape)
            if judge is None:
                judge = self._judge(tree, request)
                if request.anywhere:
                    judges[tree.shape] = judge
            found[root] = judge.limits(tree.free if not tree.loans else self._available(tree))
        return found

    def limits_added(self, request: Request, roots: t.Iterable[str] | None = None) -> list[LimitSum]:
        """:meth:`limits` of all trees, or of these, each by itself, added up by limit."""
        judged: dict[int, tuple[_Judge, list[list[int]]]] = {}  # by id of the judge: itself, and its trees
        judges: dict[int, list[list[int]]] = {}  # by shape
        for root in self.roots if roots is None else roots:
            tree = self._trees[root]
            frees = judges.get(tree.shape)
            if frees is None:
                judge = self._judge(tree, request)
                frees = judged.setdefault(id(judge), (judge, []))[1]
                if request.anywhere:
                    judges[tree.shape] = frees
            frees.append(tree.free if not tree.loans else self._available(tree))
        found: dict[tuple[str, str], LimitSum] = {}
        for judge, frees in judged.values():
            for each in judge.added(frees):
                before = found.get((each.limit, each.kind), LimitSum(each.limit, each.kind, 0, 0))
                more = None if before.more is None or each.more is None else before.more + each.more
                found[each.limit, each.kind] = LimitSum(each.limit, each.kind, before.trees + each.trees, more)
        return list(found.values())

    def more_together(self, request: Request, roots: t.Collection[str], now: int) -> list[LimitSum]:
        """:meth:`limits_added`, with as many ``more`` as would fit in all these trees together, which may share.

        :param now: how many fit in them together with the limits
        """
        shapes = [self._shapes[number] for number in {self._trees[root].shape for root in roots}]
        known = {(each.limit, each.kind): each for shape in shapes for each in suspects(request, shape)}
        found = []
        for each in self.limits_added(request, roots):
            suspect = known[each.limit, each.kind]
            more = self.together(suspect.without, roots, suspect.waived).fits - now
            found.append(each._replace(more=None if more > PLENTY else max(0, more)))
        return found

    def _judge(self, tree: _Tree, request: Request) -> _Judge:
        """The judge for trees like this, made once."""
        key = (tree.shape, request, self._located(tree, request))
        if key not in self._judges:
            entries = []
            endless = [packing.UNLIMITED] * sum(len(node.cells) for node in self._shapes[tree.shape])
            for suspect in suspects(request, self._shapes[tree.shape]):
                alone = self._plan(tree, suspect.alone, suspect.others)
                if suspect.kind == "resource":
                    blocks = False  # that depends on what is free
                else:
                    blocks = not self._fits_once(alone, endless)
                if blocks and suspect.waived:  # nor would anything fit without it, where the class cannot be had at all
                    least = self._plan(tree, suspect.alone, suspect.others | suspect.waived)
                    blocks = self._fits_once(least, endless)
                without = self._plan(tree, suspect.without, suspect.waived)
                entries.append(_Entry(suspect.limit, suspect.kind, without, alone, blocks))
            self._judges[key] = _Judge(self._plan(tree, request), entries, self._fits)
        return self._judges[key]

    # ---- allocations

    def claim(self, root: str, request: Request, count: int = 1, waived: Waived = frozenset()) -> int:
        """Allocate up to ``count`` in one tree, by the choice of providers that fits most often; how many it were."""
        tree = self._trees[root]
        found = self._plan(tree, request, waived)
        if found is None:
            return 0
        free = self._available(tree)
        count = min(count, self._pack(found, free).fits)
        if count:
            for component in found.components:
                packing.take(component, free, count, self._packed(component, free))
            tree.free[:] = free[: len(tree.free)]
            for loan in tree.loans:
                lent = free[loan.start : loan.end]
                self._trees[loan.root].free[loan.first : loan.first + len(lent)] = lent
        return count

    def book(self, provider: str, name: str, amount: int) -> None:
        """Allocate so much of a resource class of one provider, whether it is there or not; a negative amount frees."""
        tree, cells = self._cells(provider)
        tree.free[cells[name]] -= amount

    def free(self, provider: str) -> dict[str, int]:
        """What is left in one provider by resource class; negative where more is used than there is."""
        tree, cells = self._cells(provider)
        return {name: tree.free[cell] for name, cell in cells.items()}

    def proven(self, root: str, request: Request) -> bool:
        """Whether the snapshot knows the units for this, rather than assumes Placement's defaults."""
        shape = self._shapes[self._trees[root].shape]
        return all(
            inventory.proven(node.units[name], amount)
            for group in request.groups
            for name, amount in group.resources
            for node in shape
            if name in node.units
        )

    # ---- the parts

    def _available(self, tree: _Tree) -> list[int]:
        """What is free by cell; a copy only where something is borrowed."""
        if not tree.loans:
            return tree.free
        free = tree.free.copy()
        for loan in tree.loans:
            free += self._trees[loan.root].free[loan.first : loan.first + loan.end - loan.start]
        return free

    def _cells(self, provider: str) -> tuple[_Tree, dict[str, int]]:
        """The tree of a provider, and its cells there by resource class."""
        tree = self._trees[self._root_of[provider]]
        return tree, self._shapes[tree.shape][self._places[provider]].cells

    def _located(self, tree: _Tree, request: Request) -> Located:
        """Where the trees are that in_tree names, by group."""
        if request.anywhere:
            return (None,) * len(request.groups)
        shape = self._shapes[tree.shape]
        roots = [tree.root] * (len(shape) - len(tree.loans)) + [loan.root for loan in tree.loans]
        located: list[frozenset[int] | None] = []
        for group in request.groups:
            if group.in_tree is None:
                located.append(None)
            else:
                wanted = self._root_of.get(group.in_tree)
                located.append(frozenset(place for place, root in enumerate(roots) if root == wanted))
        return tuple(located)

    def _plan(self, tree: _Tree, request: Request, waived: Waived = frozenset()) -> Plan | None:
        """The plan for trees of this shape, made once."""
        located = self._located(tree, request)
        key = (tree.shape, request, located, waived)
        if key not in self._plans:
            made = plan(self._shapes[tree.shape], request, located, waived)
            if made is not None:  # components alike are one, so that what is remembered of one serves all
                components = [self._components.setdefault(component.key, component) for component in made.components]
                made = Plan(tuple(components), made.simple)
            self._plans[key] = made
        return self._plans[key]

    def _fits_once(self, found: Plan | None, free: list[int]) -> bool:
        return found is not None and all(packing.fits_once(component, free) for component in found.components)

    def _fits(self, found: Plan | None, free: list[int]) -> int:
        if found is not None and found.simple is not None:
            return packing.times(found.simple, free)
        return self._pack(found, free).fits

    def _pack(self, found: Plan | None, free: list[int]) -> Count:
        """The component that fits least often."""
        if found is None:
            return Count(0, 0)
        fits = bound = packing.UNLIMITED
        for component in found.components:
            packed = self._packed(component, free)
            fits = min(fits, packed.fits)
            bound = min(bound, packed.bound)
        return Count(fits, bound)

    def _packed(self, component: packing.Component, free: list[int]) -> packing.Packing:
        """One component; what took thought is remembered."""
        if len(component.items) == 1:
            return packing.pack(component, free)
        key = (id(component), tuple([free[cell] for cell in component.cells]))
        if key not in self._packings:
            self._packings[key] = packing.pack(component, free)
        return self._packings[key]


class _Planter:
    """Makes trees, and the shapes that they have, from the providers of a snapshot.

    :ivar trees: by the uuid of the root
    :ivar root_of: by the uuid of any provider, that of its root
    :ivar places: by the uuid of any provider, its place in its tree
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._providers = {provider.uuid: provider for provider in snapshot.providers}
        self._kinds: dict[t.Any, int] = {}  # what providers may have in common, numbered
        self._numbers: dict[t.Any, int] = {}  # number of a shape
        self.shapes: list[Shape] = []
        self.trees: dict[str, _Tree] = {}
        self.root_of: dict[str, str] = {}
        members: dict[str, list[Provider]] = {}
        for provider in snapshot.providers:
            root = self._root(provider)
            if provider.parent is None:
                members.setdefault(root, []).insert(0, provider)
            else:
                members.setdefault(root, []).append(provider)
        self._members = {
            provider.uuid: members[provider.uuid] for provider in snapshot.providers if provider.parent is None
        }
        self._first_cell: dict[str, int] = {}
        self.places: dict[str, int] = {}
        for own in self._members.values():
            cell = 0
            for place, provider in enumerate(own):
                self.places[provider.uuid] = place
                self._first_cell[provider.uuid] = cell
                cell += len(provider.inventories)
        self._lenders: dict[str, list[Provider]] = {}  # by aggregate
        for provider in snapshot.providers:
            if SHARING in provider.traits:
                for aggregate in sorted(provider.aggregates):
                    self._lenders.setdefault(aggregate, []).append(provider)
        for root, own in self._members.items():
            self.trees[root] = self._tree(root, own)

    def _root(self, provider: Provider) -> str:
        """The uuid of the root of a provider's tree."""
        way = []
        while provider.uuid not in self.root_of and provider.parent is not None:
            way.append(provider.uuid)
            if provider.parent not in self._providers:
                raise SnapshotError("provider %s has a parent %s that is not there" % (provider.uuid, provider.parent))
            provider = self._providers[provider.parent]
        root = self.root_of.setdefault(provider.uuid, provider.uuid)
        self.root_of.update(dict.fromkeys(way, root))
        return root

    def _tree(self, root: str, own: list[Provider]) -> _Tree:
        free = [held.capacity - held.used for provider in own for _name, held in sorted(provider.inventories.items())]
        loans = []
        end = len(free)
        lenders = self._lenders_of(own)
        for lender in lenders:
            start, end = end, end + len(lender.inventories)
            loans.append(_Loan(self.root_of[lender.uuid], self._first_cell[lender.uuid], start, end))
        return _Tree(root, self._shape(own + lenders, len(own)), free, tuple(loans))

    def _lenders_of(self, own: list[Provider]) -> list[Provider]:
        """Providers of other trees that share with one of these."""
        if not self._lenders:
            return []
        root = self.root_of[own[0].uuid]
        found = {
            lender.uuid: lender
            for provider in own
            for aggregate in provider.aggregates
            for lender in self._lenders.get(aggregate, ())
            if self.root_of[lender.uuid] != root
        }
        return [found[uuid] for uuid in sorted(found)]

    def _shape(self, providers: list[Provider], own: int) -> int:
        """The number of the shape of these providers, of which the first ``own`` are the tree's."""
        places = {provider.uuid: place for place, provider in enumerate(providers)}
        above = [self._above(provider, places) for provider in providers] if len(providers) > 1 else [frozenset((0,))]
        key = (own, *((self._kind(provider), high) for provider, high in zip(providers, above, strict=True)))
        if key not in self._numbers:
            self._numbers[key] = len(self.shapes)
            self.shapes.append(_shape(providers, above, own))
        return self._numbers[key]

    def _kind(self, provider: Provider) -> int:
        """A number for what providers alike have in common."""
        units = tuple(
            (name, held.min_unit, held.max_unit, held.step_size, held.admits)
            for name, held in sorted(provider.inventories.items())
        )
        return self._kinds.setdefault((units, provider.traits, provider.aggregates), len(self._kinds))

    def _above(self, provider: Provider, places: dict[str, int]) -> frozenset[int]:
        """The places of a provider and of those above it."""
        found = set()
        uuid: str | None = provider.uuid
        while uuid is not None:
            if uuid in places:
                found.add(places[uuid])
            uuid = self._providers[uuid].parent
        return frozenset(found)


def _shape(providers: list[Provider], above: list[frozenset[int]], own: int) -> Shape:
    nodes = []
    cell = 0
    for place, provider in enumerate(providers):
        cells = {}
        units: dict[str, Inventory] = {}
        for name, held in sorted(provider.inventories.items()):
            cells[name] = cell
            units[name] = held
            cell += 1
        nodes.append(Node(cells, units, provider.traits, provider.aggregates, above[place], place >= own))
    return tuple(nodes)
