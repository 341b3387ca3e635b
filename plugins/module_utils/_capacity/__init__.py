# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The head of the collection: what a cloud can still hold, computed from a snapshot of it.

Private to this collection. Pure functions with the standard library only: no Ansible, no network. From the bottom up:

errors      everything that can be wrong with a question or a snapshot, each as one sentence
model       the snapshot of a cloud: dataclasses, and their JSON file
inventory   arithmetic of one inventory: capacity, units, how many times an amount fits
groups      what is asked of Placement: request groups with resources, traits and aggregates
packing     how often something can be packed into what is left: formulas, and a search with proven bounds
plans       from a request and the shape of a tree to what has to be packed: Placement's rules
sharing     providers that several trees share: a flow
limits      what may be the limit, each as the request without it
trees       provider trees against a request: does it fit, how many more, what is the limit
request     the request that Nova would make for a flavor
rules       what Nova adds to Placement: services, zones, aggregates, server groups
fits, mix, whatif      the questions
"""
