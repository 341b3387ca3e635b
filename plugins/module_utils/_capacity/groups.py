# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of Placement: ``GET /allocation_candidates`` (placement lib.py: RequestGroup, RequestWideParams).

Everything here is frozen and hashable, so that answers can be remembered by the question.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

# All of the sets must be met; a set is met by any one of its members. {A} and {B, C}: A, and one of B and C.
AllOfAny = tuple[frozenset[str], ...]
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """One group of a request.

    :param suffix: "" is the unnumbered group, whose classes may come from several providers of a tree (each class whole
        from one provider); any other is a granular group, which comes from one provider
    :param resources: (resource class, amount >= 1) pairs, each class once; may be empty in a granular group that is
        named in ``same_subtree``
    :param required: traits: all of any (``required=A,in:B,C`` is ``({A}, {B, C})``)
    :param forbidden: traits that no provider of the group may have
    :param member_of: uuids of Placement aggregates: all of any
    :param not_member_of: uuids of Placement aggregates (``member_of=!UUID``, ``!in:``)
    :param in_tree: uuid of a provider whose tree is wanted
    """

    suffix: str = ""
    resources: tuple[tuple[str, int], ...] = ()
    required: AllOfAny = ()
    forbidden: frozenset[str] = NOTHING
    member_of: AllOfAny = ()
    not_member_of: frozenset[str] = NOTHING
    in_tree: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request.

    :param groups: at most one with the suffix "", and each suffix once
    :param isolate: ``group_policy=isolate``: the granular groups come from different providers
    :param same_subtree: sets of suffixes; the providers of each set have one of them as the ancestor of all
        (a provider is its own ancestor)
    :param root_required: traits that the root of the tree must have
    :param root_forbidden: traits that the root of the tree may not have
    """

    groups: tuple[RequestGroup, ...]
    isolate: bool = False
    same_subtree: tuple[frozenset[str], ...] = field(default=())
    root_required: frozenset[str] = NOTHING
    root_forbidden: frozenset[str] = NOTHING

    @property
    def anywhere(self) -> bool:
        """Whether no group wants a certain tree, so that trees alike have the same answer."""
        return all(group.in_tree is None for group in self.groups)


def all_of(traits: t.Iterable[str]) -> AllOfAny:
    """Traits that are all required, as ``RequestGroup.required`` wants them."""
    return tuple(frozenset((trait,)) for trait in sorted(traits))


def amounts(resources: t.Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Resources as ``RequestGroup.resources`` wants them; amounts of 0 are left out, as nothing is asked."""
    return tuple(sorted((name, amount) for name, amount in resources.items() if amount))
