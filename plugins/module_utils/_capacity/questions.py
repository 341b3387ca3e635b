# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A question as a user puts it, in the parameters of the module capacity_info, and its answer."""

from __future__ import annotations

import typing as t

from .errors import CapacityError, FlavorError, QuestionError, near
from .fits import Survey, find_flavors, fits
from .mix import mix
from .model import Flavor, Snapshot
from .request import Image, demand
from .rules import Group, existing_group, new_group
from .whatif import ChangedAggregate, Changes, MoreHosts, Ratio, changed

Params = t.Mapping[str, t.Any]


def sentence(error: CapacityError) -> str:
    """The message of an error as a sentence."""
    text = str(error).rstrip(".") + "."
    is_word = text.split(" ", 1)[0].isalpha()  # and not the name of an option or the path of a file
    return text[:1].upper() + text[1:] if is_word else text


class Question:
    """What is asked for, all but the snapshot.

    :param params: as capacity_info has them; what is not given is None or not there
    :ivar new_flavors: the flavor that there need not be
    :raises CapacityError: what is wrong in itself, whatever the snapshot
    """

    def __init__(self, params: Params) -> None:
        self.params = params
        self.new_flavors = (described_flavor(params["flavor"]),) if params.get("flavor") else ()
        self._image = _image(params)
        self._mix = _mix(params.get("mix"))
        self._changes = _changes(params.get("what_if") or {})
        self._new_group: Group | None = None
        if params.get("new_server_group"):
            new = params["new_server_group"]
            self._new_group = new_group(new["policy"], new.get("max_server_per_host"))
        for flavor in self.new_flavors:
            _check(flavor, self._image, bool(params.get("boot_from_volume")))

    @property
    def needs_servers(self) -> bool:
        """Whether the servers have to be in the snapshot."""
        filters = (self.params.get("scheduler") or {}).get("enabled_filters") or ()
        counted = {"NumInstancesFilter", "AggregateNumInstancesFilter"}
        return bool(self.params.get("server_group")) or not counted.isdisjoint(filters)

    @property
    def needs_totals(self) -> bool:
        """Whether total, reserved and ratio of inventories have to be in the snapshot."""
        return bool(self._changes.ratios)

    def set_image(self, image: t.Mapping[str, t.Any]) -> None:
        """The image as Glance shows it, below what the parameters say of its properties."""
        self._image = _image(self.params, image)

    def answer(self, snapshot: Snapshot) -> dict[str, t.Any]:
        """The answer as capacity_info returns it.

        :raises CapacityError: a name that there is not, or something that the snapshot does not have
        """
        params = self.params
        snapshot = changed(snapshot, self._changes)
        wanted = self._flavors()
        group = self._new_group
        if params.get("server_group"):
            group = existing_group(snapshot, params["server_group"])
        boot_from_volume = bool(params.get("boot_from_volume"))
        terms: dict[str, t.Any] = {name: params.get(name) for name in ("project", "zone", "aggregate", "scheduler")}
        detail = params.get("detail") or "flavors"
        result: dict[str, t.Any] = {
            **fits(
                snapshot,
                wanted,
                image=self._image,
                group=group,
                boot_from_volume=boot_from_volume,
                hosts=detail == "hosts",
                **terms,
            )
        }
        if self._mix:
            names = {flavor.name: flavor for flavor in self.new_flavors}
            flavors = find_flavors(snapshot, [names.get(name, name) for name in self._mix])
            survey = Survey(snapshot, group=group, flavors=flavors, **terms)
            demands = [survey.demand(flavor, self._image, boot_from_volume) for flavor in flavors]
            result["mix"] = mix(survey, list(zip(demands, self._mix.values(), strict=True)))
        if detail == "summary":
            for answer in result["flavors"].values():
                answer.pop("hosts")
        return result

    def _flavors(self) -> list[str | Flavor] | None:
        """The flavors in question; None for all."""
        named: list[str | Flavor] = list(self.params.get("flavors") or ())
        if self.params.get("flavors") is None and not self.new_flavors and not self._mix:
            return None
        new = {flavor.name: flavor for flavor in self.new_flavors}
        named += [name for name in self._mix if name not in named and name not in new]
        return [*named, *self.new_flavors]


def described_flavor(given: Params) -> Flavor:
    """A flavor as capacity_info describes one: vcpus, ram and swap (MiB), disk and ephemeral (GiB), extra_specs.

    :raises FlavorError: with the first thing that is wrong with it
    """
    name = str(given.get("name") or "flavor")
    keys = ("vcpus", "ram", "disk", "ephemeral", "swap")
    for key in given:
        if key not in (*keys, "name", "extra_specs"):
            raise FlavorError("flavor %s: it has no %s%s" % (name, key, near(str(key), [*keys, "extra_specs"])))
    sizes: dict[str, int] = {}
    for key in keys:
        value = given.get(key) or 0
        least = 1 if key in ("vcpus", "ram") else 0
        try:
            sizes[key] = -1 if isinstance(value, (bool, float)) else int(value)
        except (TypeError, ValueError):
            sizes[key] = -1
        if sizes[key] < least:
            raise FlavorError("flavor %s: %s has to be a whole number from %d on, not %r" % (name, key, least, value))
    specs = given.get("extra_specs") or {}
    if not isinstance(specs, t.Mapping):
        raise FlavorError("flavor %s: extra_specs has to be a dictionary" % name)
    return Flavor(
        id=name,
        name=name,
        vcpus=sizes["vcpus"],
        ram_mib=sizes["ram"],
        root_gib=sizes["disk"],
        ephemeral_gib=sizes["ephemeral"],
        swap_mib=sizes["swap"],
        extra_specs={str(key): _text(value) for key, value in specs.items()},
    )


def _check(flavor: Flavor, image: Image, boot_from_volume: bool) -> None:
    """Nova's API accepts a new flavor only without extra specs that it would ignore."""
    ignored = demand(flavor, image, boot_from_volume).ignored
    if ignored:
        raise FlavorError("flavor %s: %s" % (flavor.name, ignored[0].rstrip(".")))


def _image(params: Params, glance: t.Mapping[str, t.Any] | None = None) -> Image:
    """The image: what Glance shows, and over it what the parameters say."""
    properties = {key: _text(value) for key, value in (glance or {}).items() if isinstance(value, (str, int))}
    properties.update((str(key), _text(value)) for key, value in (params.get("image_properties") or {}).items())
    return Image(
        properties=properties,
        disk_format=params.get("image_format") or str((glance or {}).get("disk_format") or ""),
        name=str((glance or {}).get("name") or ""),
    )


def _mix(given: Params | None) -> dict[str, int]:
    """Numbers by flavor."""
    found: dict[str, int] = {}
    for name, number in (given or {}).items():
        try:
            found[name] = int(number)
        except (TypeError, ValueError):
            found[name] = -1
        if isinstance(number, (bool, float)) or found[name] < 0:
            raise QuestionError("mix has whole numbers of servers by flavor, not %r for %s" % (number, name))
    return found


def _changes(given: Params) -> Changes:
    return Changes(
        remove_hosts=tuple(given.get("remove_hosts") or ()),
        disable_hosts=tuple(given.get("disable_hosts") or ()),
        enable_hosts=tuple(given.get("enable_hosts") or ()),
        ratios=tuple(
            Ratio(
                each["resource_class"],
                each["allocation_ratio"],
                None if each.get("hosts") is None else tuple(each["hosts"]),
                each.get("aggregate"),
            )
            for each in given.get("ratios") or ()
        ),
        aggregates=tuple(
            ChangedAggregate(
                each["name"],
                bool(each.get("new")),
                tuple(each.get("add_hosts") or ()),
                tuple(each.get("remove_hosts") or ()),
                each.get("zone"),
                {
                    str(key): None if value is None else _text(value)
                    for key, value in (each.get("metadata") or {}).items()
                },
            )
            for each in given.get("aggregates") or ()
        ),
        add_hosts=tuple(
            MoreHosts(each["like"], each.get("count", 1), each.get("zone")) for each in given.get("add_hosts") or ()
        ),
    )


def _text(value: t.Any) -> str:
    """A value of YAML as the API keeps it: everything is text, and yes is true."""
    return str(value).lower() if isinstance(value, bool) else str(value)
