# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a question narrows down or assumes, in words for those who read the report and did not ask."""

from __future__ import annotations

import typing as t

from . import words

Params = t.Mapping[str, t.Any]

_TERMS = (
    ("project", "the project %s"),
    ("zone", "the availability zone %s"),
    ("aggregate", "the aggregate %s"),
    ("server_group", "the server group %s"),
)
_HOSTS = (
    ("remove_hosts", "not there"),
    ("disable_hosts", "disabled"),
    ("enable_hosts", "enabled"),
)


def notes(params: Params) -> list[str]:
    """Sentences on the parameters of a question (see ``..questions``), except for its flavors."""
    return [*_terms(params), *_changes(params.get("what_if") or {})]


def _terms(params: Params) -> t.Iterator[str]:
    terms = [text % params[name] for name, text in _TERMS if params.get(name)]
    if params.get("new_server_group"):
        terms.append(f"a new server group with the policy {params['new_server_group']['policy']}")
    if params.get("image_properties"):
        properties = sorted(f"{name}={value}" for name, value in params["image_properties"].items())
        terms.append(f"an image with {words.listed(properties)}")
    if terms:
        yield f"The question is about {words.listed(terms)} only."
    if params.get("boot_from_volume"):
        yield "The servers in question boot from volumes."


def _changes(what_if: Params) -> t.Iterator[str]:
    for name, state in _HOSTS:
        if hosts := what_if.get(name):
            yield f"As if {words.listed(hosts)} {'was' if len(hosts) == 1 else 'were'} {state}."
    for ratio in what_if.get("ratios") or ():
        where = [ratio["aggregate"]] if ratio.get("aggregate") else ratio.get("hosts") or ()
        on = f" on {words.listed(where)}" if where else ""
        yield f"As if the allocation ratio of {ratio['resource_class']} was {ratio['allocation_ratio']:g}{on}."
    if aggregates := what_if.get("aggregates"):
        yield f"As if aggregates were different: {words.listed([one['name'] for one in aggregates])}."
    for more in what_if.get("add_hosts") or ():
        zone = f" in zone {more['zone']}" if more.get("zone") else ""
        number = more.get("count", 1)
        there = f"there {'was' if number == 1 else 'were'} {words.counted(number, 'host')} more"
        yield f"As if {there} like {more['like']}{zone}."
