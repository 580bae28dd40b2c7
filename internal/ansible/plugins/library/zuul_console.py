#!/usr/bin/python
"""zuul_console: nothing is to be started, the node agent has the console."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
module: zuul_console
short_description: accepted, and without effect
description: The console of a node needs no daemon.
options: {}
author: Gozer
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec=dict(
        path=dict(type="str"), port=dict(type="int"), state=dict(type="str", choices=["absent", "present"], default="present"),
    ))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
