package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/gozer-dev/gozer/internal/logfollow"
	"github.com/gozer-dev/gozer/internal/logstore"
)

// Codes with which Zuul closes a console stream.
const (
	consoleBadRequest = websocket.StatusCode(4000)
	consoleError      = websocket.StatusCode(4011)
)

const (
	// maxAsk bounds what a client may send: one small message.
	maxAsk = 4 << 10
	// askTime is how long it may take for that, pingTime how often it is asked
	// whether it is there.
	askTime  = 10 * time.Second
	pingTime = 30 * time.Second
)

// consoleAsk is the first message of a client.
type consoleAsk struct {
	// UUID is the name of a build of the tenant.
	UUID *string `json:"uuid"`
	// LogFile is console.log, as in Zuul.
	LogFile *string `json:"logfile"`
	// Offset is where to begin; Zuul has no such thing.
	Offset int64 `json:"offset"`
}

// consoleStream is Zuul's websocket with the log of a build. Browsers may open
// it from this host's pages only, and from hosts that are allowed.
func (s *server) consoleStream(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.enter(w, r)
	if !ok {
		return
	}
	defer leave()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{OriginPatterns: s.origins, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // it has answered
	}
	defer conn.CloseNow() //nolint:errcheck // it was closed, or there is nobody
	conn.SetReadLimit(maxAsk)
	path, offset, why := readAsk(r.Context(), conn, r.PathValue("tenant"))
	if why != "" {
		_ = conn.Close(consoleBadRequest, why)
		return
	}
	ctx := conn.CloseRead(r.Context()) // what else it sends ends the stream
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go keepAlive(ctx, cancel, conn)
	var text textFrames
	err = s.hub.Follow(ctx, path, offset, nil, func(b []byte) error { return text.send(ctx, conn, b) })
	switch {
	case err == nil:
		_ = conn.Close(websocket.StatusNormalClosure, "No more data")
	case errors.Is(err, logfollow.ErrOffset):
		_ = conn.Close(consoleBadRequest, err.Error())
	case errors.Is(err, logfollow.ErrNotFound):
		_ = conn.Close(consoleError, "no such log: it has not begun, or it is too old")
	case errors.Is(err, logfollow.ErrFull):
		_ = conn.Close(consoleError, "too many follow logs now; try again in a moment")
	case ctx.Err() == nil:
		s.log.Error(err, "A log cannot be followed", "path", path)
		_ = conn.Close(consoleError, "the log broke off; try again")
	}
}

// readAsk reads the first message, and says what is wrong with it.
func readAsk(ctx context.Context, conn *websocket.Conn, tenant string) (path string, offset int64, why string) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, raw, err := conn.Read(ctx)
	if err != nil {
		return "", 0, "a message was expected"
	}
	var ask consoleAsk
	if err := json.Unmarshal(raw, &ask); err != nil {
		return "", 0, "the message is not a JSON object"
	}
	switch {
	case ask.UUID == nil:
		return "", 0, "'uuid' missing from request payload"
	case ask.LogFile == nil:
		return "", 0, "'logfile' missing from request payload"
	case *ask.LogFile != "console.log":
		return "", 0, "the only logfile is console.log"
	}
	k, err := logstore.ParseKey(tenant, *ask.UUID, "0")
	if err != nil {
		return "", 0, "'uuid' is not the name of a build"
	}
	k.Attempt = -1
	return logfollow.Path(k), ask.Offset, ""
}

// keepAlive notices who has gone without a word.
func keepAlive(ctx context.Context, gone func(), conn *websocket.Conn) {
	t := time.NewTicker(pingTime)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		ping, cancel := context.WithTimeout(ctx, slowest)
		err := conn.Ping(ping)
		cancel()
		if err != nil {
			gone()
			return
		}
	}
}

// textFrames cuts a log into texts: each frame must be valid UTF-8 by itself.
type textFrames struct{ rest []byte }

func (f *textFrames) send(ctx context.Context, conn *websocket.Conn, b []byte) error {
	text := f.next(b)
	if len(text) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, slowest)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, text)
}

// next is what can be sent; the beginning of a character waits for its end. It
// is done for each follower: what is right is not copied.
func (f *textFrames) next(b []byte) []byte {
	if len(f.rest) > 0 {
		b = append(f.rest, b...)
		f.rest = nil
	}
	cut := len(b)
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i:]; utf8.RuneStart(c[0]) {
			if !utf8.FullRune(c) {
				cut = len(b) - i
			}
			break
		}
	}
	if cut < len(b) {
		f.rest = append(f.rest, b[cut:]...)
	}
	if utf8.Valid(b[:cut]) {
		return b[:cut]
	}
	return bytes.ToValidUTF8(b[:cut], []byte("\uFFFD"))
}
