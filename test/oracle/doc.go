// Package oracle has a test that compares what Gozer makes of public
// configurations with what Zuul makes of them, as it was recorded: the errors
// of each tenant, and every frozen job in all fields.
package oracle
