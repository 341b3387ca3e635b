# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module of the collection promises about check mode, diff mode and the like.

A module takes the first fragment, which only describes the attributes, and then says itself how far it supports them:

    extends_documentation_fragment:
      - scaleout.nova.attributes
    attributes:
      check_mode:
        support: full
      diff_mode:
        support: full
      idempotent:
        support: full

The other fragments of this file also fill in C(support):

    scaleout.nova.attributes.writer       changes something: check mode, diff and idempotence in full
    scaleout.nova.attributes.info         only reads
"""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragments for the attributes of modules."""

    # The descriptions alone; the module adds C(support).
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)) in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    # A module that changes something and keeps all three promises.
    WRITER = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)) in diff mode.
    support: full
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
    support: full
"""

    # A module that only reads.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the target.
    support: full
    details:
      - This module does not modify anything, and behaves in check mode as it does otherwise.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)) in diff mode.
    support: N/A
    details:
      - This module does not modify anything.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
    support: full
"""
