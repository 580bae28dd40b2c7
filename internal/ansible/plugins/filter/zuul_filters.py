"""The filter zuul_legacy_vars: variables as jobs of old expect them."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type


def zuul_legacy_vars(zuul):
    out = {
        "ZUUL_UUID": zuul["build"],
        "ZUUL_PROJECT": zuul["project"]["name"],
        "ZUUL_SHORT_PROJECT_NAME": zuul["project"]["name"].split("/")[-1],
        "ZUUL_PIPELINE": zuul["pipeline"],
        "ZUUL_VOTING": zuul["voting"],
        "WORKSPACE": "/home/zuul/workspace",
    }
    if zuul.get("timeout") is not None:
        out["BUILD_TIMEOUT"] = str(int(zuul["timeout"]) * 1000)
    if "branch" in zuul:
        out["ZUUL_BRANCH"] = zuul["branch"]
    if "change" in zuul:
        changes = [(i["project"]["name"], i.get("branch", ""), str(i["change"]), str(i["patchset"])) for i in zuul["items"] if "change" in i]
        out["ZUUL_CHANGES"] = "^".join("%s:%s:refs/changes/%s/%s/%s" % (p, b, c[-2:], c, s) for (p, b, c, s) in changes)
        out["ZUUL_CHANGE_IDS"] = " ".join("%s,%s" % (c, s) for (_, _, c, s) in changes)
        out["ZUUL_CHANGE"] = str(zuul["change"])
        out["ZUUL_PATCHSET"] = str(zuul["patchset"])
    if "newrev" in zuul or "oldrev" in zuul:
        out["ZUUL_REFNAME"] = zuul["ref"]
        out["ZUUL_OLDREV"] = zuul.get("oldrev", "0" * 40)
        out["ZUUL_NEWREV"] = zuul.get("newrev", "0" * 40)
    out["TOX_TESTENV_PASSENV"] = " ".join(out)
    return out


class FilterModule(object):
    def filters(self):
        return {"zuul_legacy_vars": zuul_legacy_vars}
