package history

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open history.
type Store struct {
	db *sql.DB
}

const (
	// busy is how long a write waits for another.
	busy = 10 * time.Second
	// connections let readers go on while one writes.
	connections = 4
	openTime    = 5 * time.Minute
)

// Open opens the history in a file, makes it when there is none, and brings
// an older one up to date.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("history: %w; mount a writable volume there", err)
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, fmt.Errorf("history %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	if err := prepare(ctx, db); err != nil {
		return nil, errors.Join(explain(path, err), db.Close())
	}
	return &Store{db: db}, nil
}

// Close closes the history.
func (s *Store) Close() error { return s.db.Close() }

func dsn(path string) string {
	q := url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()), // first: the next may have to wait
			"journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// errDamaged is what SQLite found in a file that it can open.
var errDamaged = errors.New("it is damaged")

func prepare(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("it was written by a newer version of Gozer (schema %d, this one knows %d); run that version again", current, target)
	}
	_, err = p.Up(ctx)
	return err
}

// explain says what to do about a file that cannot be used.
func explain(path string, err error) error {
	var e *sqlite.Error
	damaged := errors.Is(err, errDamaged)
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
			damaged = true
		}
	}
	if damaged {
		return fmt.Errorf("history %s cannot be used: %w; move the file and those named like it away and start again: a new history begins, and the gate is not affected", path, err)
	}
	return fmt.Errorf("history %s: %w", path, err)
}
