"""zuul_return: hands data from a playbook to Gozer."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os
import tempfile

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

ARGUMENTS = ("data", "file", "secret_data", "secret_file", "path")


def merge(into, new):
    """Objects are merged, anything else is replaced; some lists of `zuul` grow."""
    kept = collected(into, new)
    deep(into, new)
    if kept:
        into.setdefault("zuul", {}).update(kept)


def deep(into, new):
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            deep(into[key], value)
        else:
            into[key] = value


def section(data):
    found = data.get("zuul")
    return found if isinstance(found, dict) else {}


def collected(old, new):
    out = {}
    for key in ("artifacts", "warnings"):
        both = []
        for data in (old, new):
            if isinstance(section(data).get(key), list):
                both += section(data)[key]
        if both:
            out[key] = both
    comments = {}
    for data in (old, new):
        found = section(data).get("file_comments")
        for name, entries in (found.items() if isinstance(found, dict) else ()):
            if isinstance(entries, list):
                comments[name] = comments.get(name, []) + entries
    if comments:
        out["file_comments"] = comments
    return out


def check(data, what):
    if not isinstance(data, dict):
        raise AnsibleActionFail("zuul_return: %s must be an object" % what)
    for key in ("artifacts", "warnings"):
        if not isinstance(section(data).get(key, []), list):
            raise AnsibleActionFail("zuul_return: zuul.%s must be a list" % key)
    for artifact in section(data).get("artifacts", []):
        if not isinstance(artifact, dict) or not isinstance(artifact.get("name"), str) or not isinstance(artifact.get("url"), str):
            raise AnsibleActionFail("zuul_return: each of zuul.artifacts needs a name and a url, both texts")
    for warning in section(data).get("warnings", []):
        if not isinstance(warning, str):
            raise AnsibleActionFail("zuul_return: each of zuul.warnings must be a text")


def read(path):
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError) as e:
        raise AnsibleActionFail("zuul_return: cannot read %s as JSON: %s" % (path, e))


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super(ActionModule, self).run(tmp, task_vars)
        args = self._task.args
        unknown = sorted(set(args) - set(ARGUMENTS))
        if unknown:
            raise AnsibleActionFail("zuul_return: no such argument: %s; it takes %s" % (", ".join(unknown), ", ".join(ARGUMENTS)))
        path = args.get("path") or os.environ["GOZER_RESULTS"]
        results = {"data": {}, "secret_data": {}}
        if os.path.exists(path):
            results.update(read(path))
        for name, source in (("data", "file"), ("secret_data", "secret_file")):
            for what, new in ((source, read(args[source]) if args.get(source) else None), (name, args.get(name))):
                if new is not None:
                    check(new, what)
                    merge(results[name], new)
        (handle, temporary) = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(handle, "w") as f:
            json.dump(results, f)
        os.rename(temporary, path)
        return result
