// Package statusview draws what people see of the gate: the queues of a
// tenant, and the story of one change (Zuul: the status page).
//
// It makes a View from the objects of a tenant as they were read, and text
// from the View. It reads nothing itself and knows no clock. Text that comes
// from changes and builds is hostile: what would move the cursor is taken out.
package statusview
