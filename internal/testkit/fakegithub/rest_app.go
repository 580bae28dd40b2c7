package fakegithub

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

func (c *call) meta() *reply {
	out := Object{"verifiable_password_authentication": false}
	if v := c.s.options.EnterpriseVersion; v != "" {
		out["installed_version"] = v
	}
	return ok(out)
}

func (c *call) user() *reply {
	if c.who.installation != nil {
		return problem(http.StatusForbidden, "Resource not accessible by integration")
	}
	out := c.s.userObject(c.who.login)
	out["user_view_type"], out["name"], out["email"] = "public", c.who.login, orNil(c.s.user(c.who.login).email)
	return ok(out)
}

func (c *call) app() *reply {
	out := c.s.appObject(c.s.App.Slug)
	out["installations_count"], out["client_id"] = len(c.s.installed()), c.s.clientID()
	return ok(out)
}

func (s *Server) installed() []*Installation {
	return slices.DeleteFunc(slices.Clone(s.installations), func(i *Installation) bool { return i.removed })
}

func (c *call) installations() *reply {
	return ok(c.page(objects(c.s.installed(), (*Installation).object)))
}

func (c *call) repoInstallation() *reply {
	if r := c.s.find(c.path["owner"] + "/" + c.path["repo"]); r != nil {
		if i := c.s.installation(r); i != nil {
			return ok(i.object())
		}
	}
	return notFound()
}

func (c *call) accessToken() *reply {
	id := c.number("installation_id")
	k := slices.IndexFunc(c.s.installed(), func(i *Installation) bool { return i.ID == id })
	if k < 0 {
		return notFound()
	}
	i := c.s.installed()[k]
	if !i.suspended.IsZero() {
		return problem(http.StatusForbidden, "This installation has been suspended")
	}
	t := &token{name: i.limits(), login: c.s.bot(), installation: i, permissions: maps.Clone(i.permissions), expires: c.s.now().Add(time.Hour)}
	if out := c.narrow(t, i); out != nil {
		return out
	}
	permissions := Object{}
	for name, level := range t.permissions {
		permissions[name] = level
	}
	selection := "all"
	if t.repositories != nil || i.selected != nil {
		selection = "selected"
	}
	return created(Object{"token": c.s.newToken("ghs_", t), "expires_at": stamp(t.expires), "permissions": permissions, "repository_selection": selection})
}

// narrow gives the token no more than was asked for.
func (c *call) narrow(t *token, i *Installation) *reply {
	if wanted, given := c.body["permissions"].(Object); given {
		t.permissions = map[string]string{}
		for name, level := range wanted {
			text, _ := level.(string)
			if has := i.permissions[name]; has == "" || has == "read" && text != "read" {
				return problem(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
			}
			t.permissions[name] = text
		}
	}
	names, _ := c.body["repositories"].([]any)
	ids, _ := c.body["repository_ids"].([]any)
	for _, wanted := range append(names, ids...) {
		k := slices.IndexFunc(c.s.visible(i), func(r *Repo) bool {
			number, _ := wanted.(json.Number)
			return r.name == wanted || number.String() == strconv.FormatInt(r.id, 10)
		})
		if k < 0 {
			return problem(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
		t.repositories = append(t.repositories, c.s.visible(i)[k].id)
	}
	return nil
}

func (c *call) installationRepos() *reply {
	if c.who.installation == nil {
		return problem(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	seen := slices.DeleteFunc(c.s.visible(c.who.installation), func(r *Repo) bool { return !c.who.sees(r) })
	return ok(Object{"total_count": len(seen), "repository_selection": c.who.installation.selection(), "repositories": c.page(objects(seen, (*Repo).object))})
}

// deliveries lists the newest first; a cursor goes on where a page ended.
func (c *call) deliveries() *reply {
	size := 30
	if n, err := strconv.Atoi(c.query.Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	// What is under way is not listed yet.
	list := slices.DeleteFunc(slices.Clone(c.s.hooks.deliveries), func(d *Delivery) bool { return d.Status == "queued" })
	slices.Reverse(list)
	if cursor := c.query.Get("cursor"); cursor != "" {
		var id int64
		if _, err := fmt.Sscanf(cursor, "v1_%d", &id); err != nil {
			return problem(http.StatusBadRequest, "Bad cursor")
		}
		list = slices.DeleteFunc(list, func(d *Delivery) bool { return d.ID > id })
	}
	if status := c.query.Get("status"); status != "" {
		list = slices.DeleteFunc(list, func(d *Delivery) bool { return (d.StatusCode < 300 && d.StatusCode > 0) != (status == "success") })
	}
	if len(list) > size {
		c.header.Set("Link", fmt.Sprintf(`<%s>; rel="next"`, c.with("cursor", fmt.Sprintf("v1_%d", list[size].ID))))
		list = list[:size]
	}
	return ok(objects(list, func(d *Delivery) Object { return d.object(false) }))
}

func (c *call) delivery() *reply {
	d := c.s.hooks.delivery(c.number("delivery_id"))
	if d == nil {
		return notFound()
	}
	return ok(d.object(true))
}

// redeliver sends a delivery again, under its own GUID.
func (c *call) redeliver() *reply {
	d := c.s.hooks.delivery(c.number("delivery_id"))
	if d == nil {
		return notFound()
	}
	again := *d
	again.ID, again.Redelivery, again.DeliveredAt, again.Status, again.StatusCode = c.s.id(), true, c.s.now(), "queued", 0
	c.s.hooks.dispatch(&again)
	return &reply{status: http.StatusAccepted, body: Object{}}
}
