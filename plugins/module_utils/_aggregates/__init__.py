# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host aggregates as code: from a declaration and a cloud as it is to the steps that make one of the other.

Private to this collection. Pure functions with the standard library only: no Ansible, no network. From the bottom up:

model        the declaration, the cloud as observed, the plan: dataclasses
declaration  the declaration of YAML values, with errors that name the path
named        what a declaration names: variables, traits
rules        the hosts of a rule
flow         flows of least cost with bounds, which the solver is made of
solve        goals: which hosts an aggregate gets, with the fewest moved
plan         the steps, in an order that Nova accepts, and everything that is wrong, before the first of them
"""
