"""Evaluates variables once, and writes what came of them to a file.

A variable that is not defined, or refers to one that is not, is left out.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.action import ActionBase
from ansible.template import recursive_check_defined


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super(ActionModule, self).run(tmp, task_vars)
        values = {}
        for name in self._task.args["names"]:
            try:
                value = self._templar.template(name, convert_bare=True)
                recursive_check_defined(value)
                values[name] = json.loads(json.dumps(value, cls=AnsibleJSONEncoder))
            except Exception:  # whatever a template did: the variable is left out
                continue
        path = os.path.join(self._task.args["directory"], "%d.json" % self._task.args["host"])
        with open(path, "w") as f:
            json.dump(values, f)
        result["changed"] = False
        return result
