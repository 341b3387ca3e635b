# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks. Standard library only.

clouds      labs of the benchmarks' own, made from inventories/lab, and what runs on them: playbooks, bare scripts
measure     time, processor time, and what the machine was busy with otherwise
timings     what the progress callback wrote down, by play and by task
deployment  the parts of the deployment benchmark
aggregates  host aggregates, by one task and by a loop of another module
report      a table, JSON, and a section of docs/benchmarks.md
"""
