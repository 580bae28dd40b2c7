// Package intake takes webhooks in: it verifies them, makes them durable as
// TriggerEvents, and only then answers with success (Zuul: the web server's
// /api/connection/<name>/payload).
//
// A host may send the same thing again, with the same or with a new delivery
// id. The name of the stored event is therefore a digest of what was sent, so
// that a repeat is AlreadyExists and changes nothing.
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

// ErrUnknown says that there is no such connection.
var ErrUnknown = errors.New("there is no such connection")

// Handler answers POST /api/connection/{connection}/payload.
type Handler struct {
	Connections Connections
	Store       Store
	Log         logr.Logger
	Now         func() time.Time
}

// Bounds on a webhook: its size and how long storing it may take.
const (
	maxBody   = 4 << 20
	storeTime = 8 * time.Second
)

// ServeHTTP takes one webhook.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	connection := r.PathValue("connection")
	log := h.Log.WithValues("connection", connection)
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
	events, ignored, err := decoder.Decode(r.Header, body, h.Now())
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	case ignored != "":
		fmt.Fprintln(w, "ignored:", ignored) //nolint:errcheck // the host has its answer
		return
	}
	var stored strings.Builder
	for i, e := range events {
		e.Connection = connection
		e.Name = EventName(connection, e.Event+"/"+e.Action, body, i)
		if err := h.Store.Save(ctx, e, decoder.Delivery(r.Header)); err != nil {
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

// EventName is a name that the same webhook always has.
func EventName(connection, kind string, body []byte, index int) string {
	d := sha256.New()
	fmt.Fprintf(d, "%s\n%s\n%d\n", connection, kind, index)
	d.Write(body)
	return "ev-" + hex.EncodeToString(d.Sum(nil))[:32]
}
