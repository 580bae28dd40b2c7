-- +goose Up
-- What a job provides, one name to a line, and its artifacts as JSON; empty without any.
ALTER TABLE builds ADD COLUMN provides TEXT NOT NULL DEFAULT '';
ALTER TABLE builds ADD COLUMN artifacts TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE builds DROP COLUMN artifacts;
ALTER TABLE builds DROP COLUMN provides;
