package drivers

import (
	"context"
	"time"
)

type asOfKey struct{}

// AsOf says that what was read of a change since a moment will do, by the clock of
// who asks: what tells of the change was here by then, so it was read with what that
// tells. Many events of one change then cost one request. Without it a change is
// read anew.
func AsOf(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, asOfKey{}, t)
}

// WillDo says whether what was begun to be read at that time will do.
func WillDo(ctx context.Context, read time.Time) bool {
	t, ok := ctx.Value(asOfKey{}).(time.Time)
	return ok && read.After(t)
}
