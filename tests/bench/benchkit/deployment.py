# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the deployment benchmark. Each puts what it took into figures.

a  blank hosts to a guest that is up on each compute
b  the same packages, schema syncs and service starts as a bare shell script: the physical limit
c  the second run, which changes nothing
d  more computes for the running cloud, until each has booted a guest
e  tasks executed per host (counted in a, c and d)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from . import timings
from .clouds import CONTROLLER, BenchError, Cloud, Run
from .measure import Figure, Meter

PARTS = "abcde"
GUEST_PLAYS = ("Guest image", "Guests")  # of playbooks/verify.yml
SITE, COMPUTES, VERIFY = "playbooks/site.yml", "playbooks/computes.yml", "playbooks/verify.yml"


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    parts: str
    computes: int
    add: tuple[int, ...]
    virt_type: str
    keep: bool
    say: Callable[[str], None]

    @property
    def whole(self) -> bool:
        """Whether this is the benchmark as it is documented."""
        return set(self.parts) == set(PARTS) and self.computes == 3 and self.add == (1, 4)


def measure(plan: Plan, number: int) -> tuple[list[Figure], dict[str, str]]:
    """Round `number` (from 0) of the whole plan; the figures, and the versions of what was installed."""
    halves = [_with_roles, _bare]
    if number % 2:
        halves.reverse()  # neither profits from the other for ever
    figures: list[Figure] = []
    versions: dict[str, str] = {}
    for half in halves:
        half(plan, number, figures, versions)
    return sorted(figures, key=lambda figure: figure.part), versions


def _with_roles(plan: Plan, number: int, figures: list[Figure], versions: dict[str, str]) -> None:
    if not set(plan.parts) & set("acde"):
        return
    plan.say(f"blank hosts: a controller and {plan.computes} computes")
    with Cloud("roles", 1 + 2 * number, plan.computes, plan.keep, plan.say) as cloud:
        figure = Figure("a", "blank hosts to a guest on each compute", f"ansible-playbook {SITE} {VERIFY}")
        with Meter(figure, cloud.cpu):
            run = cloud.play(SITE, VERIFY)
        _fill(figure, run)
        _finished(plan, figures, figure)
        versions.update(_versions(cloud))
        if "c" in plan.parts:
            figure = Figure("c", "the second run", f"ansible-playbook {SITE}")
            with Meter(figure, cloud.cpu):
                run = cloud.play(SITE)
            _fill(figure, run)
            changes = timings.changed(run.records)
            if changes:
                raise BenchError("the second run should change nothing, and did: " + "; ".join(changes))
            _finished(plan, figures, figure)
        if "d" in plan.parts:
            for count in plan.add:
                _finished(plan, figures, _more(cloud, count))


def _more(cloud: Cloud, count: int) -> Figure:
    """So many computes more, as an operator adds them."""
    what = f"{count} compute{'s' if count > 1 else ''} more, each with a guest"
    command = f"ansible-playbook {COMPUTES} --limit NEW, ansible-playbook {VERIFY} -e verify_hosts=NEW"
    figure = Figure(f"d{count}", what, command)
    new = ",".join(cloud.add(count))
    with Meter(figure, cloud.cpu):
        install = cloud.play(COMPUTES, "--limit", new)
        check = cloud.play(VERIFY, "-e", f"verify_hosts={new}")
    joined = {**install.plays}
    for play, seconds in check.plays.items():
        joined[play] = joined.get(play, 0.0) + seconds
    _fill(figure, Run(install.records + check.records, joined))
    return figure


def _bare(plan: Plan, number: int, figures: list[Figure], versions: dict[str, str]) -> None:
    if "b" not in plan.parts:
        return
    plan.say(f"blank hosts again, for the bare script: a controller and {plan.computes} computes")
    with Cloud("bare", 2 + 2 * number, plan.computes, plan.keep, plan.say) as cloud:
        packages = cloud.packages()
        figure = Figure(
            "b", "bare script: packages, schemas, services", "bash -s < tests/bench/bare/*.sh, on each host"
        )
        with Meter(figure, cloud.cpu):
            phases = cloud.bare(packages, plan.virt_type)
        times = phases[CONTROLLER]
        for (began, what), (ended, _next) in pairwise(times):
            figure.steps[what] = ended - began
        _finished(plan, figures, figure)
        versions.update(_versions(cloud))
        figure = Figure("b2", "bare script: a guest on each compute after it", f"ansible-playbook {VERIFY}")
        with Meter(figure, cloud.cpu):
            run = cloud.play(VERIFY)
        _fill(figure, run)
        _finished(plan, figures, figure)


def _fill(figure: Figure, run: Run) -> None:
    figure.steps = run.plays
    figure.tasks = timings.executed(run.records)
    figure.slowest = timings.slowest(run.records, 12)


def _finished(plan: Plan, figures: list[Figure], figure: Figure) -> None:
    figures.append(figure)
    busy = f", {figure.others:.0%} of the processors used by something else" if figure.others > 0.1 else ""
    plan.say(f"{figure.part:<3} {figure.name}: {figure.seconds:.1f} s{busy}")


def _versions(cloud: Cloud) -> dict[str, str]:
    found = {
        "debian": cloud.ask(CONTROLLER, "cat /etc/debian_version"),
        "nova": cloud.ask(CONTROLLER, "dpkg-query -W -f '${Version}' nova-common"),
        "libvirt": cloud.ask("cpu1", "dpkg-query -W -f '${Version}' libvirt-daemon"),
    }
    return {name: version for name, version in found.items() if version}
