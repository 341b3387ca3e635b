# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a snapshot and answer everything, in a process of its own: seconds and the most memory, as a line of JSON.

Needs nothing but the standard library and the collection in PYTHONPATH::

    python offline.py FILE
"""

from __future__ import annotations

import json
import resource
import sys
import time

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import fits, model


def main(path: str) -> None:
    """Print what it took."""
    began = time.perf_counter()
    snapshot = model.load(path)
    read = time.perf_counter()
    answer = fits.fits(snapshot, hosts=True)
    answered = time.perf_counter()
    print(json.dumps({
        "hosts": len(snapshot.hosts),
        "servers": len(snapshot.servers),
        "flavors": len(answer["flavors"]),
        "read": read - began,
        "answer": answered - read,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
