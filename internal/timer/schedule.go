package timer

import (
	"math/bits"
	"time"
)

// set of small numbers.
type set uint64

func (s set) has(n int) bool { return s&(1<<n) != 0 }

// from is the least member that is n or more; -1 if there is none.
func (s set) from(n int) int {
	if s >>= n; s == 0 {
		return -1
	}
	return n + bits.TrailingZeros64(uint64(s))
}

// lastDay, among the days, is the last one of every month.
const lastDay = 0

// Schedule is a time that was understood: when it comes, again and again.
type Schedule struct {
	seconds, minutes, hours, days, months, weekdays set
	// Jitter is how much later it may come at the most, in whole seconds.
	Jitter time.Duration
}

// Next is the first moment after another at which the time comes, without jitter.
func (s *Schedule) Next(after time.Time) time.Time {
	t := after.UTC().Truncate(time.Second).Add(time.Second)
	year, month, day := t.Date()
	clock := t.Sub(midnight(year, month, day))
	// Parse refuses what never comes: 29 February, the rarest, comes within
	// eight years, and on a given weekday within forty.
	for {
		if s.isDay(year, month, day) {
			if at, ok := s.inDay(clock); ok {
				return midnight(year, month, day).Add(at)
			}
		}
		if clock = 0; s.months.has(int(month)) {
			day++
		} else {
			month, day = month+1, 1
		}
		year, month, day = midnight(year, month, day).Date()
	}
}

func midnight(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func (s *Schedule) isDay(year int, month time.Month, day int) bool {
	// Zuul's week begins on Monday, Go's on Sunday.
	weekday := (int(midnight(year, month, day).Weekday()) + 6) % 7
	return s.months.has(int(month)) && s.weekdays.has(weekday) &&
		(s.days.has(day) || s.days.has(lastDay) && midnight(year, month, day+1).Day() == 1)
}

// inDay is the first moment of a day, since midnight, that is not before another.
func (s *Schedule) inDay(clock time.Duration) (time.Duration, bool) {
	hour, minute, second := int(clock/time.Hour), int(clock/time.Minute)%60, int(clock/time.Second)%60
	if !s.hours.has(hour) {
		minute, second = 0, 0
	} else if !s.minutes.has(minute) {
		second = 0
	}
	if second = s.seconds.from(second); second < 0 {
		minute, second = minute+1, s.seconds.from(0)
	}
	first := s.minutes.from(0)
	if minute = s.minutes.from(minute); minute < 0 {
		hour, minute, second = hour+1, first, s.seconds.from(0)
	}
	if hour = s.hours.from(hour); hour < 0 {
		return 0, false
	}
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second, true
}
