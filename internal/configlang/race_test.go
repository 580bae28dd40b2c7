//go:build race

package configlang_test

func init() { raceDetector = true }
