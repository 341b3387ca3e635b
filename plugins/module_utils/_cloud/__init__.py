# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hands of the collection: sessions with a cloud, and the Nova, Placement and Glance APIs as typed calls.

Private to this collection. From the bottom up:

errors      everything that can go wrong, each as one sentence
session     log in through openstacksdk (clouds.yaml, OS_CLOUD, explicit credentials), find the services
rest        one HTTP call: microversion, time-out, bounded retries, the error in words
waiting     deadlines
parallel    the same change on many things, each again after a conflict, with an account of what was done
nova, placement, glance      readers and writers of what the modules need
providers   all resource providers of a cloud, in few calls
selection   which hosts and providers the options of a module mean
provider_inventories, provider_traits      what changes of a provider, what is wrong with that, what will not last
hosts       what rules ask about compute hosts, and the hosts of a rule
computes    the compute hosts of a cloud, its host aggregates, and changes of services
aggregates  host aggregates: what a plan has to know, its steps carried out, an account of them
snapshot    the whole cloud as one value, for the capacity engine
cells       Nova's cells and host mappings, as the controller's own database has them
guests      boot a guest on each host and take it away again
module      the options that all modules of a cloud share, and how they end
"""
