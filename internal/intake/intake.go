// Package intake takes webhooks in: it verifies them, makes them durable as
// TriggerEvents, and only then answers with success (Zuul: the web server's
// /api/connection/<name>/payload).
//
// A host may send the same thing again, with the same or with a new delivery
// id. The name of the stored event is therefore a digest of what was told, so
// that a repeat is AlreadyExists and changes nothing: of all that was sent, or
// of what the driver knows to identify it (drivers.Identifier).
package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// Store makes events durable.
type Store interface {
	// Save stores the event under its name. Storing it again changes nothing.
	Save(ctx context.Context, e model.TriggerEvent, delivery string) error
}

// Connections finds what is needed to read a connection's webhooks.
type Connections interface {
	// Decoder of the connection and the secret of its webhooks; ErrUnknown when there is none.
	Decoder(ctx context.Context, connection string) (drivers.Decoder, []byte, error)
}

// ErrInvalid says that a Store takes no such event, however often it is given.
var ErrInvalid = errors.New("the event is not valid")

// ErrUnknown says that there is no such connection.
var ErrUnknown = errors.New("there is no such connection")

// Handler answers POST /api/connection/{connection}/payload.
type Handler struct {
	Connections Connections
	Store       Store
	Log         logr.Logger
	Now         func() time.Time

	// large counts the large webhooks that are read now.
	large atomic.Int32
}

// Bounds on a webhook: its size, which is GitHub's own bound, and how long storing
// it may take. Who sends it is not known before it is read, so few large ones are
// read at a time.
const (
	maxBody   = 25 << 20
	largeBody = 1 << 20
	maxLarge  = 4
	storeTime = 8 * time.Second
)

// ServeHTTP takes one webhook.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	connection := r.PathValue("connection")
	log := h.Log.WithValues("connection", connection)
	if r.ContentLength < 0 || r.ContentLength > largeBody {
		defer h.large.Add(-1)
		if h.large.Add(1) > maxLarge {
			http.Error(w, "too many large webhooks at once; send it again", http.StatusServiceUnavailable)
			return
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, fmt.Sprintf("a webhook may have at most %d bytes", maxBody), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the webhook was cut off; send it again", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTime)
	defer cancel()
	decoder, secret, err := h.Connections.Decoder(ctx, connection)
	switch {
	case errors.Is(err, ErrUnknown):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		log.Error(err, "Cannot read the connection")
		http.Error(w, "the connection cannot be read now", http.StatusServiceUnavailable)
		return
	}
	if err := decoder.Verify(r.Header, body, secret); err != nil {
		log.Info("Webhook refused", "reason", err.Error())
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if warner, ok := decoder.(drivers.Warner); ok {
		if warning := warner.Warning(r.Header); warning != "" {
			log.Info("Webhook accepted with a warning", "warning", warning)
		}
	}
	events, ignored, err := decoder.Decode(r.Header, body, h.Now())
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	case ignored != "":
		fmt.Fprintln(w, "ignored:", ignored) //nolint:errcheck // the host has its answer
		return
	}
	h.store(ctx, w, r, decoder, body, events)
}

// store makes the events of a webhook durable, and answers.
func (h *Handler) store(ctx context.Context, w http.ResponseWriter, r *http.Request, decoder drivers.Decoder, body []byte, events []model.TriggerEvent) {
	connection := r.PathValue("connection")
	log := h.Log.WithValues("connection", connection)
	identity := string(body)
	if i, ok := decoder.(drivers.Identifier); ok {
		identity = i.Identity(r.Header, body)
	}
	var stored strings.Builder
	for i, e := range events {
		e.Connection = connection
		e.Name = EventName(connection, e, identity, i)
		err := h.Store.Save(ctx, e, decoder.Delivery(r.Header))
		if errors.Is(err, ErrInvalid) {
			log.Info("Event refused", "event", e.Name, "reason", err.Error())
			http.Error(w, "the webhook says something that no event can have; sending it again does not help", http.StatusUnprocessableEntity)
			return
		}
		if err != nil {
			log.Error(err, "Cannot store the event", "event", e.Name)
			http.Error(w, "the event cannot be stored now; send it again", http.StatusServiceUnavailable)
			return
		}
		log.Info("Event stored", "event", e.Name, "kind", e.Event, "action", e.Action, "project", e.Project, "number", e.Number)
		fmt.Fprintln(&stored, "stored:", e.Name)
	}
	// Not before all are durable: the first byte says that it was a success.
	_, _ = io.WriteString(w, stored.String()) // the host has its answer, or comes again
}

// EventName is a name that what a webhook tells always has, whoever tells it.
func EventName(connection string, e model.TriggerEvent, identity string, index int) string {
	d := sha256.New()
	fmt.Fprintf(d, "%s\n%s/%s\n%d\n%s", connection, e.Event, e.Action, index, identity)
	return "ev-" + hex.EncodeToString(d.Sum(nil))[:32]
}
