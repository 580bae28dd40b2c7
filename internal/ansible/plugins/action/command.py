"""Tells the module `command` where to put its output while it runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import importlib.util
import os

import ansible.plugins.action
from ansible.module_utils.parsing.convert_bool import boolean


def builtin():
    """Ansible's own plugin, which has the name of this one."""
    path = os.path.join(os.path.dirname(ansible.plugins.action.__file__), "command.py")
    spec = importlib.util.spec_from_file_location("gozer_builtin_command", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ActionModule(builtin().ActionModule):
    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        off = boolean(self._templar.template("{{ zuul_console_disabled | default(false) }}"), strict=False)
        hidden = self._task.no_log or self._play_context.no_log
        if not off and not hidden and "ansible_loop_var" not in task_vars and not self._task.async_val:
            host = "".join(c if c.isalnum() or c in "-." else "_" for c in str(task_vars.get("inventory_hostname", "")))
            self._task.args["zuul_log_id"] = "%s-%s" % (os.environ.get("GOZER_LOG_ID", ""), host)
        return super(ActionModule, self).run(tmp, task_vars)
