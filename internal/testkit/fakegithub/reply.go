package fakegithub

import "net/http"

// reply to a call.
type reply struct {
	status int
	body   any
	// message of a problem; done is a body that needs no completion.
	message string
	errors  []any
	done    bool
	cut     bool
}

// failure is a reply that says no.
type failure = reply

func ok(body any) *reply      { return &reply{status: http.StatusOK, body: body} }
func created(body any) *reply { return &reply{status: http.StatusCreated, body: body} }

// problem in GitHub's words; errors say what in detail.
func problem(status int, message string, errors ...any) *reply {
	return &reply{status: status, message: message, errors: errors}
}

func notFound() *reply { return problem(http.StatusNotFound, "Not Found") }

// invalid is GitHub's answer to a value that it does not take.
func invalid(resource, field, code string) *reply {
	return problem(http.StatusUnprocessableEntity, "Validation Failed", Object{"resource": resource, "field": field, "code": code})
}

// custom is the same with a sentence.
func custom(resource, field, message string) *reply {
	return problem(http.StatusUnprocessableEntity, "Validation Failed", Object{"resource": resource, "field": field, "code": "custom", "message": message})
}
